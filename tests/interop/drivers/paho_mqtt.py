"""The driver of paho-mqtt. The line protocol is described in README.md."""

import base64
import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}
BINARY = "correlation_data"
output = threading.Lock()


def say(**line):
    with output:
        print(json.dumps(line), flush=True)


def to_paho(properties, packet_type):
    """`content_type` is `ContentType` to paho; setting one that may repeat adds to it."""
    made = Properties(packet_type)
    for name, value in (properties or {}).items():
        if name == BINARY:
            value = base64.b64decode(value)
        if name == "user_property":
            value = [tuple(pair) for pair in value]
        setattr(made, "".join(word.capitalize() for word in name.split("_")), value)
    return made


def from_paho(properties):
    found = {}
    for name in properties.names if properties else ():
        value = getattr(properties, name.replace(" ", ""), None)
        if value is not None:
            name = name.lower().replace(" ", "_")
            found[name] = base64.b64encode(value).decode() if name == BINARY else value
    return found


class User:
    def __init__(self, name):
        self.name = name
        self.client = None
        self.opening = self.closing = None
        # Commands by packet identifier, or before that is known, what was acknowledged already.
        self.waiting, self.early = {}, {}
        self.lock = threading.Lock()
        self.unacknowledged = []

    def answer(self, number, **result):
        say(id=number, result=result)

    def make(self, command):
        version = VERSIONS[command["version"]]
        clean = {} if version == mqtt.MQTTv5 else {"clean_session": command["clean"]}
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            command["client_id"],
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=command.get("manual_ack", False),
            **clean,
        )
        # Receive Maximum is not looked at.
        client.max_inflight_messages_set(10)
        client.on_connect, client.on_disconnect = self.on_connect, self.on_disconnect
        client.on_message = self.on_message
        client.on_publish = lambda client, data, mid, reason, properties: self.acked(mid, [reason])
        client.on_subscribe = lambda client, data, mid, reasons, properties: self.acked(mid, reasons)
        client.on_unsubscribe = client.on_subscribe
        if ca := command.get("ca"):
            client.tls_set(ca)
        if will := command.get("will"):
            properties = to_paho(will["properties"], PacketTypes.WILLMESSAGE) if version == mqtt.MQTTv5 else None
            payload = base64.b64decode(will["payload"])
            client.will_set(will["topic"], payload, will["qos"], will["retain"], properties)
        return client

    def connect(self, command):
        self.opening = command["id"]
        version_5 = command["version"] == "5.0"
        same = self.client is not None and not command["clean"]
        if same:
            self.client.loop_stop()
        else:
            self.client = self.make(command)
        more = {}
        if version_5:
            properties = to_paho(command["properties"], PacketTypes.CONNECT)
            more = {"clean_start": command["clean"], "properties": properties}
        self.client.connect(command["host"], command["port"], command["keep_alive"], **more)
        self.client.loop_start()

    def subscribe(self, command):
        [wanted] = command["filters"]
        if self.client.protocol == mqtt.MQTTv5:
            options = SubscribeOptions(
                wanted["qos"],
                wanted.get("no_local", False),
                wanted.get("retain_as_published", False),
                wanted.get("retain_handling", 0),
            )
            properties = to_paho(command["properties"], PacketTypes.SUBSCRIBE)
            _, mid = self.client.subscribe(wanted["filter"], options=options, properties=properties)
        else:
            _, mid = self.client.subscribe(wanted["filter"], wanted["qos"])
        self.wait(mid, command)

    def unsubscribe(self, command):
        _, mid = self.client.unsubscribe(command["filters"])
        self.wait(mid, command)

    def publish(self, command):
        command["left"], command["reasons"] = len(command["messages"]), []
        for message in command["messages"]:
            properties = None
            if self.client.protocol == mqtt.MQTTv5:
                properties = to_paho(message["properties"], PacketTypes.PUBLISH)
            payload = base64.b64decode(message["payload"])
            sent = self.client.publish(message["topic"], payload, message["qos"], message["retain"], properties)
            self.wait(sent.mid, command)

    def ack(self, command):
        message = self.unacknowledged.pop(0)
        self.client.ack(message.mid, message.qos)
        self.answer(command["id"])

    def disconnect(self, command):
        self.closing = command["id"]
        reason = ReasonCode(PacketTypes.DISCONNECT, identifier=command["reason"])
        self.client.disconnect(reason if self.client.protocol == mqtt.MQTTv5 else None)

    def close(self, command):
        if self.client:
            self.client.on_disconnect = None
            self.client.disconnect()
            self.client.loop_stop()
        self.answer(command["id"])

    def wait(self, mid, command):
        with self.lock:
            early = self.early.pop(mid, None)
            if early is None:
                self.waiting[mid] = command
        if early is not None:
            self.done(command, early)

    def acked(self, mid, reasons):
        with self.lock:
            command = self.waiting.pop(mid, None)
            if command is None:
                self.early[mid] = reasons
        if command is not None:
            self.done(command, reasons)

    def done(self, command, reasons):
        reasons = [reason.value for reason in reasons]
        if command["do"] != "publish":
            return self.answer(command["id"], reasons=reasons)
        command["reasons"] += reasons
        command["left"] -= 1
        if not command["left"]:
            self.answer(command["id"], reasons=command["reasons"])

    def on_connect(self, client, data, flags, reason, properties):
        found = from_paho(properties)
        self.answer(self.opening, session_present=flags.session_present, reason=reason.value, properties=found)

    def on_disconnect(self, client, data, flags, reason, properties):
        say(client=self.name, event="closed", reason=reason.value if flags.is_disconnect_packet_from_server else None)
        if self.closing is not None:
            self.answer(self.closing)
            self.closing = None

    def on_message(self, client, data, message):
        self.unacknowledged.append(message)
        say(
            client=self.name,
            event="message",
            topic=message.topic,
            payload=base64.b64encode(message.payload).decode(),
            qos=message.qos,
            retain=bool(message.retain),
            properties=from_paho(getattr(message, "properties", None)),
        )


def main():
    users = {}
    for line in sys.stdin:
        command = json.loads(line)
        user = users.setdefault(command["client"], User(command["client"]))
        try:
            getattr(user, command["do"])(command)
        except Exception as error:
            say(id=command["id"], error=f"{type(error).__name__}: {error}")
        if command["do"] == "close":
            del users[command["client"]]


main()

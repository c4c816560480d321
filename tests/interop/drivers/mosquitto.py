"""The driver of mosquitto_sub and mosquitto_pub: mosquitto.py SUB PUB

Each subscription is a process of mosquitto_sub, each message one of mosquitto_pub. The line protocol is described in
README.md; `holes.py` has what can't be said in it.
"""

import base64
import json
import queue
import subprocess
import sys
import threading

SUB, PUB = sys.argv[1:]
VERSIONS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}
# What a message is printed as: fields between tabs. The payload is in hex.
FIELDS = {"topic": "%t", "qos": "%q", "retain": "%r", "payload": "%x"}
PROPERTIES = {
    "content_type": "%C",
    "correlation_data": "%D",
    "message_expiry_interval": "%E",
    "payload_format_indicator": "%F",
    "response_topic": "%R",
    "subscription_identifier": "%S",
    "user_property": "%P",
}
FORMAT = "\t".join(["message", *FIELDS.values(), *PROPERTIES.values()])
output = threading.Lock()


def say(**line):
    with output:
        print(json.dumps(line), flush=True)


def options_of(packet, properties):
    """Properties as options of the command line."""
    for name, value in properties.items():
        name = name.replace("_", "-")
        if name == "correlation-data":
            value = base64.b64decode(value).decode()
        for pair in value if name == "user-property" else [[value]]:
            yield from ["-D", packet, name, *map(str, pair)]


def message_of(line):
    """A message from its fields."""
    fields = line.split("\t")[1:]
    message = dict(zip(FIELDS, fields))
    payload = base64.b64encode(bytes.fromhex(message["payload"])).decode()
    properties = {name: value for name, value in zip(PROPERTIES, fields[len(FIELDS) :]) if value}
    for name in ("message_expiry_interval", "payload_format_indicator"):
        if name in properties:
            properties[name] = int(properties[name])
    if "subscription_identifier" in properties:
        properties["subscription_identifier"] = [int(properties["subscription_identifier"])]
    if "user_property" in properties:
        properties["user_property"] = [pair.split(":", 1) for pair in properties["user_property"].split(" ")]
    if "correlation_data" in properties:
        properties["correlation_data"] = base64.b64encode(properties["correlation_data"].encode()).decode()
    message |= {"qos": int(message["qos"]), "retain": message["retain"] == "1", "payload": payload}
    return {**message, "properties": properties}


class User:
    def __init__(self, name):
        self.name = name
        self.filters = []
        self.process = None
        # What was acknowledged and is not reported yet, and the command that waits for it.
        self.subscribed = queue.Queue()

    def connect(self, command):
        """Starts nothing for a client that only publishes, or has to subscribe first."""
        if self.process:
            # The link was cut, and mosquitto_sub comes back by itself.
            return self.report(command)
        self.options = ["-V", VERSIONS[command["version"]], "-h", command["host"], "-p", str(command["port"])]
        if command["ca"]:
            self.options += ["--cafile", command["ca"]]
        properties = command["properties"]
        self.session = ["-i", command["client_id"], "-k", str(command["keep_alive"])]
        self.session += [] if command["clean"] else ["-c"]
        if "session_expiry_interval" in properties:
            self.session += ["-x", str(properties.pop("session_expiry_interval"))]
        self.session += options_of("connect", properties)
        if will := command["will"]:
            payload = base64.b64decode(will["payload"]).decode()
            self.session += ["--will-topic", will["topic"], "--will-payload", payload, "--will-qos", str(will["qos"])]
            self.session += ["--will-retain"] if will["retain"] else []
            self.session += options_of("will", will["properties"])
            self.filters = ["-t", f"interop/nothing/{self.name}"]
        if self.filters:
            self.run()
            self.report(command)
        else:
            say(id=command["id"], result={"session_present": None, "reason": 0, "properties": {}})

    def subscribe(self, command):
        [wanted] = command["filters"]
        self.filters = ["-t", wanted["filter"], "-q", str(wanted["qos"])]
        self.filters += ["--retain-as-published"] if wanted.get("retain_as_published") else []
        self.filters += options_of("subscribe", command["properties"])
        self.run()
        self.report(command)

    def run(self):
        line = ["stdbuf", "-oL", SUB, "-d", *self.options, *self.session, *self.filters, "-F", FORMAT]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, args=(self.process,), daemon=True).start()

    def listen(self, process):
        connects = 0
        for line in process.stdout:
            line = line.rstrip("\n")
            if line.startswith("message\t"):
                say(client=self.name, event="message", **message_of(line))
            elif line.startswith("Subscribed (mid: "):
                self.subscribed.put([int(reason) for reason in line.split("): ")[1].split(", ")])
            elif line.endswith("sending CONNECT"):
                connects += 1
                if connects > 1:
                    say(client=self.name, event="closed", reason=None)
        say(client=self.name, event="closed", reason=None)

    def report(self, command):
        """Answers the command when the next subscription is acknowledged."""

        def wait():
            reasons = self.subscribed.get()
            say(id=command["id"], result={"session_present": None, "reason": 0, "reasons": reasons, "properties": {}})

        threading.Thread(target=wait, daemon=True).start()

    def publish(self, command):
        threading.Thread(target=self.publish_all, args=(command,), daemon=True).start()

    def publish_all(self, command):
        messages = command["messages"]
        payloads = [base64.b64decode(message.pop("payload")) for message in messages]
        if all(message == messages[0] for message in messages) and all(payload.isalnum() for payload in payloads):
            done = self.pub(messages[0], ["-l"], b"".join(payload + b"\n" for payload in payloads))
        else:
            # Nothing on stdin would be an error.
            pairs = zip(messages, payloads)
            done = all(self.pub(message, ["-s" if payload else "-n"], payload) for message, payload in pairs)
        if done:
            say(id=command["id"], result={"reasons": [0] * len(messages)})
        else:
            say(id=command["id"], error="mosquitto_pub has failed")

    def pub(self, message, how, payload):
        line = [PUB, *self.options, *how, "-t", message["topic"], "-q", str(message["qos"])]
        line += ["-r"] if message["retain"] else []
        line += options_of("publish", message["properties"])
        return subprocess.run(line, input=payload, stdout=sys.stderr).returncode == 0

    def disconnect(self, command):
        self.end(subprocess.Popen.terminate)
        say(id=command["id"], result={})

    def close(self, command):
        self.end(subprocess.Popen.kill)
        say(id=command["id"], result={})

    def end(self, how):
        if self.process:
            how(self.process)
            self.process.wait()
            self.process = None


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
    for user in users.values():
        user.end(subprocess.Popen.kill)


main()

"""The driver of mosquitto_sub and mosquitto_pub: mosquitto_driver.py SUB PUB

Each subscription is a process of mosquitto_sub, each message one of mosquitto_pub. The line protocol is described in
README.md; `holes.py` has what can't be said in it.
"""

import base64
import json
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
    return {**message, "qos": int(message["qos"]), "retain": message["retain"] == "1", "payload": payload, "properties": properties}


class User:
    def __init__(self, name):
        self.name = name
        self.filters = []
        self.process = None

    def connect(self, command):
        """Nothing is needed for a client that only publishes."""
        self.options = ["-V", VERSIONS[command["version"]], "-h", command["host"], "-p", str(command["port"])]
        if command["ca"]:
            self.options += ["--cafile", command["ca"]]
        session = [] if command["clean"] else ["-c"]
        self.session = ["-i", command["client_id"], "-k", str(command["keep_alive"]), *session]
        self.session += options_of("connect", command["properties"])
        if will := command["will"]:
            payload = base64.b64decode(will["payload"]).decode()
            self.session += ["--will-topic", will["topic"], "--will-payload", payload, "--will-qos", str(will["qos"])]
            self.session += ["--will-retain"] if will["retain"] else []
            self.session += options_of("will", will["properties"])
            # A client that is there without subscribing is none that mosquitto_sub can be.
            self.run(command, ["-t", f"interop/nothing/{self.name}"])
        elif self.filters:
            self.run(command, self.filters)
        else:
            say(id=command["id"], result={"session_present": None, "reason": 0, "properties": {}})

    def subscribe(self, command):
        [wanted] = command["filters"]
        self.filters = ["-t", wanted["filter"], "-q", str(wanted["qos"])]
        self.filters += ["--retain-as-published"] if wanted.get("retain_as_published") else []
        self.filters += options_of("subscribe", command["properties"])
        self.run(command, self.filters)

    def run(self, command, filters):
        """Starts mosquitto_sub, and answers the command when its subscription is acknowledged."""
        line = ["stdbuf", "-oL", SUB, "-d", *self.options, *self.session, *filters, "-F", FORMAT]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, args=(self.process, command), daemon=True).start()

    def listen(self, process, command):
        for line in process.stdout:
            line = line.rstrip("\n")
            if line.startswith("message\t"):
                say(client=self.name, event="message", **message_of(line))
            elif line.startswith("Subscribed"):
                reasons = [int(reason) for reason in line.split(": ")[1:][1].split(", ")]
                say(id=command["id"], result={"session_present": None, "reason": 0, "reasons": reasons, "properties": {}})
            elif "sending CONNECT" in line and process.poll() is None:
                # Once more: it does not give up when a link is cut.
                self.attempts = getattr(self, "attempts", 0) + 1
        say(client=self.name, event="closed", reason=None)

    def publish(self, command):
        for message in command["messages"]:
            line = [PUB, *self.options, "-t", message["topic"], "-q", str(message["qos"]), "-s"]
            line += ["-r"] if message["retain"] else []
            line += options_of("publish", message["properties"])
            subprocess.run(line, input=base64.b64decode(message["payload"]), check=True)
        say(id=command["id"], result={"reasons": [0] * len(command["messages"])})

    def disconnect(self, command):
        self.end(lambda process: process.terminate())
        say(id=command["id"], result={})

    def close(self, command):
        self.end(lambda process: process.kill())
        say(id=command["id"], result={})

    def end(self, how):
        if self.process:
            how(self.process)
            self.process.wait()
            self.process = None

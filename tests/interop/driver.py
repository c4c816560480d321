"""The runner's side of the line protocol: a process with many clients of one library."""

import base64
import concurrent.futures
import json
import queue
import subprocess
import threading
from dataclasses import dataclass, field

# How long a peer may take for anything, on a machine that has a lot to do.
PATIENCE = 40


class Failure(Exception):
    """What a peer did is not what the scenario expects."""


@dataclass
class Message:
    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: dict = field(default_factory=dict)

    def to_json(self):
        return {**vars(self), "payload": encode(self.payload), "properties": encode_properties(self.properties)}


def encode(data):
    return base64.b64encode(data).decode()


def encode_properties(properties):
    return {name: encode(value) if isinstance(value, bytes) else value for name, value in properties.items()}


def decode_properties(properties):
    if "correlation_data" in properties:
        properties["correlation_data"] = base64.b64decode(properties["correlation_data"])
    return properties


class Driver:
    def __init__(self, command, log, environment):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=environment)
        self.clients = {}
        self._answers = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, client, do, **arguments):
        """Sends a command, and gives its answer once there is one."""
        answer = concurrent.futures.Future()
        with self._lock:
            number = len(self._answers)
            self._answers[number] = answer
            line = {"id": number, "client": client, "do": do, **arguments}
            try:
                self.process.stdin.write(json.dumps(line).encode() + b"\n")
                self.process.stdin.flush()
            except OSError:
                raise Failure("the driver has ended") from None
        return answer

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "id" in said:
                answer = self._answers[said["id"]]
                if answer.done():
                    continue  # several messages of one command failed
                if "error" in said:
                    answer.set_exception(Failure(said["error"]))
                else:
                    answer.set_result(said["result"])
            elif client := self.clients.get(said["client"]):
                client.heard(said)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Failure("the driver has ended"))


class Client:
    """A client by its name, which is its client identifier, too."""

    def __init__(self, driver, name, version, port, relay=None, ca=None):
        self.driver, self.name, self.version = driver, name, version
        self.port, self.relay, self.ca = port, relay, ca
        self.messages = queue.Queue()
        self.closed = queue.Queue()
        driver.clients[name] = self

    def heard(self, said):
        if said["event"] == "message":
            self.messages.put(
                Message(
                    said["topic"],
                    base64.b64decode(said["payload"]),
                    said["qos"],
                    said["retain"],
                    decode_properties(said["properties"]),
                )
            )
        else:
            self.closed.put(said)

    # Commands. Those that are called `start_...` do not wait.

    def start(self, do, **arguments):
        return self.driver.start(self.name, do, **arguments)

    def call(self, do, **arguments):
        return result(self.start(do, **arguments), f"{do} was not answered")

    def connect(self, session=False, will=None, client_id=None, keep_alive=60, properties=None, **more):
        """Connects; with `session`, to one that lasts and perhaps goes on. Gives what CONNACK says."""
        properties = dict(properties or {})
        if session and self.version == "5.0":
            properties.setdefault("session_expiry_interval", 60)
        connack = self.call(
            "connect",
            host="localhost" if self.ca else "127.0.0.1",
            port=self.port,
            version=self.version,
            client_id=self.name if client_id is None else client_id,
            clean=not session,
            keep_alive=keep_alive,
            will=will and will.to_json(),
            properties=properties,
            ca=self.ca,
            **more,
        )
        if connack["reason"]:
            raise Failure(f"the broker refuses the connection: {connack['reason']:#x}")
        return connack

    def subscribe(self, filter, qos=0, properties=None, **options):
        """Gives the reason code."""
        filters = [{"filter": filter, "qos": qos, **options}]
        return self.call("subscribe", filters=filters, properties=properties or {})["reasons"][0]

    def unsubscribe(self, filter):
        return self.call("unsubscribe", filters=[filter])["reasons"]

    def start_publish(self, *messages):
        return self.start("publish", messages=[message.to_json() for message in messages])

    def publish(self, *messages):
        """Returns when all are acknowledged, and gives the reason codes."""
        return result(self.start_publish(*messages), "a message was not acknowledged")["reasons"]

    def disconnect(self, reason=0):
        return self.call("disconnect", reason=reason)

    # What came.

    def next(self, timeout=PATIENCE):
        try:
            return self.messages.get(timeout=timeout)
        except queue.Empty:
            raise Failure("a message did not come") from None

    def expect(self, *payloads):
        """The next messages have these payloads. Gives them."""
        messages = [self.next() for _ in payloads]
        equal([message.payload for message in messages], list(payloads), "payloads")
        return messages

    def expect_none(self, seconds=0.3):
        """Nothing more comes."""
        try:
            message = self.messages.get(timeout=seconds)
        except queue.Empty:
            return
        raise Failure(f"a message that should not come: {brief(message)}")

    def wait_closed(self):
        """Waits for the end of the connection, and gives the reason code of the broker's DISCONNECT, if any."""
        try:
            return self.closed.get(timeout=PATIENCE).get("reason")
        except queue.Empty:
            raise Failure("the connection was not closed") from None

    def cut(self):
        """Cuts the link."""
        self.relay.cut()
        self.wait_closed()


def result(answer, complaint):
    try:
        return answer.result(PATIENCE)
    except concurrent.futures.TimeoutError:
        raise Failure(complaint) from None


def equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: {brief(actual)} instead of {brief(expected)}")


def brief(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:150]}... ({len(text)} characters)"

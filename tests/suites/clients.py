"""mosquitto's scripted exchanges for clients: the suite is the server, and `examples/scripted_client.rs` the client.

The suite's own client sends a fixed set of properties along with what it is told to send in 5.0; ours sends none. So of the
packets that a command sends, only the type and the packet identifier are compared.
"""

import json
import socket
import subprocess
import sys

import fetch

COMMANDS = {"publish-1": "publish1", "publish-2": "publish2", "unsubscribe": "unsubscribe", None: "none"}


class Wrong(Exception):
    """The client did something else."""


class Client:
    """The program, which makes a connection for each line."""

    def __init__(self, log):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        command = [fetch.TARGET / "debug/examples/scripted_client"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
        )

    def connect(self, version, clean_start, command):
        port = self.listener.getsockname()[1]
        self.process.stdin.write(f"{port} {version} {int(clean_start)} {COMMANDS[command]}\n")
        sock, _ = self.listener.accept()
        sock.settimeout(5)
        return sock

    def report(self):
        return self.process.stdout.readline().strip()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.listener.close()


def run(place):
    tests = place.mosquitto / "test"
    sys.path[:0] = [str(tests)]
    import mosq_test

    parse = parser(tests)
    with (place.folder / "log").open("wb") as log:
        client = Client(log)
        try:
            for file in sorted((tests / "lib/data").glob("*.json")):
                for group in json.loads(file.read_text()):
                    for test in [] if group.get("disable") else group["tests"]:
                        name = f"{file.stem}: {group['group']}: {test['name']}"
                        if place.wants(name):
                            yield name, attempt(mosq_test, parse, client, {**group, **test})
        finally:
            client.stop()


def attempt(mosq_test, parse, client, test):
    """What went wrong, if anything did."""
    version = test.get("ver", 4)
    sock = client.connect(version, test.get("clean_start", True), test.get("command"))
    try:
        if test.get("connect", True):
            expect(sock, mosq_test.gen_connect("fuzzish", proto_ver=version))
        else:
            packet(sock)
        if test.get("connack", True):
            properties = bytes.fromhex("210014")
            sock.sendall(mosq_test.gen_connack(rc=0, proto_ver=version, properties=properties, property_helper=False))
        for message in test.get("group_msgs", []):
            expected, came = parse(message["payload"]), packet(sock)
            if came[:1] != expected[:1] or b"\0\1" not in came:
                raise Wrong(f"{came.hex(' ')}, and not what was asked for")
        for message in test["msgs"]:
            if message["type"] == "send":
                sock.sendall(parse(message["payload"]))
            else:
                expect(sock, parse(message["payload"]))
        alive = is_alive(mosq_test, sock, version)
        if alive == test.get("expect_disconnect", True):
            raise Wrong("it goes on" if alive else "it is over")
    except Wrong as wrong:
        problem = str(wrong)
    except OSError as error:
        problem = f"{type(error).__name__} {error}"
    else:
        problem = None
    sock.close()
    report = client.report()
    return problem and f"{problem}; the client says: {report.partition(' ')[2]}"


def parser(tests):
    """Their own, which reads what the exchanges are written in: the one for clients runs at once when it is imported."""
    sys.path[:0] = [str(tests / "broker")]
    sys.argv[1:] = []
    import msg_sequence_test

    return msg_sequence_test.parse_message


def is_alive(mosq_test, sock, version):
    """Whether the client still acknowledges a message."""
    try:
        sock.sendall(mosq_test.gen_publish("alive check", qos=1, payload="payload", mid=65535, proto_ver=version))
        return receive(sock, 4) == mosq_test.gen_puback(mid=65535, proto_ver=version)
    except ConnectionError:
        return False


def expect(sock, expected):
    came = receive(sock, len(expected))
    if came != expected:
        raise Wrong(f"{came.hex(' ') or 'nothing'}, not {expected.hex(' ')}")


def receive(sock, size):
    came = b""
    while len(came) < size and (more := sock.recv(size - len(came))):
        came += more
    return came


def packet(sock):
    """A whole packet, which is a short one."""
    head = receive(sock, 2)
    return head + receive(sock, head[1]) if len(head) == 2 else head

#!/usr/bin/env python3
"""Records the conversations in this folder: v3.1.txt, v3.1.1.txt and v5.0.txt.

Needs mosquitto with its clients, and paho-mqtt (pip) for what those clients cannot do.

    python3 record.py [folder]

A broker on a loopback port is reached only through a relay, which notes every read of both
directions. The text format is explained in the head of each file. The refusals that
mosquitto_pub reports on the way are part of the recording.
"""

import getpass
import pathlib
import select
import shlex
import socket
import socketserver
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import version

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

LOOPBACK = "127.0.0.1"
BYTES_PER_LINE = 32
PINGRESP = b"\xd0\x00"
QUIET = 0.4  # seconds without a byte after which an exchange counts as over

VERSIONS = {
    "3.1": ("mqttv31", mqtt.MQTTv31),
    "3.1.1": ("mqttv311", mqtt.MQTTv311),
    "5.0": ("mqttv5", mqtt.MQTTv5),
}

HEAD = """\
# MQTT {version}, recorded with record.py: {broker} with its clients, and paho-mqtt {paho}.
# "= name" opens the log of one TCP connection; the comment below it says who connected
# (record.py has what "..." stands for).
# "> hex" is what the client sent, "< hex" what the server sent, in the order it passed.
# A line is one TCP read, cut after {cut} bytes: a packet may span lines, a line may hold several.
"""

# The second listener is there for what a broker may refuse to support.
CONFIG = """\
user {user}
allow_anonymous true
password_file {folder}/passwords
acl_file {folder}/acl
max_keepalive 90
max_packet_size 2000
listener {open} 127.0.0.1
listener {narrow} 127.0.0.1
max_qos 1
max_topic_alias 0
"""

ACL = """\
topic readwrite #
topic deny secret/#
user meter
topic readwrite #
"""


@dataclass(eq=False)
class Connection:
    """The log of one TCP connection, and the mosquitto client that opened it, if one did."""

    name: str
    says: str
    chunks: list = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen | None = None


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes between a client and the broker, noting them in the recorder's newest log."""

    daemon_threads = True

    def __init__(self, recorder, broker_port):
        super().__init__((LOOPBACK, 0), None)
        self.recorder = recorder
        self.broker_port = broker_port
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, client, address):
        connection = self.recorder.claim()
        if connection is None:
            return  # a client that tries again by itself is not part of the recording
        try:
            with socket.create_connection((LOOPBACK, self.broker_port)) as broker:
                self.pass_on(connection, {client: (">", broker), broker: ("<", client)})
        except ConnectionError:
            pass  # one side was cut off
        finally:
            connection.closed.set()

    def pass_on(self, connection, routes):
        while True:
            for source in select.select(list(routes), [], [])[0]:
                mark, target = routes[source]
                data = source.recv(4096)
                if not data:
                    return
                if mark == "<" and connection is self.recorder.losing:
                    continue
                connection.chunks.append((mark, data))
                self.recorder.last_byte = time.monotonic()
                target.sendall(data)


class Recorder:
    """A broker, the relays in front of it, and the log of each connection."""

    def __init__(self, version, folder):
        self.version = version
        self.option, self.protocol = VERSIONS[version]
        self.connections = []
        self.unclaimed = None
        self.last_byte = 0.0
        self.losing = None
        ports = {"open": free_port(), "narrow": free_port()}
        config = folder / "mosquitto.conf"
        # Named so that a broker started by root stays able to read the folder.
        config.write_text(CONFIG.format(user=getpass.getuser(), folder=folder, **ports))
        (folder / "acl").write_text(ACL)
        password = ["mosquitto_passwd", "-c", "-b", folder / "passwords", "meter", "sesame"]
        subprocess.run(password, check=True)
        self.broker = subprocess.Popen(["mosquitto", "-c", config], stderr=subprocess.DEVNULL)
        wait_for(lambda: all(map(is_open, ports.values())))
        self.relays = {name: Relay(self, port) for name, port in ports.items()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        clients = [c.process for c in self.connections if c.process]
        for process in [*clients, self.broker]:
            process.kill()
            process.wait()
        for relay in self.relays.values():
            relay.shutdown()
            relay.server_close()

    def expect(self, name, says):
        """Opens the log of the connection that the next client makes."""
        self.unclaimed = Connection(name, says)
        self.connections.append(self.unclaimed)
        return self.unclaimed

    def claim(self):
        connection, self.unclaimed = self.unclaimed, None
        return connection

    def lose_answers(self):
        """From here on, what the server sends on the newest connection gets lost on the way."""
        self.losing = self.connections[-1]

    def settle(self):
        """Waits until the newest connection was answered, and then until nothing passes."""
        newest = self.connections[-1]
        wait_for(lambda: any(mark == "<" for mark, _ in list(newest.chunks)))
        self.last_byte = time.monotonic()
        wait_for(lambda: time.monotonic() - self.last_byte > QUIET)

    def wait_for_answer(self, connection, ending):
        """Waits until the server has sent something with this ending."""
        chunks = connection.chunks
        wait_for(lambda: any(c[0] == "<" and c[1].endswith(ending) for c in list(chunks)))
        self.settle()

    def start(self, name, command, listener="open"):
        """Starts a mosquitto client and leaves it connected."""
        program, *options = shlex.split(command)
        says = textwrap.shorten(command, 90, placeholder=" ...", break_on_hyphens=False)
        connection = self.expect(name, says)
        route = ["-h", LOOPBACK, "-p", str(self.relays[listener].port), "-V", self.option]
        connection.process = subprocess.Popen(
            [program, *route, *options], stdout=subprocess.DEVNULL
        )
        self.settle()
        return connection

    def end(self, connection):
        """Waits for the end of a mosquitto client and of its connection."""
        connection.process.wait(timeout=20)
        wait_for(connection.closed.is_set)
        self.settle()

    def run(self, name, command):
        """Runs a mosquitto client that ends by itself."""
        self.end(self.start(name, command))

    def stop(self, connection):
        """Lets a mosquitto_sub disconnect in good order."""
        connection.process.terminate()
        self.end(connection)

    def cut_off(self, connection):
        """Ends a mosquitto_sub without DISCONNECT."""
        connection.process.kill()
        self.end(connection)

    def paho(self, name, says, client_id, keeps_session=False, **properties):
        """Connects a paho client. It reads and writes only in `pump`."""
        self.expect(name, f"paho-mqtt: {says}")
        v5 = self.version == "5.0"
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=self.protocol,
            clean_session=None if v5 else not keeps_session,
            manual_ack=True,
        )
        start = {"clean_start": not keeps_session} if v5 else {}
        if properties:
            start["properties"] = property_list(PacketTypes.CONNECT, **properties)
        client.connect(LOOPBACK, self.relays["open"].port, **start)
        self.pump(client)
        return client

    def pump(self, client):
        """Lets a paho client work until nothing has passed for a while."""
        self.last_byte = time.monotonic()
        while time.monotonic() - self.last_byte < QUIET:
            client.loop(0.05)

    def text(self):
        lines = []
        for connection in self.connections:
            lines += ["", f"= {connection.name}", f"# {connection.says}"]
            for mark, data in connection.chunks:
                for at in range(0, len(data), BYTES_PER_LINE):
                    lines.append(f"{mark} {data[at : at + BYTES_PER_LINE].hex(' ')}")
        return "\n".join(lines) + "\n"


def property_list(packet_type, **values):
    properties = Properties(packet_type)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the exchange did not get as far as expected")
        time.sleep(0.02)


def every_version(rec):
    """What all three versions have in common. Leaves the subscriber connected."""
    subscriber = rec.start(
        "subscriber",
        "mosquitto_sub -i subscriber -k 5 -q 2 -t home/+ -t status/# -t haus/küche -t old -U old",
    )
    rec.run("publisher-qos-0", "mosquitto_pub -i pub-0 -u meter -P sesame -t home/hall -m 20.5")
    rec.run("publisher-qos-1", "mosquitto_pub -i pub-1 -q 1 -t haus/küche -m 'Wärme: 21 °C'")
    # Long enough for a Remaining Length of two bytes.
    history = " ".join(str(180 + n) for n in range(28))
    rec.run("publisher-qos-2", f"mosquitto_pub -i pub-2 -q 2 -t home/history -m '{history}'")
    rec.run("no-client-id", "mosquitto_pub -q 1 -t unheard -m hello")
    rec.run("login-refused", "mosquitto_pub -i pub-0 -u meter -P wrong -t home/hall -m 20.5")

    rec.run("publisher-retained", "mosquitto_pub -i keep -q 1 -r -t config/rate -m 30")
    rec.run("late-subscriber", "mosquitto_sub -i late -q 1 -t config/# -C 1")
    rec.run("retained-cleared", "mosquitto_pub -i clear -r -n -t config/rate")

    will = "-t none --will-qos 1 --will-retain --will-payload lost --will-topic"
    rec.cut_off(rec.start("will-cut-off", f"mosquitto_sub -i doomed {will} status/doomed"))
    # Under 5.0 mosquitto_sub asks for its will when it disconnects.
    rec.stop(rec.start("will-disconnect", f"mosquitto_sub -i safe {will} status/safe"))

    resumed_session(rec)

    rec.stop(rec.start("granted-less", "mosquitto_sub -i less -q 2 -t a -t b", "narrow"))
    rec.wait_for_answer(subscriber, PINGRESP)
    return subscriber


def resumed_session(rec):
    """Both sides leave something unfinished, and finish it on the next connection."""
    keeps = {"SessionExpiryInterval": 300} if rec.version == "5.0" else {}
    client = rec.paho(
        "session-cut-off",
        "three QoS; client withholds PUBACK and PUBCOMP, last answers lost, cut off",
        "session",
        keeps_session=True,
        **keeps,
    )
    filters = [("s/0", 0), ("s/1/+", 1), ("s/2/#", 2)]
    if rec.version == "5.0":
        filters = [(name, SubscribeOptions(qos)) for name, qos in filters]
    client.subscribe(filters)
    rec.pump(client)
    for topic in ["s/0", "s/1/x", "s/2"]:
        client.publish(topic, "mine", qos=2)
    rec.pump(client)
    rec.lose_answers()
    client.publish("s/sent", "q1", qos=1)
    client.publish("s/sent", "q2", qos=2)
    rec.settle()
    client.socket().shutdown(socket.SHUT_RDWR)
    rec.run("publisher-meanwhile", "mosquitto_pub -i pub-3 -q 2 -t s/2/late -m later")

    rec.expect("session-resumed", "paho-mqtt: the same session, finished, unsubscribed")
    client.manual_ack_set(False)
    client.reconnect()
    rec.pump(client)
    client.unsubscribe(["s/0", "s/1/+"])
    rec.pump(client)
    client.disconnect()
    rec.settle()


def only_5(rec, subscriber):
    """What came with 5.0: properties, subscription options, reason codes."""
    rich = rec.start(
        "properties-subscriber",
        "mosquitto_sub -i rich -q 1 -c -x 600 -k 120 -t r/# -t $share/crew/jobs -U r/old"
        " --retain-as-published --will-topic status/rich --will-payload gone --will-qos 1"
        " -D connect receive-maximum 10 -D connect maximum-packet-size 1500"
        " -D connect topic-alias-maximum 5 -D connect request-problem-information 1"
        " -D connect request-response-information 1 -D connect user-property app demo"
        " -D subscribe subscription-identifier 200 -D subscribe user-property why test"
        " -D unsubscribe user-property why done"
        " -D will will-delay-interval 1 -D will payload-format-indicator 1"
        " -D will message-expiry-interval 60 -D will content-type text/plain"
        " -D will response-topic r/will -D will correlation-data c7"
        " -D will user-property who rich",
    )
    rec.run(
        "properties-publisher",
        "mosquitto_pub -i pub-4 -x 60 -q 1 --repeat 2 -t r/daily -m ok"
        " -D publish payload-format-indicator 1 -D publish message-expiry-interval 3600"
        " -D publish content-type text/csv -D publish response-topic r/answers"
        " -D publish correlation-data c1 -D publish topic-alias 3"
        " -D publish user-property größe s -D publish user-property größe m"
        " -D disconnect session-expiry-interval 0 -D disconnect user-property why done",
    )
    crew = rec.start("shared-subscriber", "mosquitto_sub -i crew -q 1 -t $share/crew/jobs")
    rec.run("publisher-to-share", "mosquitto_pub -i pub-5 -q 1 -t jobs -m job --repeat 2")
    rec.stop(crew)
    rec.cut_off(rich)
    rec.wait_for_answer(subscriber, b"gone")

    subscription_options(rec)
    reason_codes(rec)


def subscription_options(rec):
    client = rec.paho(
        "subscription-options",
        "No Local, Retain As Published, Retain Handling",
        "options",
        ReceiveMaximum=2,
    )
    client.publish("o/kept", "kept", retain=True)
    client.subscribe(
        [
            ("o/kept", SubscribeOptions(1, retainAsPublished=True)),
            ("o/+/new", SubscribeOptions(1, retainHandling=1)),
            ("o/mine", SubscribeOptions(2, noLocal=True, retainHandling=2)),
        ],
        properties=property_list(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=1),
    )
    rec.pump(client)
    client.publish("o/mine", "not for me", qos=1)
    client.unsubscribe(["o/mine", "o/never"])
    rec.pump(client)
    client.disconnect(properties=property_list(PacketTypes.DISCONNECT, ReasonString="enough"))
    rec.settle()


def reason_codes(rec):
    rec.run("not-authorized-qos-1", "mosquitto_pub -i pub-6 -q 1 -t secret/a -m x")
    rec.run("not-authorized-qos-2", "mosquitto_pub -i pub-7 -q 2 -t secret/a -m x")
    rec.run(
        "auth-method-refused",
        "mosquitto_pub -i pub-8 -t a -n -D connect authentication-method SCRAM-SHA-1"
        " -D connect authentication-data n,,n=meter",
    )
    client = rec.paho("topic-alias-refused", "a topic alias above the maximum", "alias")
    client.publish("a", "x", properties=property_list(PacketTypes.PUBLISH, TopicAlias=200))
    rec.pump(client)


def main():
    here = pathlib.Path(__file__).parent
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
    # Its first line is "mosquitto version x.y.z"; the exit code of -h differs between releases.
    usage = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True).stdout
    broker = usage.splitlines()[0].replace(" version", "")
    for name in VERSIONS:
        with tempfile.TemporaryDirectory() as folder, Recorder(name, pathlib.Path(folder)) as rec:
            subscriber = every_version(rec)
            if name == "5.0":
                only_5(rec, subscriber)
            rec.stop(subscriber)
            head = HEAD.format(
                version=name, broker=broker, paho=version("paho-mqtt"), cut=BYTES_PER_LINE
            )
            (target / f"v{name}.txt").write_text(head + rec.text())


if __name__ == "__main__":
    main()

"""Delivery: to whom, in what order, and with which properties."""

from ..packets import prop
from ..scene import scene

BOTH = "3.1.1 5.0"
FILE = "broker/delivery"
EXPIRY = "Message Expiry Interval"


def left(low, high):
    """A lifetime that is at least and at most so long."""
    return {"name": EXPIRY, "value": {"from": low, "to": high}}


@scene(FILE, BOTH, "A message goes to every client with a subscription, here or away, its publisher too.")
def fan_out(s):
    for name in "bc":
        s.connect(name, clean=False)
        s.subscribe(name, ("t", 1))
    s.cut("c")
    s.connect("a")
    s.subscribe("a", ("t/#", 0))
    s.publish("d", "t", qos=1)
    s.gets("a", "t", shows="3:4.5.0-1 5:4.5.0-1")
    s.gets("b", "t", qos=1, shows="3:4.5.0-1 5:4.5.0-1")
    s.connect("c", clean=False, present=True)
    s.gets("c", "t", qos=1, shows="3:4.5.0-1 5:4.5.0-1 3:3.1.2-5")


@scene(FILE, BOTH, "Messages of QoS 1 and 2 wait for a client that is away.")
def message_stored(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 2))
    s.cut("b")
    for qos in (1, 2):
        s.publish("a", "t", f"m{qos}".encode(), qos)
    s.connect("b", clean=False, present=True)
    for qos in (1, 2):
        s.gets("b", "t", f"m{qos}".encode(), qos, shows="3:3.1.2-5 3:4.5.0-1 5:4.5.0-1")


@scene(FILE, BOTH, "A message is passed on without the DUP that it came with.")
def dup_not_passed_on(s):
    s.connect("a")
    s.subscribe("b", ("t", 2))
    for qos, kind in ((1, "PUBACK"), (2, "PUBREC")):
        s.send("a", s.published("a", "t", qos=qos, dup=True, id=qos))
        s.expect("a", s.acked("a", kind, qos))
        if qos == 2:
            s.send("a", s.ack("a", "PUBREL", qos))
            s.expect("a", s.acked("a", "PUBCOMP", qos))
        s.gets("b", "t", qos=qos, shows="3:3.3.1-3 5:3.3.1-3")


@scene(FILE, BOTH, "A message of QoS 2 that is sent twice, with DUP, is delivered once.")
def qos2_once(s):
    s.subscribe("b", ("t", 2))
    s.connect("a", clean=False)
    s.send("a", s.published("a", "t", qos=2, id=1))
    s.expect("a", s.acked("a", "PUBREC", 1))
    s.cut("a")
    s.connect("a", clean=False, present=True)
    s.send("a", s.published("a", "t", qos=2, dup=True, id=1))
    s.expect("a", s.acked("a", "PUBREC", 1))
    s.send("a", s.ack("a", "PUBREL", 1))
    s.expect("a", s.acked("a", "PUBCOMP", 1))
    s.gets("b", "t", qos=2, shows="3:4.3.3-2 5:4.3.3-10 3:3.3.1-3 5:3.3.1-3")
    s.nothing("b", shows="3:4.3.3-2 5:4.3.3-10")


def in_order(qos, granted):
    def script(s):
        count, packs = 40, 5
        s.subscribe("b", ("t", granted))
        s.connect("a")
        for first in range(1, count, packs):
            ids = range(first, first + packs)
            s.send("a", *[s.published("a", "t", b"%d" % id, qos, id=id if qos else None) for id in ids])
            if qos:
                s.unordered("a", *[s.acked("a", "PUBACK" if qos == 1 else "PUBREC", id) for id in ids])
            if qos == 2:
                s.send("a", *[s.ack("a", "PUBREL", id) for id in ids])
                s.unordered("a", *[s.acked("a", "PUBCOMP", id) for id in ids])
        for number in range(1, count + 1):
            id = s.name()
            level = min(qos, granted)
            s.gets(
                "b",
                "t",
                b"%d" % number,
                level,
                id=id,
                finish=level == 1,
                shows="3:4.6.0-5 3:4.6.0-6 5:4.6.0-5 5:4.6.0-6",
            )

    script.__name__ = f"order_qos{qos}_as_{granted}"
    return script


for published, subscribed in ((0, 0), (1, 0), (1, 1), (2, 1)):
    says = f"Messages of QoS {published} for a subscription of QoS {subscribed} keep their order."
    scene(FILE, BOTH, says)(in_order(published, subscribed))


@scene(FILE, BOTH, "Messages of QoS 2 keep their order, whatever acknowledges them late.")
def order_qos2(s):
    s.subscribe("b", ("t", 2))
    s.connect("a")
    ids = range(1, 6)
    s.send("a", *[s.published("a", "t", b"%d" % id, 2, id=id) for id in ids])
    s.unordered("a", *[s.acked("a", "PUBREC", id) for id in ids])
    for id in ids:
        s.send("a", s.ack("a", "PUBREL", id))
        s.expect("a", s.acked("a", "PUBCOMP", id))
    shows = "3:4.6.0-5 3:4.6.0-6 5:4.6.0-5 5:4.6.0-6"
    names = [s.gets("b", "t", b"%d" % id, 2, finish=False, shows=shows) for id in ids]
    s.send("b", *[s.ack("b", "PUBREC", {"id": name}) for name in names])
    for name in names:
        s.expect("b", s.acked("b", "PUBREL", {"id": name}))
    s.send("b", *[s.ack("b", "PUBCOMP", {"id": name}) for name in names])


@scene(FILE, BOTH, "Messages for a client that was away come in order: first those that come again, then the new ones.")
def order_of_stored(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1))
    numbers = range(1, 4)
    for number in numbers:
        s.publish("a", "t", b"%d" % number, 1)
    names = [s.gets("b", "t", b"%d" % number, 1, finish=False) for number in numbers]
    s.cut("b")
    for number in range(4, 11):
        s.publish("a", "t", b"%d" % number, 1)
    s.connect("b", clean=False, present=True)
    shows = "3:4.6.0-5 3:4.6.0-6 5:4.6.0-5 5:4.6.0-6"
    for number, name in zip(numbers, names):
        s.gets("b", "t", b"%d" % number, 1, dup=True, id=name, shows=shows + " 3:4.4.0-1 5:4.4.0-1")
    for number in range(4, 11):
        s.gets("b", "t", b"%d" % number, 1, shows=shows)


@scene(FILE, BOTH, "A message may be empty, at every level.")
def message_empty(s):
    s.subscribe("b", ("t", 2))
    for qos in (0, 1, 2):
        s.publish("a", "t", b"", qos)
        s.gets("b", "t", b"", qos, shows="PB-11 3:4.5.0-1 5:4.5.0-1")


@scene(FILE, BOTH, "What a client sends right behind CONNECT counts, though CONNACK was not waited for.")
def not_waiting_for_connack(s):
    s.subscribe("b", ("u", 1))
    s.open("a")
    subscribe = s.packet("a", "SUBSCRIBE", packet_id=1, filters=[s.filter("a", "t")])
    s.send("a", s.hello("a"), subscribe, s.published("a", "u", qos=1, id=2))
    s.expect("a", s.welcome("a"), shows="CN-9")
    s.unordered("a", s.granted("a", 1, 0), s.acked("a", "PUBACK", 2), shows="CN-9")
    s.gets("b", "u", qos=1, shows="CN-9")


@scene(FILE, BOTH, "What a client sends behind DISCONNECT does not count.")
def behind_disconnect(s):
    s.subscribe("b", ("t", 1))
    s.connect("a")
    s.send("a", s.published("a", "t", b"before"), s.bye("a"), s.published("a", "t", b"behind"))
    s.gets("b", "t", b"before")
    s.nothing("b", shows="DR-9")


@scene(FILE, BOTH, "A large message is passed on whole.")
def message_large(s):
    s.subscribe("b", ("t", 1))
    payload = bytes(range(256)) * 2 + b"x" * 100_000 + b"end"
    s.publish("a", "t", payload, 1)
    s.gets("b", "t", payload, 1, shows="3:4.5.0-1 5:4.5.0-1 3:7.1.1-1 5:4.2-1")


@scene(FILE, BOTH, "Over TCP a packet may come in any pieces, and several in one.")
def tcp_pieces(s):
    s.open("a")
    s.send("a", s.hello("a"), frames="bytes")
    s.expect("a", s.welcome("a"), shows="3:7.1.1-1 5:4.2-1")
    s.send("a", s.packet("a", "SUBSCRIBE", packet_id=1, filters=[s.filter("a", "t", 1)]), frames="bytes")
    s.expect("a", s.granted("a", 1, 1), shows="3:7.1.1-1 5:4.2-1")
    s.send("a", *[s.published("a", "t", b"%d" % number) for number in range(5)], s.packet("a", "PINGREQ"))
    messages = [s.message("a", "t", b"%d" % number) for number in range(5)]
    s.unordered("a", *messages, {"type": "PINGRESP"}, shows="3:7.1.1-1 5:4.2-1")


@scene(FILE, "5.0", "What a message says of its payload is passed on as it is; User Properties keep their order.")
def properties_passed_on(s):
    pairs = [prop("User Property", pair) for pair in (["k", "1"], ["k", "2"], ["j", "3"], ["", ""], ["k", "1"])]
    others = [prop("Payload Format Indicator", 1), prop("Content Type", "text/plain; charset=utf-8")]
    others += [prop("Response Topic", "{run}/answers"), prop("Correlation Data", b"\x00\xff")]
    s.subscribe("b", "t")
    s.publish("a", "t", qos=1, properties=others + pairs)
    shows = "5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20"
    s.gets("b", "t", properties=others + pairs, shows=shows)
    s.publish("a", "t", qos=1, properties=[prop("Payload Format Indicator", 0)])
    none = [entry["name"] for entry in others[1:]] + ["User Property", prop("Payload Format Indicator", 1)]
    s.gets("b", "t", without=none, shows=shows)


@scene(FILE, "5.0", "A message keeps its properties while it waits for a client that is away.")
def properties_of_stored(s):
    pairs = [prop("User Property", pair) for pair in (["k", "1"], ["j", "2"], ["k", "3"])]
    others = [prop("Content Type", "c"), prop("Response Topic", "{run}/r"), prop("Correlation Data", b"\x00\xff")]
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1))
    s.cut("b")
    s.publish("a", "t", qos=1, properties=others + pairs)
    s.connect("b", clean=False, present=True)
    shows = "5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20 5:4.5.0-1"
    s.gets("b", "t", qos=1, properties=others + pairs, shows=shows)


@scene(FILE, "5.0", "A message that has expired is not delivered.")
def expiry_passed(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1))
    s.cut("b")
    s.publish("a", "t", b"short", 1, properties=[prop(EXPIRY, 1)])
    s.publish("a", "t", b"long", 1, properties=[prop(EXPIRY, 100)])
    s.publish("a", "t", b"endless", 1)
    s.wait(2.2)
    s.connect("b", clean=False, present=True)
    s.gets("b", "t", b"long", 1, properties=[left(90, 98)], shows="5:3.3.2-5 5:3.3.2-6")
    s.gets("b", "t", b"endless", 1, without=[EXPIRY], shows="5:3.3.2-5")


@scene(FILE, "5.0", "A message that goes on at once has nearly all its lifetime left.")
def expiry_of_live(s):
    s.subscribe("b", "t")
    s.publish("a", "t", qos=1, properties=[prop(EXPIRY, 100)])
    s.gets("b", "t", properties=[left(95, 100)], shows="5:3.3.2-6")


@scene(FILE, "5.0", "An expired message makes no room in the order of the others.")
def expiry_behind_quota(s):
    s.connect("b", properties=[prop("Receive Maximum", 1)])
    s.subscribe("b", ("t", 1))
    for payload, properties in ((b"1", ()), (b"2", [prop(EXPIRY, 1)]), (b"3", ())):
        s.publish("a", "t", payload, 1, properties=properties)
    id = s.gets("b", "t", b"1", 1, finish=False)
    s.nothing("b", seconds=2.2, shows="5:3.3.4-9")
    s.finish("b", id, 1)
    s.gets("b", "t", b"3", 1, shows="5:3.3.2-5")


@scene(FILE, "5.0", "A topic alias of the publisher is its own affair: subscribers get the topic.")
def alias_in(s):
    s.connect("a")
    s.subscribe("b", "#")
    alias = [prop("Topic Alias", 1)]
    sent = [s.published("a", "t", b"1", properties=alias), s.published("a", None, b"2", properties=alias)]
    sent += [s.published("a", "u", b"3", properties=alias), s.published("a", None, b"4", properties=alias)]
    s.send("a", *sent)
    for number, topic in enumerate("ttuu", 1):
        s.gets("b", topic, b"%d" % number, without=["Topic Alias"], shows="5:3.3.2-7 PB-5")


@scene(FILE, "5.0", "A subscriber that takes an alias gets the topic first, and then the alias or the topic.")
def alias_out(s):
    s.connect("b", properties=[prop("Topic Alias Maximum", 1)])
    s.subscribe("b", "#")
    for topic in "tut":
        s.publish("a", topic, topic.encode())
    alias = [prop("Topic Alias", 1)]

    def with_topic(topic, *then):
        def script():
            s.expect("b", s.message("b", topic, topic.encode()), shows="5:3.3.2-3")
            for other in then:
                other()

        return script

    def by_alias(topic):
        def script():
            s.expect("b", {**s.message("b", topic, topic.encode(), properties=alias), "topic": ""})

        return script

    with_topic("t")()
    with_topic("u")()
    s.either(with_topic("t"), by_alias("t"), shows="5:3.3.2-3")


@scene(FILE, "5.0", "No more messages than Receive Maximum are on their way to a subscriber.")
def receive_maximum(s):
    s.connect("b", properties=[prop("Receive Maximum", 2)])
    s.subscribe("b", ("t", 2))
    for number in range(4):
        s.publish("a", "t", b"%d" % number, 1 + number % 2)
    one = s.gets("b", "t", b"0", 1, finish=False)
    two = s.gets("b", "t", b"1", 2, finish=False)
    s.nothing("b", shows="5:3.3.4-9 5:4.9.0-2")
    s.finish("b", one, 1)
    three = s.gets("b", "t", b"2", 1, finish=False, shows="5:4.9.0-2")
    s.send("b", s.ack("b", "PUBREC", {"id": two}))
    s.expect("b", s.acked("b", "PUBREL", {"id": two}), shows="5:3.3.4-9 5:4.9.0-2")
    s.nothing("b", shows="5:3.3.4-9 5:4.9.0-2")
    s.send("b", s.ack("b", "PUBCOMP", {"id": two}))
    s.gets("b", "t", b"3", 2)
    s.finish("b", three, 1)


@scene(FILE, "5.0", "A message that is too large for one subscriber is dropped for it, and goes to all others.")
def maximum_packet_size(s):
    s.connect("b", properties=[prop("Maximum Packet Size", 80)])
    s.subscribe("b", ("t", 1))
    s.subscribe("c", ("t", 1))
    for payload in (b"x" * 100, b"small"):
        s.publish("a", "t", payload, 1)
        s.gets("c", "t", payload, 1, shows="5:4.5.0-1")
    s.gets("b", "t", b"small", 1, shows="5:3.1.2-24 5:3.1.2-25")


@scene(FILE, BOTH, "Clients of all versions share topics; what a version has no place for is left out.")
def versions_side_by_side(s):
    versions = {"b": "3.1", "c": "3.1.1", "d": "5.0"}
    for name, version in versions.items():
        s.connect(name, version=version)
        s.subscribe(name, ("t", 1))
    for name, version in versions.items():
        more = {"properties": [prop("Content Type", "c")]} if version == "5.0" else {}
        s.send(name, s.published(name, "t", name.encode(), qos=0, **more))
        for other in versions:
            both = version == versions[other] == "5.0"
            wanted = {"properties": [prop("Content Type", "c")]} if both else {}
            s.gets(other, "t", name.encode(), shows="3:4.5.0-1 5:4.5.0-1", **wanted)

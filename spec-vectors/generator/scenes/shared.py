"""Shared subscriptions of 5.0."""

from ..packets import prop
from ..scene import scene

FILE = "broker/shared"
SHARED = "$share/g/t"


def one_of(s, *members, shows=""):
    """The message goes to one of the members: (name, payload, QoS)."""

    def to(name, payload, qos):
        return lambda: s.gets(name, "t", payload, qos)

    s.either(*[to(*member) for member in members], shows=shows)


@scene(FILE, "5.0", "Each message goes to one member of the group.")
def shared_one_member(s):
    for name in "bcd":
        s.subscribe(name, (SHARED, 1))
    for number in range(6):
        s.publish("a", "t", b"%d" % number, 1)
        one_of(s, *[(name, b"%d" % number, 1) for name in "bcd"], shows="5:4.8.2-3")
    s.nothing("b", "c", "d")


@scene(FILE, "5.0", "Each member gets messages at the level of its own subscription.")
def shared_levels(s):
    for name, qos in (("b", 0), ("c", 1), ("d", 2)):
        s.subscribe(name, (SHARED, qos))
    for number in range(6):
        s.publish("a", "t", b"%d" % number, 2)
        one_of(s, *[(name, b"%d" % number, qos) for name, qos in (("b", 0), ("c", 1), ("d", 2))], shows="5:4.8.2-3")
    s.nothing("b", "c", "d", seconds=0.2)


@scene(FILE, "5.0", "The level of the only member counts.")
def shared_level_of_only_member(s):
    for qos in (0, 1, 2):
        s.subscribe("b", (SHARED, qos))
        for published in (0, 1, 2):
            s.publish("a", "t", b"%d" % published, published)
            s.gets("b", "t", b"%d" % published, min(qos, published), shows="5:4.8.2-3 5:3.8.4-8")


@scene(FILE, "5.0", "Groups of different names, and ordinary subscriptions, each get the message.")
def shared_groups(s):
    s.subscribe("b", ("$share/g/t", 0))
    s.subscribe("c", ("$share/h/t", 0))
    s.subscribe("d", ("t", 0))
    s.publish("a", "t", qos=1)
    for name in "bcd":
        s.gets(name, "t", shows="5:4.5.0-1")


@scene(FILE, "5.0", "A shared subscription beside an ordinary one in the same client: a copy for each.")
def shared_beside_ordinary(s):
    s.subscribe("b", (SHARED, 0), properties=[prop("Subscription Identifier", 1)])
    s.subscribe("b", ("t", 0), properties=[prop("Subscription Identifier", 2)])
    s.publish("a", "t", qos=1)
    copies = [s.message("b", "t", properties=[prop("Subscription Identifier", number)]) for number in (1, 2)]
    s.unordered("b", *copies, shows="5:3.3.4-3")


@scene(FILE, "5.0", "UNSUBSCRIBE names the whole text of a shared subscription.")
def shared_unsubscribe(s):
    s.subscribe("b", (SHARED, 0))
    s.unsubscribe("b", "t", "$share/h/t", reasons=["0x11", "0x11"], shows="5:3.10.4-1")
    s.publish("a", "t", b"1", qos=1)
    s.gets("b", "t", b"1", shows="5:3.10.4-1")
    s.unsubscribe("b", SHARED, shows="SB-12 5:3.10.4-1")
    s.publish("a", "t", b"2", qos=1)
    s.nothing("b", shows="SB-12 5:3.10.4-2")


@scene(FILE, "5.0", "The filter of a shared subscription has wildcards.")
def shared_wildcards(s):
    s.subscribe("b", ("$share/g/t/+/#", 0))
    for topic in ("t", "u/x", "t/x/y"):
        s.publish("a", topic, qos=1)
    s.gets("b", "t/x/y", shows="5:3.3.2-3")


@scene(FILE, "5.0", "A member that leaves gets nothing any more; the others get it all.")
def shared_member_leaves(s):
    for name in "bc":
        s.subscribe(name, (SHARED, 1))
    s.unsubscribe("b", SHARED)
    for number in range(4):
        s.publish("a", "t", b"%d" % number, 1)
        s.gets("c", "t", b"%d" % number, 1, shows="5:3.10.4-2 5:4.5.0-1")
    s.leave("c")
    s.subscribe("b", (SHARED, 1))
    s.publish("a", "t", b"last", 1)
    s.gets("b", "t", b"last", 1)


@scene(FILE, "5.0", "A client that is the only member and away gets the messages when it is back.")
def shared_only_member_away(s):
    s.connect("b", clean=False)
    s.subscribe("b", (SHARED, 1))
    s.cut("b")
    s.publish("a", "t", qos=1)
    s.connect("b", clean=False, present=True)
    s.gets("b", "t", qos=1, shows="5:4.5.0-1")


def begun(s, expiry=60):
    """b has a message of QoS 2, not acknowledged, and c is the other member of the group."""
    s.connect("b", clean=False, expiry=expiry)
    s.subscribe("b", (SHARED, 2))
    s.publish("a", "t", qos=2)
    id = s.gets("b", "t", qos=2, finish=False)
    s.subscribe("c", (SHARED, 2))
    return id


@scene(FILE, "5.0", "A message of QoS 2 that has gone to a member stays with it, until it is back.")
def shared_begun_goes_on(s):
    id = begun(s)
    s.cut("b")
    s.nothing("c", seconds=0.8, shows="5:4.8.2-4")
    s.connect("b", clean=False, present=True)
    s.gets("b", "t", qos=2, dup=True, id=id, shows="5:4.8.2-4")
    s.nothing("c", shows="5:4.8.2-4", seconds=0.2)


@scene(FILE, "5.0", "A message of QoS 2 that a member has received is released when the member is back.")
def shared_begun_and_received_goes_on(s):
    id = begun(s)
    s.send("b", s.ack("b", "PUBREC", {"id": id}))
    s.expect("b", s.acked("b", "PUBREL", {"id": id}))
    s.cut("b")
    s.nothing("c", shows="5:4.8.2-4")
    s.connect("b", clean=False, present=True)
    s.expect("b", s.acked("b", "PUBREL", {"id": id}), shows="5:4.8.2-4")
    s.send("b", s.ack("b", "PUBCOMP", {"id": id}))
    s.nothing("c", shows="5:4.8.2-4", seconds=0.2)


@scene(FILE, "5.0", "A message of QoS 2 goes to no other member if the session of the first one expires.")
def shared_begun_and_expired(s):
    begun(s, expiry=1)
    s.cut("b")
    s.nothing("c", seconds=2.5, shows="5:4.8.2-5")
    s.connect("b", clean=False, present=False)
    s.nothing("b", shows="5:4.8.2-5", seconds=0.2)


@scene(FILE, "5.0", "A message of QoS 2 goes to no other member if the first one ends its session.")
def shared_begun_and_ended(s):
    begun(s)
    s.cut("b")
    s.connect("b")
    s.nothing("b", "c", shows="5:4.8.2-5")


@scene(FILE, "5.0", "A message of QoS 1 or 2 that a member refuses goes to no other.")
def shared_refused(s):
    for qos, kind, reason in (
        (1, "PUBACK", "0x80"),
        (2, "PUBREC", "0x83"),
        (1, "PUBACK", "0x97"),
        (2, "PUBREC", "0x97"),
    ):
        s.subscribe("b", (SHARED, qos))
        s.publish("a", "t", qos=qos)
        id = s.gets("b", "t", qos=qos, finish=False)
        s.subscribe("c", (SHARED, 2))
        s.send("b", s.ack("b", kind, {"id": id}, reason))
        s.nothing("b", "c", shows="5:4.8.2-6", seconds=0.3)
        s.unsubscribe("c", SHARED)

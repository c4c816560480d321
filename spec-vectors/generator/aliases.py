"""Conversations about Topic Aliases (5.0): numbers that stand for topics, in one connection and one direction."""

from .packets import prop
from .sessions import again, sides
from .talk import conversation

NEW = "5.0"
FILE = "connection/alias"

# What a sender keeps to, by its role: the maximum that the other side announced, and that it announced none.
MAXIMUM = {"client": "5:3.2.2-17 5:3.3.2-9", "server": "5:3.1.2-26 5:3.3.2-11"}
NONE = {"client": "5:3.2.2-18", "server": "5:3.1.2-27"}
# Of a receiver: that it takes all it announced, and the rule that a peer breaks with more.
ALL = {"client": "5:3.3.2-10", "server": "5:3.3.2-12"}
ABOVE = {"client": "5:3.3.2-11 PB-4", "server": "5:3.3.2-9 PB-4"}


def takes(maximum):
    """The other side allows so many."""
    return {"properties": [prop("Topic Alias Maximum", maximum)]}


def announces(t, maximum, **more):
    """A connection in which the side under test takes so many."""
    t.limits(topic_alias_maximum=maximum)
    told = [prop("Topic Alias Maximum", maximum)] if maximum else []
    if t.role == "server":
        t.serve(announced=told, **more)
        return
    t.open()
    t.command("connect", clean_start=True, client_id="a", keep_alive=0)
    t.sends({"type": "CONNECT", "properties": told}, without=() if maximum else ["Topic Alias Maximum"])
    t.connected(**more)


def hears(t, alias, topic, meant=None, qos=0, id=None, payload=b"", shows="", token=None):
    """The side under test gets a message with an alias, and perhaps a topic."""
    t.input(t.aliased(alias, id, qos, payload, topic))
    t.delivered(qos, meant or topic, payload, shows, token)


def says(t, topic, *out, qos=0, payload=b"", shows="", properties=()):
    """The side under test publishes, and this goes out."""
    more = {"properties": list(properties)} if properties else {}
    t.command("publish", qos=qos, topic=topic, payload=payload, **more)
    t.out(*out, shows=shows)


# Those of the other side.


@sides(FILE, NEW, "An alias is set with a topic, stands for it from then on, and may be set anew.")
def set_use_reset(t):
    announces(t, 2)
    hears(t, 1, "a", shows="PB-5")
    hears(t, 1, "", "a", payload=b"x", shows="PB-5")
    hears(t, 2, "b")
    hears(t, 1, "", "a")
    hears(t, 1, "c", shows="PB-5")
    hears(t, 1, "", "c", shows="PB-5")
    hears(t, 2, "", "b", shows="PB-5")
    t.get(None, 0, topic="d")
    hears(t, 2, "", "b", shows="PB-5")


@sides(FILE, NEW, "The same topic may have two aliases.")
def two_for_one(t):
    announces(t, 2)
    hears(t, 1, "a")
    hears(t, 2, "a")
    hears(t, 1, "b")
    hears(t, 2, "", "a", shows="PB-5")
    hears(t, 1, "", "b", shows="PB-5")


@sides(FILE, NEW, "Messages of each QoS have aliases, and all use the same ones.")
def every_qos(t):
    announces(t, 2)
    hears(t, 1, "a", qos=2, id=1)
    t.out(t.pubrec(1))
    hears(t, 1, "", "a", qos=1, id=2, shows="PB-5")
    t.out(t.puback(2))
    hears(t, 1, "", "a", shows="PB-5")
    hears(t, 2, "b", qos=1, id=2)
    t.out(t.puback(2))
    hears(t, 2, "", "b", qos=2, id=3, shows="PB-5")
    t.out(t.pubrec(3))


@sides(FILE, NEW, "Every alias up to the maximum can be set and used.")
def every_alias(t):
    announces(t, 10)
    for alias in range(1, 11):
        hears(t, alias, f"t/{alias}", shows=ALL[t.role])
    for alias in range(10, 0, -1):
        hears(t, alias, "", f"t/{alias}", shows=ALL[t.role])


@sides(FILE, NEW, "The highest maximum there is, and its highest alias.")
def highest_alias(t):
    announces(t, 65535)
    hears(t, 65535, "a", shows=ALL[t.role])
    hears(t, 1, "b", shows=ALL[t.role])
    hears(t, 65535, "", "a", shows=ALL[t.role])


@sides(FILE, NEW, "A message that is turned down sets its alias all the same.")
def set_by_turned_down(t):
    t.manual()
    announces(t, 1)
    for number, topic in ((1, "a"), (2, "b")):
        qos = number
        hears(t, 1, topic, qos=qos, id=number, token=f"t{number}")
        t.command("ack", token=f"t{number}", reason="0x87")
        t.out(t.puback(number, "0x87") if qos == 1 else t.pubrec(number, "0x87"))
        hears(t, 1, "", topic, shows="PB-5")


@sides(FILE, NEW, "A repetition that is not delivered sets its alias all the same.")
def set_by_repetition(t):
    announces(t, 1)
    t.get(1, 2, topic="a")
    t.out(t.pubrec(1))
    t.input(t.aliased(1, 1, 2, topic="a", dup=True))
    t.out(t.pubrec(1))
    hears(t, 1, "", "a", shows="PB-5")


def unknown(alias, before):
    def script(t):
        announces(t, 10)
        for number in before:
            hears(t, number, "a")
        t.input(t.aliased(alias, qos=0, topic=""))
        t.fault("PB-3", shows="PB-3")

    script.__name__ = "unknown" if not before else f"unknown_{alias}_among_others"
    return script


sides(FILE, NEW, "The first message has an alias that was never set.")(unknown(1, []))
for _alias in (1, 3, 10):
    sides(FILE, NEW, "An alias that was never set, among others that were.")(unknown(_alias, [2, 4]))


@sides(FILE, NEW, "An alias that was never set, in a message that has to be acknowledged: it is not.")
def unknown_qos1(t):
    announces(t, 10)
    t.input(t.aliased(1, 1, 1, topic=""))
    t.fault("PB-3", shows="PB-3")


def above(maximum, alias, topic):
    def script(t):
        announces(t, maximum)
        if maximum:
            hears(t, maximum, "a")
        t.input(t.aliased(alias, qos=0, topic=topic))
        t.fault(ABOVE[t.role], ("0x94",), shows=ABOVE[t.role])

    script.__name__ = f"above_{maximum}" + ("" if topic else "_without_topic")
    return script


for _maximum, _alias in ((1, 2), (10, 11), (255, 256), (256, 65535)):
    sides(FILE, NEW, "An alias above the maximum.")(above(_maximum, _alias, "b"))
sides(FILE, NEW, "An alias above the maximum, where it is to stand for a topic.")(above(10, 11, ""))
sides(FILE, NEW, "An alias, though none was allowed.")(above(0, 1, "a"))
sides(FILE, NEW, "An alias, though none was allowed.")(above(0, 1, ""))


@sides(FILE, NEW, "In the next connection of the session the aliases are forgotten.")
def forgotten(t):
    t.limits(topic_alias_maximum=2)
    t.begin(False)
    hears(t, 1, "a")
    hears(t, 1, "", "a")
    again(t)
    hears(t, 2, "b")
    t.input(t.aliased(1, qos=0, topic=""))
    t.fault("5:3.3.2-7 PB-3", shows="5:3.3.2-7 PB-3")


@sides(FILE, NEW, "In the next connection of the session they are set anew.")
def set_again(t):
    t.limits(topic_alias_maximum=2)
    t.begin(False)
    hears(t, 1, "a")
    again(t)
    hears(t, 1, "b", shows="5:3.3.2-7")
    hears(t, 1, "", "b", shows="5:3.3.2-7")


@conversation(FILE, "server", NEW, "Each client has aliases of its own.")
def of_each_client(t):
    t.limits(topic_alias_maximum=2)
    for name in ("a", "b"):
        t.on = name
        t.serve(client_id=name)
        hears(t, 1, f"of/{name}")
    for name in ("a", "b"):
        t.on = name
        hears(t, 1, "", f"of/{name}", shows="5:3.3.2-7")
    t.on = "a"
    hears(t, 2, "c")
    t.on = "b"
    t.input(t.aliased(2, qos=0, topic=""))
    t.fault("PB-3", shows="PB-3 5:3.3.2-7")


# Our own.


@sides(FILE, NEW, "The first message has the topic and an alias, later ones the alias alone.")
def of_our_own(t):
    t.begin(**takes(10))
    t.command("alias", topic="a")
    says(t, "a", t.aliased("x1", qos=0, most=10), shows=MAXIMUM[t.role])
    says(t, "a", t.aliased("x1", qos=0, topic="", payload=b"x"), payload=b"x")
    says(t, "a", t.aliased("x1", "m1", 1, topic=""), qos=1)
    t.input(t.puback("m1"))
    t.acked("m1")
    says(t, "a", t.aliased("x1", "m2", 2, topic=""), qos=2)
    t.input(t.pubrec("m2"))
    t.out(t.pubrel("m2"))
    t.input(t.pubcomp("m2"))
    t.acked("m2")
    says(t, "b", t.publish(qos=0, topic="b"))
    t.command("alias", topic="b")
    says(t, "b", t.aliased(("x2", "x1"), qos=0, topic="b", most=10), shows=MAXIMUM[t.role])
    says(t, "a", t.aliased("x1", qos=0, topic=""))
    says(t, "b", t.aliased("x2", qos=0, topic=""))


@sides(FILE, NEW, "An alias goes beside the other properties of a message.")
def beside_others(t):
    own = [prop("Content Type", "c"), prop("User Property", ["k", "v"])]
    t.begin(**takes(1))
    t.command("alias", topic="a")
    for topic in ("a", ""):
        t.command("publish", qos=0, topic="a", payload=b"x", properties=own)
        # There is but one alias.
        told = {"type": "PUBLISH", "topic": topic, "payload": b"x", "properties": [*own, prop("Topic Alias", 1)]}
        t.sends(told, shows=MAXIMUM[t.role])


@sides(FILE, NEW, "Both sides have aliases, and the same number means one topic this way and another that way.")
def both_ways(t):
    t.limits(topic_alias_maximum=1)
    t.begin(**takes(1))
    t.command("alias", topic="a")
    says(t, "a", t.aliased(1, qos=0))
    t.input(t.aliased(1, qos=0, topic="b"))
    t.delivered(0, "b")
    hears(t, 1, "", "b", shows="5:3.3.2-7")
    says(t, "a", t.aliased(1, qos=0, topic=""), shows="5:3.3.2-7")
    hears(t, 1, "c")
    says(t, "a", t.aliased(1, qos=0, topic=""), shows="5:3.3.2-7")


@sides(FILE, NEW, "An alias of ours means nothing the other way.")
def not_both_ways(t):
    t.limits(topic_alias_maximum=1)
    t.begin(**takes(1))
    t.command("alias", topic="a")
    says(t, "a", t.aliased(1, qos=0))
    t.input(t.aliased(1, qos=0, topic=""))
    t.fault("PB-3", shows="PB-3")


@sides(FILE, NEW, "A side that takes no aliases may still use those that the other one takes.")
def one_way(t):
    announces(t, 0, **({"properties": [prop("Topic Alias Maximum", 1)]} if t.role == "client" else takes(1)))
    t.command("alias", topic="a")
    says(t, "a", t.aliased(1, qos=0))
    says(t, "a", t.aliased(1, qos=0, topic=""))


@sides(FILE, NEW, "There are never more aliases than the other side takes: the one that was not used for the longest time is replaced.")
def least_recently_used(t):
    t.limits(assign_topic_aliases=1)
    t.begin(**takes(2))
    says(t, "a", t.aliased("x1", qos=0, most=2), shows=MAXIMUM[t.role])
    says(t, "b", t.aliased(("x2", "x1"), qos=0, topic="b", most=2), shows=MAXIMUM[t.role])
    says(t, "a", t.aliased("x1", qos=0, topic=""))
    says(t, "c", t.aliased("x2", qos=0, topic="c"), shows=MAXIMUM[t.role])
    says(t, "a", t.aliased("x1", qos=0, topic=""))
    says(t, "c", t.aliased("x2", qos=0, topic=""))
    says(t, "b", t.aliased("x1", qos=0, topic="b"), shows=MAXIMUM[t.role])
    says(t, "a", t.aliased("x2", qos=0, topic="a"), shows=MAXIMUM[t.role])
    says(t, "b", t.aliased("x1", qos=0, topic=""))


@sides(FILE, NEW, "Many topics and one alias: it is set with each.")
def only_one(t):
    t.limits(assign_topic_aliases=1)
    t.begin(**takes(1))
    for topic in ("a", "b", "c", "a"):
        says(t, topic, t.aliased(1, qos=0, topic=topic), shows=MAXIMUM[t.role])
    says(t, "a", t.aliased(1, qos=0, topic=""), shows=MAXIMUM[t.role])


def none_taken(properties):
    def script(t):
        t.limits(assign_topic_aliases=1)
        t.begin(**({"properties": properties} if properties else {}))
        t.command("alias", topic="a")
        for qos in (0, 0, 1):
            t.send("m1" if qos else None, qos, shows=NONE[t.role])

    script.__name__ = "taken_0" if properties else "none_taken"
    return script


sides(FILE, NEW, "To a side that announced no maximum go no aliases.")(none_taken(()))
sides(FILE, NEW, "To a side whose maximum is 0 go no aliases.")(none_taken([prop("Topic Alias Maximum", 0)]))


@sides(FILE, NEW, "What the next connection allows counts, not what the one before did.")
def none_taken_later(t):
    t.limits(assign_topic_aliases=1)
    t.begin(False, **takes(1))
    says(t, "a", t.aliased(1, qos=0))
    again(t)
    t.send(None, 0, shows=NONE[t.role] + " 5:3.3.2-7")


@sides(FILE, NEW, "The next connection of the session begins without aliases.")
def told_again(t):
    t.limits(assign_topic_aliases=1)
    t.begin(False, **takes(1))
    for topic in ("a", ""):
        says(t, "a", t.aliased(1, qos=0, topic=topic))
    again(t, **takes(1))
    for topic in ("a", ""):
        says(t, "a", t.aliased(1, qos=0, topic=topic), shows="5:3.3.2-7")


def resent(restart, maximum):
    """What comes again has its topic, and no alias of before."""

    def script(t):
        t.begin(False, **takes(1))
        t.command("alias", topic="a")
        says(t, "a", t.aliased(1, qos=0))
        own = [prop("Content Type", "c")]
        says(t, "a", t.aliased(1, "m1", 1, b"1", topic="", properties=own), qos=1, payload=b"1", properties=own)
        says(t, "a", t.aliased(1, "m2", 2, b"2", topic=""), qos=2, payload=b"2")
        if restart:
            t.restart()
            t.begin(False, True, **(takes(maximum) if maximum else {}))
        else:
            again(t, **(takes(maximum) if maximum else {}))
        whole = (
            t.publish("m1", 1, b"1", dup=True, properties=own),
            t.publish("m2", 2, b"2", dup=True),
        )
        if maximum:
            # An alias may be set anew.
            short = (
                t.aliased(1, "m1", 1, b"1", dup=True, properties=own),
                t.aliased(1, "m2", 2, b"2", dup=True, topic=""),
            )
            t.either(lambda: t.out(*whole), lambda: t.out(*short), shows="5:3.3.2-7")
        else:
            t.out(*whole, shows=NONE[t.role] + " 5:3.3.2-7")
        t.input(t.puback("m1"))
        t.acked("m1")
        t.input(t.pubrec("m2"))
        t.out(t.pubrel("m2"))
        t.input(t.pubcomp("m2"))
        t.acked("m2")

    script.__name__ = ("restarted" if restart else "resent") + ("" if maximum else "_without_aliases")
    return script


sides(FILE, NEW, "A message that was sent by alias comes again with its topic.")(resent(False, 1))
sides(FILE, NEW, "A message that was sent by alias comes again with its topic, to a side that takes none now.")(resent(False, 0))
sides(FILE, NEW, "A message that was sent by alias comes again with its topic, from a program that started anew.")(resent(True, 1))


@sides(FILE, NEW, "A Topic Alias is not the application's to give.")
def not_given(t):
    t.begin(**takes(10))
    for topic in ("a", ""):
        for qos in (0, 1):
            given = {"topic": topic, "properties": [prop("Topic Alias", 1)]}
            t.command("publish", qos=qos, payload=b"", refused="topic-alias", shows=MAXIMUM[t.role], **given)
    t.send(None, 0)


@sides(FILE, NEW, "What is refused has told the other side of no alias.")
def refused_first(t):
    t.begin(properties=[prop("Topic Alias Maximum", 1), prop("Maximum Packet Size", 30)])
    t.command("alias", topic="a")
    t.command("publish", qos=0, topic="a", payload=b"x" * 30, refused="too-large")
    for topic in ("a", ""):
        says(t, "a", t.aliased(1, qos=0, topic=topic), shows=MAXIMUM[t.role])


@sides(FILE, NEW, "A message that fits without an alias only goes without.")
def no_room_for_alias(t):
    t.begin(properties=[prop("Topic Alias Maximum", 1), prop("Maximum Packet Size", 30)])
    t.command("alias", topic="a")
    full = b"x" * 24
    rules = "5:3.2.2-15" if t.role == "client" else "5:3.1.2-24"
    t.send(None, 0, full, shows=rules)
    for topic in ("a", ""):
        says(t, "a", t.aliased(1, qos=0, topic=topic))
    t.send(None, 0, full, shows=rules)
    t.send("m1", 1, full[2:], shows=rules)
    says(t, "a", t.aliased(1, qos=0, topic=""))

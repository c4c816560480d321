"""Retained messages: kept, replaced, removed, and sent to whom."""

from ..packets import prop
from ..scene import scene

BOTH = "3.1.1 5.0"
FILE = "broker/retained"


@scene(FILE, BOTH, "The retained message of every matching topic goes to a new subscription, with RETAIN.")
def retained_for_new_subscription(s):
    s.publish("a", "t/1", b"one", 1, retain=True)
    s.publish("a", "t/2", b"two", 1, retain=True)
    s.publish("a", "u/1", b"other", 1, retain=True)
    s.subscribe("b", "t/#")
    packets = [s.message("b", topic, payload, retain=True) for topic, payload in (("t/1", b"one"), ("t/2", b"two"))]
    s.beside_suback("b", *packets, shows="3:3.3.1-5 3:3.3.1-6 3:3.3.1-8 5:3.3.1-9")


@scene(FILE, BOTH, "The QoS of a retained message is kept, and the lower one counts.")
def retained_qos(s):
    for qos in (1, 2):
        s.publish("a", f"t/{qos}", qos=qos, retain=True)
    for granted in (0, 1, 2):
        for qos in (1, 2):
            s.subscribe(f"b{granted}", (f"t/{qos}", granted))
            shows = "3:3.3.1-5 3:3.3.1-8 3:3.8.4-6 5:3.8.4-8"
            s.gets_retained(f"b{granted}", f"t/{qos}", qos=min(qos, granted), shows=shows)


@scene(FILE, BOTH, "The retained message of a topic is the last one.")
def retained_replaced(s):
    for qos in (0, 1, 2):
        s.publish("a", "t", f"m{qos}".encode(), qos, retain=True)
    s.publish("a", "t", b"last", 1, retain=True)
    s.subscribe("b", "t")
    s.gets_retained("b", "t", b"last", shows="3:3.3.1-5 3:3.3.1-6 5:3.3.1-5")


@scene(FILE, BOTH, "A retained message of QoS 0 removes the older one; that it is kept itself is not sure.")
def retained_replaced_by_qos0(s):
    s.publish("a", "t", b"old", 1, retain=True)
    s.publish("a", "t", b"new", 0, retain=True)
    s.publish("a", "u", qos=1)
    s.subscribe("b", "t")
    suback, new = s.steps.pop()["expect"], s.message("b", "t", b"new", retain=True)

    def before():
        s.expect("b", new)
        s.expect("b", suback)

    def behind_or_never():
        s.expect("b", suback)
        s.perhaps(lambda: s.expect("b", new), on="b")

    s.either(before, behind_or_never, shows="3:3.3.1-7 5:3.3.1-5")


@scene(FILE, BOTH, "A subscription that is there already gets the message without RETAIN.")
def retained_for_old_subscription(s):
    s.subscribe("b", "t")
    s.publish("a", "t", qos=1, retain=True)
    s.gets("b", "t", shows="3:3.3.1-9 5:3.3.1-12")


@scene(FILE, BOTH, "A retained message without payload is passed on, removes what is stored, and is not stored.")
def retained_removed(s):
    s.publish("a", "t", b"old", 1, retain=True)
    s.subscribe("b", "t")
    s.gets_retained("b", "t", b"old")
    s.publish("a", "t", b"", 1, retain=True)
    s.gets("b", "t", b"", shows="3:3.3.1-10 5:3.3.1-6")
    s.subscribe("c", "t")
    s.nothing("c", shows="3:3.3.1-10 3:3.3.1-11 5:3.3.1-6 5:3.3.1-7")


@scene(FILE, BOTH, "Removing what is not there stores nothing.")
def retained_empty(s):
    for qos in (0, 1, 2):
        s.publish("a", f"t{qos}", b"", qos, retain=True)
    s.subscribe("b", "t0", "t1", "t2")
    s.nothing("b", shows="3:3.3.1-11 5:3.3.1-7")


@scene(FILE, BOTH, "A message without RETAIN leaves the stored one alone.")
def retained_untouched(s):
    s.publish("a", "t", b"kept", 1, retain=True)
    for payload in (b"passing", b""):
        s.publish("a", "t", payload, 1)
    s.publish("a", "u", b"passing", 1)
    s.subscribe("b", "t", "u")
    s.gets_retained("b", "t", b"kept", shows="3:3.3.1-12 5:3.3.1-8")
    s.nothing("b", shows="3:3.3.1-12 5:3.3.1-8")


@scene(FILE, BOTH, "A retained message is no part of the session of the client that published it.")
def retained_outlives_session(s):
    s.connect("a", clean=False)
    s.publish("a", "t", qos=1, retain=True)
    s.leave("a")
    s.connect("a", present=False)
    s.leave("a")
    s.subscribe("b", "t")
    s.gets_retained("b", "t", shows="3:3.1.2-7 3:3.3.1-5 5:3.3.1-5")


@scene(FILE, BOTH, "Subscribing once more gets the retained message once more.")
def retained_again(s):
    s.publish("a", "t", qos=1, retain=True)
    for qos in (0, 1):
        s.subscribe("b", ("t", qos))
        s.gets_retained("b", "t", qos=qos, shows="3:3.8.4-3 3:3.3.1-6 5:3.8.4-4 5:3.3.1-9")


@scene(FILE, BOTH, "A session that is resumed is no new subscription: retained messages are not sent.")
def retained_not_on_resume(s):
    s.connect("b", clean=False)
    s.subscribe("b", "t")
    s.cut("b")
    s.publish("a", "t", b"", 1, retain=True)
    s.publish("a", "u", qos=1, retain=True)
    s.connect("b", clean=False, present=True)
    s.subscribe("b", "v")
    s.nothing("b", shows="3:3.3.1-11 3:3.3.2-3 5:3.3.1-7 5:3.3.2-3")


# 5.0 only.


@scene(FILE, "5.0", "Retain Handling 1 sends retained messages to a subscription that is new, and only then.")
def retain_handling_1(s):
    s.publish("a", "t", qos=1, retain=True)
    s.subscribe("b", "t", retain_handling=1)
    s.gets_retained("b", "t", shows="5:3.3.1-10")
    s.subscribe("b", "t", retain_handling=1)
    s.nothing("b", shows="5:3.3.1-10")
    s.unsubscribe("b", "t")
    s.subscribe("b", "t", retain_handling=1)
    s.gets_retained("b", "t", shows="5:3.3.1-10")


@scene(FILE, "5.0", "Retain Handling 1: a subscription of a session that is resumed is not new.")
def retain_handling_1_resumed(s):
    s.publish("a", "t", qos=1, retain=True)
    s.connect("b", clean=False)
    s.subscribe("b", "t", retain_handling=2)
    s.cut("b")
    s.connect("b", clean=False, present=True)
    s.subscribe("b", "t", retain_handling=1)
    s.nothing("b", shows="5:3.3.1-10")


@scene(FILE, "5.0", "Retain Handling 2 never sends retained messages.")
def retain_handling_2(s):
    s.publish("a", "t", qos=1, retain=True)
    for _ in range(2):
        s.subscribe("b", "t", retain_handling=2)
        s.nothing("b", shows="5:3.3.1-11", seconds=0.2)
    s.publish("a", "t", b"live", 1)
    s.gets("b", "t", b"live")


@scene(FILE, "5.0", "Retain Handling is about each filter of a SUBSCRIBE.")
def retain_handling_each(s):
    for topic in "tuv":
        s.publish("a", topic, qos=1, retain=True)
    s.connect("b")
    filters = [s.filter("b", topic, retain_handling=value) for value, topic in enumerate("tuv")]
    s.subscribe("b", *filters)
    got = [s.message("b", topic, retain=True) for topic in "tu"]
    s.beside_suback("b", *got, shows="5:3.3.1-9 5:3.3.1-10")
    s.nothing("b", shows="5:3.3.1-11")


@scene(FILE, "5.0", "Retain As Published: RETAIN stays as it came.")
def retain_as_published(s):
    s.subscribe("b", "t", retain_as_published=True)
    s.subscribe("c", "t")
    for retain in (True, False):
        s.publish("a", "t", qos=1, retain=retain)
        s.gets("b", "t", retain=retain, shows="5:3.3.1-13")
        s.gets("c", "t", retain=False, shows="5:3.3.1-12")


@scene(FILE, "5.0", "A retained message that was stored goes out with RETAIN, whatever Retain As Published says.")
def retain_as_published_stored(s):
    s.publish("a", "t", qos=1, retain=True)
    for option, name in ((False, "b"), (True, "c")):
        s.subscribe(name, "t", retain_as_published=option)
        s.gets_retained(name, "t", shows="5:3.3.1-9")


@scene(FILE, "5.0", "A retained message that has expired is not sent.")
def retained_expired(s):
    s.publish("a", "t", qos=1, retain=True, properties=[prop("Message Expiry Interval", 1)])
    s.subscribe("b", "t")
    s.gets_retained("b", "t")
    s.wait(2.2)
    s.subscribe("c", "t")
    s.nothing("c", shows="5:3.3.2-5")


@scene(FILE, "5.0", "A retained message says how long it still lives.")
def retained_expiry(s):
    s.publish("a", "t", qos=1, retain=True, properties=[prop("Message Expiry Interval", 100)])
    s.wait(2.2)
    s.subscribe("b", "t")
    left = {"name": "Message Expiry Interval", "value": {"from": 90, "to": 98}}
    s.gets_retained("b", "t", properties=[left], shows="5:3.3.2-6")


@scene(FILE, "5.0", "A retained message keeps its properties.")
def retained_properties(s):
    pairs = [prop("User Property", pair) for pair in (["k", "1"], ["k", "2"], ["j", "3"])]
    others = [prop("Payload Format Indicator", 1), prop("Content Type", "c")]
    others += [prop("Response Topic", "{run}/r"), prop("Correlation Data", b"\x00\xff")]
    s.publish("a", "t", qos=1, retain=True, properties=others + pairs)
    s.subscribe("b", "t")
    shows = "5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20"
    s.gets_retained("b", "t", properties=others + pairs, shows=shows)


@scene(FILE, "5.0", "A retained message for a subscription with an identifier carries it.")
def retained_identifier(s):
    s.publish("a", "t", qos=1, retain=True)
    s.subscribe("b", "t", properties=[prop("Subscription Identifier", 7)])
    s.gets_retained("b", "t", properties=[prop("Subscription Identifier", 7)], shows="5:3.3.4-3")


@scene(FILE, "5.0", "A shared subscription gets no retained messages.")
def retained_not_for_shared(s):
    s.publish("a", "t", qos=1, retain=True)
    s.subscribe("b", "$share/g/t")
    s.nothing("b", shows="SB-10")
    s.publish("a", "t", b"live", 1)
    s.gets("b", "t", b"live")

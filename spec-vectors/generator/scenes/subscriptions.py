"""Subscriptions: what they match, replace, and end."""

from ..packets import prop
from ..scene import scene

BOTH = "3.1.1 5.0"
FILE = "broker/subscriptions"
TOPICS = ("t", "t/", "t/x", "t/x/y", "t//y", "/t", "T/x", "u/x", "tt")
FILTERS = {
    "t": "t",
    "t/+": "t/ t/x",
    "t/#": "t t/ t/x t/x/y t//y",
    "+": "t tt",
    "+/x": "t/x T/x u/x",
    "+/+": "t/ t/x /t T/x u/x",
    "t/+/y": "t/x/y t//y",
    "/+": "/t",
    "+/t": "/t",
    "t/": "t/",
    "t/+/#": "t/ t/x t/x/y t//y",
    "t/x/#": "t/x t/x/y",
    "t/x/+": "t/x/y",
    "#": "t t/ t/x t/x/y t//y /t T/x u/x tt",
}


@scene(FILE, BOTH, "Each filter gets what it matches and no more.")
def filter_matching(s):
    for number, text in enumerate(FILTERS):
        s.subscribe(f"b{number}", text)
    for topic in TOPICS:
        s.publish("a", topic, topic.encode())
    s.publish("a", "t", b"end")
    for number, topics in enumerate(FILTERS.values()):
        got = [s.message(f"b{number}", topic, topic.encode()) for topic in topics.split(" ")]
        if "t" in topics.split(" "):
            got.append(s.message(f"b{number}", "t", b"end"))
        s.unordered(f"b{number}", *got, shows="3:3.3.2-3 5:3.3.2-3 3:4.7.1-3 5:4.7.1-2")
    s.nothing("b0", "b1", shows="3:3.3.2-3 5:3.3.2-3")


@scene(FILE, BOTH, "Texts that look the same are different topics, and so are names with an empty level.")
def filter_not_normalised(s):
    topics = ["caf\u00e9", "cafe\u0301", "t/x", "t//x", "t/X", "\ufefft", "t ", "\u212b", "\u00c5"]
    for number, topic in enumerate(topics):
        s.subscribe(f"b{number}", topic)
    for topic in topics:
        s.publish("a", topic, topic.encode(), 1)
    for number, topic in enumerate(topics):
        s.gets(f"b{number}", topic, topic.encode(), shows="3:4.7.3-4 5:4.7.3-4")
    s.nothing("b0", shows="3:4.7.3-4 5:4.7.3-4")


@scene(FILE, BOTH, "A wildcard at the beginning of a filter does not match topics that begin with $.")
def filter_dollar(s):
    s.subscribe("b", "+/{run}/x")
    s.publish("a", "$v/{run}/x", b"hidden", 0)
    s.publish("a", "v/{run}/x", b"seen", 0)
    s.gets("b", "v/{run}/x", b"seen", shows="3:4.7.2-1 5:4.7.2-1")
    s.connect("c", only=["{run}", "$"])
    s.subscribe("c", {**s.filter("c", "#"), "filter": "#"})
    s.publish("a", "$v/{run}/x", b"hidden", 0)
    s.publish("a", "v/{run}/x", b"seen", 0)
    s.gets("c", "v/{run}/x", b"seen", shows="3:4.7.2-1 5:4.7.2-1")
    s.gets("b", "v/{run}/x", b"seen", shows="3:4.7.2-1 5:4.7.2-1")
    s.nothing("c", seconds=1, shows="3:4.7.2-1 5:4.7.2-1")


@scene(FILE, BOTH, "A retained message of a topic that begins with $ is not for a wildcard at the beginning either.")
def filter_dollar_retained(s):
    s.publish("a", "$v/{run}/x", b"hidden", 1, retain=True)
    s.publish("a", "v/{run}/x", b"seen", 1, retain=True)
    s.subscribe("b", "+/{run}/x")
    s.gets_retained("b", "v/{run}/x", b"seen", shows="3:4.7.2-1 5:4.7.2-1")
    s.nothing("b", shows="3:4.7.2-1 5:4.7.2-1")


@scene(FILE, BOTH, "Subscriptions that overlap get the message at the highest of their levels; more copies may come.")
def subscriptions_overlap(s):
    s.subscribe("b", ("t/#", 0), ("t/x", 2))
    s.publish("a", "t/x", qos=2)

    id = s.name()
    high, low = s.message("b", "t/x", qos=2, id=id), s.message("b", "t/x", qos=0)

    def highest_first():
        s.expect("b", high)
        s.perhaps(lambda: s.expect("b", low), on="b")

    def highest_last():
        s.expect("b", low)
        s.expect("b", high)

    s.either(highest_first, highest_last, shows="3:3.3.5-1 5:3.3.4-2")
    s.finish("b", id, 2)


@scene(FILE, BOTH, "The level of a message is the lower one of its own and that of its subscription.")
def subscription_qos(s):
    for granted in (0, 1, 2):
        s.subscribe(f"b{granted}", ("t", granted))
    for qos in (0, 1, 2):
        s.publish("a", "t", f"m{qos}".encode(), qos)
        for granted in (0, 1, 2):
            s.gets(f"b{granted}", "t", f"m{qos}".encode(), min(qos, granted), shows="3:3.8.4-6 5:3.8.4-8")


@scene(FILE, BOTH, "A subscription with the same filter takes the place of the old one.")
def subscription_replaced(s):
    s.subscribe("b", ("t", 0))
    s.subscribe("b", ("t", 1))
    s.publish("a", "t", b"1", 2)
    s.gets("b", "t", b"1", 1, shows="3:3.8.4-3 5:3.8.4-3")
    s.subscribe("b", ("t", 0))
    s.publish("a", "t", b"2", 2)
    s.gets("b", "t", b"2", 0, shows="3:3.8.4-3 5:3.8.4-3")
    s.nothing("b", shows="3:3.8.4-3 5:3.8.4-3")


@scene(FILE, BOTH, "While a subscription is replaced no message is lost.")
def subscription_replaced_meanwhile(s):
    s.subscribe("b", ("t", 1))
    s.connect("a")
    for number in range(1, 9):
        s.send("a", s.published("a", "t", bytes([number]), 1, id=number))
        if number in (3, 6):
            s.send("b", s.packet("b", "SUBSCRIBE", packet_id=number, filters=[s.filter("b", "t", 1)]))
    s.unordered("a", *[s.acked("a", "PUBACK", number) for number in range(1, 9)])
    answers = [s.granted("b", number, 1) for number in (3, 6)]
    messages = [s.message("b", "t", bytes([number]), 1, id=f"m{number}") for number in range(1, 9)]
    s.unordered("b", *answers, *messages, shows="3:3.8.4-3 5:3.8.4-4")
    s.send("b", *[s.ack("b", "PUBACK", {"id": f"m{number}"}) for number in range(1, 9)])


@scene(FILE, BOTH, "Several filters in one SUBSCRIBE are as many subscriptions, one after the other, with one answer.")
def subscribe_several(s):
    s.subscribe("b", ("t", 0), ("u", 1), ("t", 2), shows="3:3.8.4-4 5:3.8.4-5")
    for topic, qos in (("t", 2), ("u", 1)):
        s.publish("a", topic, qos=2)
        s.gets("b", topic, qos=qos, shows="3:3.8.4-4 5:3.8.4-5")
    s.nothing("b", shows="3:3.8.4-4 5:3.8.4-5")


@scene(FILE, BOTH, "Each of several filters gets its retained messages.")
def subscribe_several_retained(s):
    for topic in "tu":
        s.publish("a", topic, qos=1, retain=True)
    s.subscribe("b", "t", "u", shows="3:3.8.4-4 5:3.8.4-5")
    s.beside_suback("b", *[s.message("b", topic, retain=True) for topic in "tu"], shows="3:3.8.4-4 5:3.8.4-5")


@scene(FILE, BOTH, "Only the very same filter ends a subscription.")
def unsubscribe_exact(s):
    s.subscribe("b", "t/+")
    s.unsubscribe("b", "t/x", "t/#", "T/+", "t/+/", "+/{run}/t/+", reasons=["0x11"] * 5, shows="5:3.10.4-1")
    s.publish("a", "t/x", b"1", 1)
    s.gets("b", "t/x", b"1", shows="3:3.10.4-1 5:3.10.4-1")
    s.unsubscribe("b", "t/+", shows="5:3.10.4-1")
    s.publish("a", "t/x", b"2", 1)
    s.nothing("b", shows="3:3.10.4-1 3:3.10.4-2 5:3.10.4-1 5:3.10.4-2")


@scene(FILE, BOTH, "A message whose exchange has begun is brought to its end after UNSUBSCRIBE.")
def unsubscribe_in_flight(s):
    s.subscribe("b", ("t", 2), ("u", 1))
    s.publish("a", "t", qos=2)
    two = s.gets("b", "t", qos=2, finish=False)
    s.publish("a", "u", qos=1)
    one = s.gets("b", "u", qos=1, finish=False)
    s.send("b", s.ack("b", "PUBREC", {"id": two}))
    s.expect("b", s.acked("b", "PUBREL", {"id": two}))
    s.unsubscribe("b", "t", "u")
    s.publish("a", "t", b"new", 2)
    s.publish("a", "u", b"new", 1)
    s.nothing("b", shows="3:3.10.4-2 5:3.10.4-2")
    s.send("b", s.ack("b", "PUBCOMP", {"id": two}), s.ack("b", "PUBACK", {"id": one}))
    s.subscribe("b", ("t", 2))
    s.publish("a", "t", b"again", 2)
    s.gets("b", "t", b"again", 2, shows="3:3.10.4-3 5:3.10.4-3")


@scene(FILE, BOTH, "PUBREC after UNSUBSCRIBE still gets its PUBREL.")
def unsubscribe_before_pubrec(s):
    s.subscribe("b", ("t", 2))
    s.publish("a", "t", qos=2)
    id = s.gets("b", "t", qos=2, finish=False)
    s.unsubscribe("b", "t")
    s.finish("b", id, 2, shows="3:3.10.4-3 5:3.10.4-3")


@scene(
    FILE,
    BOTH,
    "A message whose exchange has begun comes again in the next connection, though UNSUBSCRIBE came between.",
)
def unsubscribe_then_resume(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1))
    s.publish("a", "t", qos=1)
    id = s.gets("b", "t", qos=1, finish=False)
    s.unsubscribe("b", "t")
    s.cut("b")
    s.connect("b", clean=False, present=True)
    s.gets("b", "t", qos=1, dup=True, id=id, shows="3:3.10.4-3 5:3.10.4-3")


def granted_or_refused(s, text, id):
    def granted():
        s.expect("b", s.granted("b", id, 0))
        s.publish("a", "t/x", qos=1)
        s.gets("b", "t/x", shows="3:3.8.3-2")
        s.unsubscribe("b", text)

    def refused():
        s.expect("b", s.granted("b", id, 0x80))
        s.publish("a", "t/x", qos=1)
        s.nothing("b", shows="3:3.8.3-2")

    s.send("b", s.packet("b", "SUBSCRIBE", packet_id=id, filters=[s.filter("b", text)]))
    s.either(granted, refused, shows="3:3.8.3-2")


@scene(FILE, "3.1.1", "A server has wildcards, or refuses each filter with one.")
def subscribe_wildcards(s):
    s.connect("a")
    s.connect("b")
    for text in ("t/#", "t/+"):
        granted_or_refused(s, text, s.number("b"))


# 5.0 only.


@scene(FILE, "5.0", "No Local: a client does not get its own messages, but all others.")
def no_local(s):
    s.subscribe("b", ("t", 1), no_local=True)
    s.publish("b", "t", b"own", 1)
    s.publish("a", "t", b"other", 1)
    s.gets("b", "t", b"other", 1, shows="5:3.8.3-3")
    s.nothing("b", shows="5:3.8.3-3")


@scene(FILE, "5.0", "Without No Local a client gets its own messages, and No Local counts for each subscription alone.")
def no_local_beside_local(s):
    s.subscribe("b", "t", no_local=True)
    s.subscribe("b", "u")
    s.publish("b", "t", b"own")
    s.publish("b", "u", b"own")
    s.gets("b", "u", b"own", shows="5:3.8.3-3")
    s.subscribe("b", "t", no_local=False)
    s.publish("b", "t", b"own")
    s.gets("b", "t", b"own", shows="5:3.8.4-3")
    s.nothing("b", shows="5:3.8.3-3")


@scene(FILE, "5.0", "No Local is about the client, and not about its connection.")
def no_local_own_session(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1), no_local=True)
    s.publish("b", "t", b"own", 1)
    s.cut("b")
    s.connect("b", clean=False, present=True)
    s.publish("b", "t", b"own", 1)
    s.nothing("b", shows="5:3.8.3-3")


IDENTIFIER = "Subscription Identifier"


@scene(FILE, "5.0", "A message carries the identifier of the subscription that it is for.")
def subscription_identifier(s):
    s.subscribe("b", "t", properties=[prop(IDENTIFIER, 268435455)])
    s.subscribe("b", "u")
    s.publish("a", "t", qos=1)
    s.gets("b", "t", properties=[prop(IDENTIFIER, 268435455)], shows="5:3.3.4-3")
    s.publish("a", "u", qos=1)
    s.gets("b", "u", without=[IDENTIFIER], shows="5:3.3.4-3")


@scene(FILE, "5.0", "One copy for several subscriptions carries all their identifiers; of several each has its own.")
def subscription_identifiers(s):
    one, two = prop(IDENTIFIER, 1), prop(IDENTIFIER, 2)
    s.subscribe("b", "t/#", properties=[one])
    s.subscribe("b", "t/x", properties=[two])
    s.publish("a", "t/x", qos=1)

    def copies(first, second):
        def script():
            s.gets("b", "t/x", properties=[first], without=[second], shows="5:3.3.4-3 5:3.3.4-5")
            s.gets("b", "t/x", properties=[second], without=[first], shows="5:3.3.4-3 5:3.3.4-5")

        return script

    both = lambda: s.gets("b", "t/x", properties=[one, two], shows="5:3.3.4-3 5:3.3.4-4")  # noqa: E731
    s.either(both, copies(one, two), copies(two, one), shows="5:3.3.4-3 5:3.3.4-4 5:3.3.4-5")


@scene(FILE, "5.0", "Two subscriptions with the same identifier: one copy may carry it twice, or there are two.")
def subscription_identifiers_alike(s):
    for text in ("t/#", "t/x"):
        s.subscribe("b", text, properties=[prop(IDENTIFIER, 5)])
    s.publish("a", "t/x", qos=1)
    s.gets("b", "t/x", properties=[prop(IDENTIFIER, 5)], shows="5:3.3.4-3 5:3.3.4-4")
    s.perhaps(lambda: s.gets("b", "t/x", properties=[prop(IDENTIFIER, 5)], shows="5:3.3.4-5"), on="b")


@scene(FILE, "5.0", "A new subscription with the same filter brings its own identifier and options, or none.")
def subscription_identifier_replaced(s):
    s.subscribe("b", "t", properties=[prop(IDENTIFIER, 1)], retain_as_published=True)
    s.subscribe("b", "t", properties=[prop(IDENTIFIER, 2)])
    s.publish("a", "t", qos=1)
    s.gets("b", "t", properties=[prop(IDENTIFIER, 2)], without=[prop(IDENTIFIER, 1)], shows="5:3.8.4-3")
    s.subscribe("b", "t")
    s.publish("a", "t", qos=1, retain=True)
    s.gets("b", "t", without=[IDENTIFIER], shows="5:3.8.4-3")


@scene(FILE, "5.0", "A session keeps the options and the identifier of its subscriptions.")
def subscription_options_kept(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1), properties=[prop(IDENTIFIER, 3)], retain_as_published=True, no_local=True)
    s.cut("b")
    s.connect("b", clean=False, present=True)
    s.publish("b", "t", b"own", 1)
    s.publish("a", "t", b"other", 1, retain=True)
    shows = "5:3.3.4-3 5:3.3.1-13 5:3.8.3-3"
    s.gets("b", "t", b"other", 1, retain=True, properties=[prop(IDENTIFIER, 3)], shows=shows)

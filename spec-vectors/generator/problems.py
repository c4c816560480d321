"""Conversations about what is left out of a packet because its receiver did not ask for it or has no room (5.0)."""

from .authentication import early, method
from .packets import prop
from .sessions import sides
from .talk import conversation

NEW = "5.0"
SIZE = "connection/size"
ASKED = "connection/information"

LIMIT = 40
LIMITED = prop("Maximum Packet Size", LIMIT)


def text(n=10):
    """Three bytes and n."""
    return prop("Reason String", "r" * n)


def pair(n=1):
    """Six bytes and n."""
    return prop("User Property", ["k", "v" * n])


def fits(t, rules, head, ask, packet):
    """A packet of `head` bytes without them gets both properties, as far as there is room."""
    room = LIMIT - head
    yield lambda: (ask([text(), pair(room - 19)]), t.out(packet(text(), pair(room - 19)), shows=rules))

    def without_text():
        ask([text(11), pair(room - 19)])
        alternatives = [lambda: t.out(packet(pair(room - 19))), lambda: t.out(packet())]
        t.either(*alternatives, shows=rules)

    def without_pair():
        ask([text(), pair(room - 5)])
        t.either(lambda: t.out(packet()), lambda: t.out(packet(text())), shows=rules)

    yield without_text
    yield without_pair


def fitting_ack(kind, qos, rules):
    def script(t):
        t.manual()
        t.begin(properties=[LIMITED])

        def ask(properties):
            t.get(1, qos, token="t1")
            t.command("ack", token="t1", reason="0x87", properties=properties)

        for step in fits(t, rules, 6, ask, lambda *left: t.ack(kind, 1, "0x87", left)):
            step()

    script.__name__ = f"size_of_{kind.lower()}"
    return script


SAYS = "What would make {} too large for its receiver is left out."

for _kind, _qos, _rules in (("PUBACK", 1, "5:3.4.2-2 5:3.4.2-3"), ("PUBREC", 2, "5:3.5.2-2 5:3.5.2-3")):
    sides(SIZE, NEW, SAYS.format(_kind))(fitting_ack(_kind, _qos, _rules))


@sides(SIZE, NEW, "PUBREL and PUBCOMP for a receiver of small packets: no more than they need.")
def size_of_pubrel_and_pubcomp(t):
    # A server still has to say its limits in CONNACK.
    t.begin(properties=[prop("Maximum Packet Size", 8 if t.role == "client" else 20)])
    t.send("m1", 2)
    t.input(t.pubrec("m1", properties=[text(100)]))
    t.event("received", id="m1", reason="0x00")
    t.out(t.pubrel("m1"), shows="5:3.6.2-2 5:3.6.2-3")
    t.input(t.pubcomp("m1"))
    t.acked("m1")
    t.get(1, 2)
    t.out(t.pubrec(1))
    t.input(t.pubrel(1, properties=[text(100), pair(100)]))
    t.out(t.pubcomp(1), shows="5:3.7.2-2 5:3.7.2-3")
    t.input(t.pubrec(9, properties=[text(100)]))
    t.out(t.pubrel(9, "0x92"), shows="5:3.6.2-2 5:3.6.2-3")
    t.input(t.pubrel(9, properties=[text(100)]))
    t.out(t.pubcomp(9, "0x92"), shows="5:3.7.2-2 5:3.7.2-3")


@conversation(SIZE, "server", NEW, SAYS.format("SUBACK"))
def size_of_suback(t):
    t.serve(properties=[LIMITED])

    def ask(properties):
        t.input(t.subscribe(1, ("a", 0)))
        t.event("subscribe", id=1)
        t.command("suback", reasons=["0x87"], properties=properties)

    packet = lambda *left: t.suback(1, "0x87", properties=list(left))  # noqa: E731
    for step in fits(t, "5:3.9.2-1 5:3.9.2-2", 6, ask, packet):
        step()


@conversation(SIZE, "server", NEW, SAYS.format("UNSUBACK"))
def size_of_unsuback(t):
    t.serve(properties=[LIMITED])

    def ask(properties):
        t.input(t.unsubscribe(1, "a"))
        t.event("unsubscribe", id=1)
        t.command("unsuback", reasons=["0x11"], properties=properties)

    packet = lambda *left: t.unsuback(1, "0x11", properties=list(left))  # noqa: E731
    for step in fits(t, "5:3.11.2-1 5:3.11.2-2", 6, ask, packet):
        step()


@sides(SIZE, NEW, SAYS.format("DISCONNECT"))
def size_of_disconnect(t):
    ask = lambda properties: t.command("disconnect", reason="0x83", properties=properties)  # noqa: E731
    packet = lambda *left: t.disconnect_packet("0x83", left)  # noqa: E731
    for step in fits(t, "5:3.14.2-3 5:3.14.2-4", 4, ask, packet):
        t.begin(properties=[LIMITED])
        step()
        t.closed("command")


@sides(SIZE, NEW, SAYS.format("AUTH"))
def size_of_auth(t):
    told = [*method(), LIMITED]
    if t.role == "client":
        t.connect(properties=method())
        t.connected(properties=told)
    else:
        t.arrives(properties=told)
        t.accept(properties=method())
    reason = "0x19" if t.role == "client" else "0x18"

    def ask(properties):
        if t.role == "server":
            t.input(t.packet("AUTH", reason="0x19", properties=method()))
            t.event("auth", reason="0x19")
        t.command("auth", reason=reason, properties=[*method(), *properties])

    packet = lambda *left: t.packet("AUTH", reason=reason, properties=[*method(), *left])  # noqa: E731
    for step in fits(t, "5:3.15.2-2 5:3.15.2-3", 8, ask, packet):
        step()
        if t.role == "client":
            t.input(t.packet("AUTH", reason="0x00", properties=method()))
            t.event("auth", reason="0x00")
        else:
            t.input(t.packet("AUTH", reason="0x18", properties=method()))
            t.event("auth", reason="0x18")
            t.command("auth", reason="0x00", properties=method())
            t.out(t.packet("AUTH", reason="0x00", properties=method()))


@conversation(SIZE, "server", NEW, "What would make AUTH too large for a client that is not accepted yet is left out.")
def size_of_first_auth(t):
    t.arrives(properties=[*method(), LIMITED])
    ask = lambda properties: t.command("auth", reason="0x18", properties=[*method(), *properties])  # noqa: E731
    packet = lambda *left: t.packet("AUTH", reason="0x18", properties=[*method(), *left])  # noqa: E731
    for step in fits(t, "5:3.15.2-2 5:3.15.2-3", 8, ask, packet):
        step()
        t.input(t.packet("AUTH", reason="0x18", properties=method()))
        t.event("auth", reason="0x18")
    t.accept(properties=method())


CONNACK = "5:3.2.2-19 5:3.2.2-20"


@conversation(SIZE, "server", NEW, SAYS.format("CONNACK"))
def size_of_connack(t):
    told = {"type": "CONNACK", "session_present": False, "reason": "0x00"}
    for asked, left_out in (([text(), pair()], ()), ([text(100), pair()], ["Reason String"])):
        if left_out:
            t.lost()
        t.arrives(properties=[prop("Maximum Packet Size", 80)])
        t.command("accept", properties=asked)
        left = [one for one in asked if one["name"] not in left_out]
        whole = lambda: t.sends({**told, "properties": left}, without=left_out, most=80)  # noqa: E731
        bare = lambda: t.sends(told, without=["Reason String", "User Property"], most=80)  # noqa: E731
        t.either(whole, bare, shows=CONNACK)
    t.lost()
    t.arrives(properties=[prop("Maximum Packet Size", 80)])
    t.command("accept", properties=[text(), pair(100)])
    t.sends(told, without=["User Property"], most=80, shows=CONNACK)


@conversation(SIZE, "server", NEW, "What would make a CONNACK of refusal too large for its client is left out, and nothing else.")
def size_of_refusal(t):
    server = [prop("Server Reference", "other")]
    told = {"type": "CONNACK", "session_present": False, "reason": "0x9C", "properties": server}
    for asked, left_out in (
        ([text(), pair()], []),
        ([text(100), pair()], ["Reason String"]),
        ([text(), pair(100)], ["User Property"]),
        ([text(100), pair(100)], ["Reason String", "User Property"]),
    ):
        t.arrives(properties=[prop("Maximum Packet Size", 80)])
        t.command("reject", reason="0x9C", properties=[*server, *asked])
        left = [] if "User Property" in left_out else [one for one in asked if one["name"] not in left_out]
        most = lambda: t.sends({**told, "properties": [*server, *left]}, without=left_out, most=80)  # noqa: E731
        least = lambda: t.sends(told, without=left_out, most=80)  # noqa: E731
        if left:
            t.either(most, least, shows=CONNACK)
        else:
            t.sends(told, without=left_out, most=80, shows=CONNACK)
        t.closed("refused")


# What a client did not ask for.


def response(asked):
    properties = [] if asked is None else [prop("Request Response Information", asked)]
    given = [prop("Response Information", "r")]

    def script(t):
        t.arrives(properties=properties)
        t.command("accept", properties=given)
        told = {"type": "CONNACK", "session_present": False, "reason": "0x00"}
        if not asked:
            t.sends(told, without=["Response Information"], shows="5:3.1.2-28")
        else:
            # A server may always keep it to itself.
            whole = lambda: t.sends({**told, "properties": given})  # noqa: E731
            t.either(whole, lambda: t.sends(told, without=["Response Information"]), shows="5:3.1.2-28")

    script.__name__ = "response_information_" + ("asked" if asked else "not_asked" if asked is None else "declined")
    return script


for _asked, _says in (
    (None, "A client that says nothing of Response Information gets none."),
    (0, "A client that declines Response Information gets none."),
    (1, "A client that asks for Response Information may get it."),
):
    conversation(ASKED, "server", NEW, _says)(response(_asked))

DECLINED = prop("Request Problem Information", 0)
RULES = "5:3.1.2-29"


def problem(asked):
    properties = {None: [], 0: [DECLINED], 1: [prop("Request Problem Information", 1)]}[asked]
    both = [text(), pair()]

    def script(t):
        left = both if asked != 0 else []
        t.manual()
        t.arrives(properties=[*method(), *properties])
        asks = {"reason": "0x18", "properties": [*method(), *both]}
        t.command("auth", **asks)
        t.out(t.packet("AUTH", reason="0x18", properties=[*method(), *left]), shows=RULES)
        t.input(t.packet("AUTH", reason="0x18", properties=method()))
        t.event("auth", reason="0x18")
        t.accept(properties=[*method(), *both], shows=RULES)
        t.get(1, 1, token="t1")
        t.command("ack", token="t1", reason="0x00", properties=both)
        t.out(t.puback(1, properties=left), shows=RULES)
        t.get(2, 1, token="t2")
        t.command("ack", token="t2", reason="0x87", properties=both)
        t.out(t.puback(2, "0x87", left), shows=RULES)
        t.get(3, 2, token="t3")
        t.command("ack", token="t3", reason="0x00", properties=both)
        t.out(t.pubrec(3, properties=left), shows=RULES)
        t.input(t.subscribe(4, ("a", 0)))
        t.event("subscribe", id=4)
        t.command("suback", reasons=["0x87"], properties=both)
        t.out(t.suback(4, "0x87", properties=left), shows=RULES)
        t.input(t.unsubscribe(5, "a"))
        t.event("unsubscribe", id=5)
        t.command("unsuback", reasons=["0x11"], properties=both)
        t.out(t.unsuback(5, "0x11", properties=left), shows=RULES)
        t.send(None, 0, properties=[pair()], shows=RULES)
        t.command("disconnect", reason="0x8B", properties=both)
        t.out(t.disconnect_packet("0x8B", both), shows=RULES)
        t.closed("command")

    script.__name__ = "problem_information_" + {None: "not_mentioned", 0: "declined", 1: "asked"}[asked]
    return script


conversation(
    ASKED, "server", NEW, "A client that declines Problem Information gets it in PUBLISH, CONNACK and DISCONNECT alone."
)(problem(0))
conversation(ASKED, "server", NEW, "A client that asks for Problem Information gets it with every packet.")(problem(1))
conversation(ASKED, "server", NEW, "A client that says nothing of Problem Information gets it with every packet.")(problem(None))


def heard(asked):
    def script(t):
        given = [text(), pair()]
        t.connect(properties=[prop("Request Problem Information", asked)])
        t.connected(properties=given)
        t.input(t.publish(qos=0, properties=[pair()]))
        t.event("publish", qos=0, topic="a", properties=[pair()], shows="DR-11")
        if asked:
            t.send("m1")
            t.input(t.puback("m1", "0x10", given))
            t.event("acked", id="m1", reason="0x10", properties=given, shows="DR-11")
            t.send("m2", 2)
            t.input(t.pubrec("m2", properties=given))
            t.event("received", id="m2", reason="0x00", properties=given, shows="DR-11")
            t.out(t.pubrel("m2"))
            t.input(t.pubcomp("m2", properties=given))
            t.event("acked", id="m2", reason="0x00", properties=given, shows="DR-11")
        t.input(t.disconnect_packet("0x8B", given))
        t.event("disconnect", reason="0x8B", properties=given, shows="DR-11")
        t.closed("disconnect")

    script.__name__ = "problem_information_" + ("asked" if asked else "where_it_may_be")
    return script


conversation(ASKED, "client", NEW, "A client that declines Problem Information still takes it in CONNACK, PUBLISH and DISCONNECT.")(heard(0))
conversation(ASKED, "client", NEW, "A client that asks for Problem Information takes it in every packet.")(heard(1))


def exchange(kind):
    """All that leads to a packet of the server, and the packet."""

    def puback(t, properties):
        t.send("m1")
        return t.puback("m1", properties=properties)

    def pubrec(t, properties):
        t.send("m1", 2)
        return t.pubrec("m1", properties=properties)

    def pubrel(t, properties):
        t.get(1, 2)
        t.out(t.pubrec(1))
        return t.pubrel(1, properties=properties)

    def pubcomp(t, properties):
        t.send("m1", 2)
        t.input(t.pubrec("m1"))
        t.out(t.pubrel("m1"))
        return t.pubcomp("m1", properties=properties)

    def suback(t, properties):
        t.command("subscribe", filters=[{"filter": "a", "qos": 0}])
        t.out(t.subscribe("s1", ("a", 0)))
        return t.suback("s1", "0x00", properties=properties)

    def unsuback(t, properties):
        t.command("unsubscribe", filters=["a"])
        t.out(t.unsubscribe("u1", "a"))
        return t.unsuback("u1", "0x00", properties=properties)

    def auth(t, properties):
        t.command("auth", reason="0x19", properties=method())
        t.out(t.packet("AUTH", reason="0x19", properties=method()))
        return t.packet("AUTH", reason="0x00", properties=[*method(), *properties])

    return locals()[kind]


def unwanted(kind, name, properties):
    def script(t):
        own = method() if kind == "auth" else []
        t.connect(properties=[*own, DECLINED])
        t.connected(properties=own)
        t.input(exchange(kind)(t, properties))
        t.fault("DR-11 5:3.1.2-29", shows="DR-11 5:3.1.2-29")

    script.__name__ = f"{name}_in_{kind}"
    return script


for _kind in ("puback", "pubrec", "pubrel", "pubcomp", "suback", "unsuback", "auth"):
    for _name, _properties in (("reason", [text()]), ("user_property", [pair()])):
        conversation(ASKED, "client", NEW, "A client that declines Problem Information gets it where it may not be.")(
            unwanted(_kind, _name, _properties)
        )


@conversation(ASKED, "client", NEW, "A client that declines Problem Information gets it before it is accepted.")
def reason_in_first_auth(t):
    t.connect(properties=[*method(), DECLINED])
    t.input(t.packet("AUTH", reason="0x18", properties=[*method(), text()]))
    early(t, "DR-11 5:3.1.2-29", shows="DR-11 5:3.1.2-29")


@conversation(ASKED, "client", NEW, "A client that declines Problem Information may still give it: a server can't decline.")
def given_all_the_same(t):
    t.manual()
    t.connect(properties=[DECLINED])
    t.connected()
    t.get(1, 1, token="t1")
    t.command("ack", token="t1", reason="0x87", properties=[text(), pair()])
    t.out(t.puback(1, "0x87", [text(), pair()]), shows="5:3.1.2-29")

"""Conversations about what one side does not offer or take, and what is made of that."""

from .packets import prop, subscription, will
from .sessions import sides
from .talk import conversation

NEW = "5.0"
OLD = "3.1.1"
FILE = "connection/limits"


# What a server does not offer.


def refused_will(t, reason, rule, **fields):
    """A CONNECT whose will asks for too much."""
    t.open()
    t.input(t.connect_packet(will=will(NEW, **fields)))

    def answered():
        t.out(t.connack_packet(code=reason))
        t.closed("violation", rules=t.rules(rule), reasons=[reason])

    def application():
        t.event("connect")
        t.command("reject", reason=reason)
        t.out(t.connack_packet(code=reason))
        t.closed("refused")

    silent = lambda: t.closed("violation", rules=t.rules(rule))  # noqa: E731
    t.either(answered, application, silent, shows=rule)


def maximum_qos(maximum):
    def script(t):
        t.limits(maximum_qos=maximum)
        t.serve(announced=[prop("Maximum QoS", maximum)], shows="5:3.2.2-9", will=will(NEW, qos=maximum))
        t.input(t.subscribe(1, ("a", 0), ("b", 1), ("c", 2)))
        t.event("subscribe", id=1, shows="5:3.2.2-10")
        t.command("suback", reasons=["0x00", "0x01", "0x02"])
        t.out(t.suback(1, "0x00", "0x01", "0x02"), shows="5:3.2.2-10")
        t.get(2 if maximum else None, maximum, shows="PB-6")
        if maximum:
            t.out(t.puback(2))
        t.send("m1", 2)
        t.input(t.publish(3, maximum + 1))
        t.fault("PB-6", ("0x9B",), shows="PB-6")

    script.__name__ = f"maximum_qos_{maximum}"
    return script


def will_above(maximum):
    def script(t):
        t.limits(maximum_qos=maximum)
        refused_will(t, "0x9B", "5:3.2.2-12", qos=maximum + 1)

    script.__name__ = f"will_above_qos_{maximum}"
    return script


for _maximum in (0, 1):
    conversation(FILE, "server", NEW, "A server that does not take every QoS says so, takes none above, and lets clients subscribe with each.")(
        maximum_qos(_maximum)
    )
    conversation(FILE, "server", NEW, "A will above the QoS that the server takes.")(will_above(_maximum))


@conversation(FILE, "server", NEW, "A server that does not retain says so, and takes no such message.")
def no_retain(t):
    t.limits(retain_available=0)
    t.serve(announced=[prop("Retain Available", 0)], will=will(NEW))
    t.get(None, 0)
    t.send(None, 0, retain=True)
    t.input(t.publish(qos=0, retain=True))
    t.fault("PB-7", ("0x9A",), shows="PB-7")


@conversation(FILE, "server", NEW, "A will to be retained by a server that does not retain.")
def will_not_retained(t):
    t.limits(retain_available=0)
    refused_will(t, "0x9A", "5:3.2.2-13", retain=True)


FEATURES = (
    ("wildcard", "Wildcard Subscription Available", "0xA2", ("#", "a/+", "$share/g/+")),
    ("shared", "Shared Subscription Available", "0x9E", ("$share/g/a",)),
    ("identifier", "Subscription Identifier Available", "0xA1", (None,)),
)


def filters(text):
    """SUBSCRIBE of a legal filter and this one; None: with an identifier."""
    texts, properties = ["a", *([text] if text else [])], [] if text else [prop("Subscription Identifier", 1)]
    return {"filters": [subscription(NEW, text) for text in texts], "properties": properties}


def not_offered(feature, reason, text):
    def script(t):
        t.limits(**{feature.lower().replace(" ", "_"): 0})
        t.serve(announced=[prop(feature, 0)])
        t.input(t.subscribe(1, ("a", 0)))
        t.event("subscribe", id=1)
        t.command("suback", reasons=["0x00"])
        t.out(t.suback(1, "0x00"))
        t.input(t.packet("SUBSCRIBE", 2, **filters(text)))
        t.fault("SB-9", (reason,), shows="SB-9")

    return script


def not_asked_for(feature, texts):
    def script(t):
        t.start(properties=[prop(feature, 0)])
        for text in texts:
            t.command("subscribe", refused="not-available", shows="SB-9", **filters(text))
        t.command("subscribe", filters=[{"filter": "a", "qos": 0}])
        t.out(t.subscribe("s1", ("a", 0)))

    return script


for _name, _feature, _reason, _texts in FEATURES:
    for _number, _text in enumerate(_texts, 1):
        _script = not_offered(_feature, _reason, _text)
        _script.__name__ = f"no_{_name}" + (f"_{_number}" if len(_texts) > 1 else "")
        conversation(FILE, "server", NEW, "A client subscribes in a way that the server does not offer.")(_script)
    _script = not_asked_for(_feature, _texts)
    _script.__name__ = f"no_{_name}"
    conversation(FILE, "client", NEW, "A client does not subscribe in a way that the server does not offer.")(_script)


@conversation(FILE, "server", NEW, "A server that offers everything may still refuse one filter.")
def one_filter_refused(t):
    t.serve()
    t.input(t.subscribe(1, ("a", 0), ("#", 0), ("$share/g/a", 0)))
    t.event("subscribe", id=1)
    t.command("suback", reasons=["0x00", "0xA2", "0x9E"])
    t.out(t.suback(1, "0x00", "0xA2", "0x9E"), shows="SB-9")


@conversation(FILE, "client", NEW, "What a client has still to send again it does not send to a server that no longer takes it.")
def less_than_before(t):
    t.start(False)
    t.send("m1", 2, b"1")
    t.send("m2", 1, b"2")
    t.send("m3", 1, b"3", retain=True)
    t.send("m4", 1, b"4" * 13)
    t.lost()
    t.start(False, True, properties=[prop("Maximum QoS", 1), prop("Retain Available", 0), prop("Maximum Packet Size", 20)])
    rest = t.publish("m2", 1, b"2", dup=True)
    # The server may have m1 already, and then it waits for the release.
    released, left = lambda: t.out(t.pubrel("m1"), rest), lambda: t.out(rest)
    t.either(released, left, shows="5:3.2.2-11 5:3.2.2-14 5:3.2.2-15")

    def told():
        for name in ("m1", "m3", "m4"):
            t.event("dropped", id=name)

    t.either(told, t.nothing, shows="5:3.2.2-11 5:3.2.2-14 5:3.2.2-15")
    t.input(t.puback("m2"))
    t.acked("m2")


# What a client takes.


@conversation(FILE, "server", NEW, "A server keeps to the Maximum Packet Size of its client.")
def packet_size_of_the_client(t):
    t.serve(False, properties=[prop("Maximum Packet Size", 20)])
    t.command("publish", qos=1, topic="a", payload=b"x" * 13, refused="too-large", shows="5:3.1.2-24")
    t.send("m1", 1, b"x" * 12, shows="5:3.1.2-24")
    t.command("publish", qos=0, topic="a", payload=b"x" * 15, refused="too-large", shows="5:3.1.2-24")
    t.send(None, 0, b"x" * 14, shows="5:3.1.2-24")


@conversation(FILE, "server", NEW, "What is too large for a client takes no identifier and no place in its Receive Maximum.")
def too_large_takes_nothing(t):
    t.serve(False, properties=[prop("Maximum Packet Size", 20), prop("Receive Maximum", 1)])
    large = {"topic": "a", "payload": b"x" * 30}

    def refused():
        t.command("publish", qos=1, refused="too-large", shows="5:3.1.2-25", **large)

    t.repeat(66000, refused)
    t.command("publish", qos=2, refused="too-large", shows="5:3.1.2-25", **large)
    t.send("m1", 1, b"x", shows="5:3.1.2-25")
    t.input(t.puback("m1"))
    t.acked("m1")
    t.lost()
    t.serve(False, True)
    t.nothing(shows="5:3.1.2-25")


def too_large_now(qos):
    def script(t):
        t.serve(False)
        t.send("m1", qos, b"x" * 30)
        t.send("m2", 1, b"2")
        t.lost()
        t.serve(False, True, properties=[prop("Maximum Packet Size", 20), prop("Receive Maximum", 1)])
        rest = t.publish("m2", 1, b"2", dup=True)
        if qos == 1:
            t.out(rest, shows="5:3.1.2-25")
        else:
            # The client may have it already, and then it waits for the release.
            t.either(lambda: t.out(t.pubrel("m1"), rest), lambda: t.out(rest), shows="5:3.1.2-25")
        t.either(lambda: t.event("dropped", id="m1"), t.nothing, shows="5:3.1.2-25")
        t.command("publish", qos=1, topic="a", payload=b"3", refused="quota")
        t.input(t.puback("m2"))
        t.acked("m2")
        t.send("m3", 1, b"3", shows="5:3.1.2-25")
        t.input(t.puback("m3"))
        t.acked("m3")
        t.lost()
        t.serve(False, True)
        if qos == 1:
            t.nothing(shows="5:3.1.2-25")
        else:
            t.either(lambda: t.out(t.pubrel("m1")), t.nothing, shows="5:3.1.2-25")

    script.__name__ = f"too_large_now_qos_{qos}"
    return script


for _qos in (1, 2):
    conversation(FILE, "server", NEW, "A message of before that is too large for its client now counts as delivered.")(
        too_large_now(_qos)
    )


# Subscriptions.


@conversation("connection/answers", "server", NEW, "A code about the whole request is repeated for each filter.")
def whole_request(t):
    t.serve()
    t.input(t.subscribe(1, ("a", 0), ("b", 1)))
    t.event("subscribe", id=1)
    t.command("suback", reasons=["0x91"], refused="reason-count", shows="SB-11")
    t.command("suback", reasons=["0x91", "0x91"])
    t.out(t.suback(1, "0x91", "0x91"), shows="SB-11")
    t.input(t.unsubscribe(1, "a", "b", "c"))
    t.event("unsubscribe", id=1)
    t.command("unsuback", reasons=["0x91"], refused="reason-count", shows="SB-11")
    t.command("unsuback", reasons=["0x91"] * 3)
    t.out(t.unsuback(1, *["0x91"] * 3), shows="SB-11")


@conversation("connection/answers", "client", NEW, "A code about the whole request is repeated for each filter; one alone is an error.")
def whole_request(t):  # noqa: F811
    t.start()
    t.command("unsubscribe", filters=["a", "b"])
    t.out(t.unsubscribe("u1", "a", "b"))
    t.input(t.unsuback("u1", "0x91", "0x91"))
    t.event("unsuback", id="u1", reasons=["0x91", "0x91"], shows="SB-11")
    t.command("subscribe", filters=[{"filter": "a", "qos": 0}, {"filter": "b", "qos": 0}])
    t.out(t.subscribe("s1", ("a", 0), ("b", 0)))
    t.input(t.suback("s1", "0x91"))
    t.fault("5:3.8.4-6 SB-11", shows="SB-11 5:3.8.4-6")


SHARED = "$share/g/a"


@conversation("connection/answers", "server", NEW, "A client leaves a shared subscription by its whole filter.")
def leaving_a_share(t):
    t.serve()
    t.input(t.unsubscribe(1, SHARED, "a"))
    t.event("unsubscribe", id=1, filters=[SHARED, "a"], shows="SB-12")
    t.command("unsuback", reasons=["0x00", "0x11"])
    t.out(t.unsuback(1, "0x00", "0x11"))


@conversation("connection/answers", "client", NEW, "A client leaves a shared subscription by its whole filter.")
def leaving_a_share(t):  # noqa: F811
    t.start()
    t.command("unsubscribe", filters=[SHARED])
    t.out(t.unsubscribe("u1", SHARED), shows="SB-12")
    t.input(t.unsuback("u1", "0x00"))
    t.event("unsuback", id="u1", reasons=["0x00"])


@conversation("connection/answers", "client", NEW, "A Subscription Identifier that this connection did not give may be one of before.")
def identifier_of_before(t):
    identified = {"filters": [subscription(NEW)], "properties": [prop("Subscription Identifier", 1)]}
    t.start(False)
    t.command("subscribe", **identified)
    t.out(t.packet("SUBSCRIBE", "s1", **identified))
    t.input(t.suback("s1", "0x00"))
    t.event("suback", id="s1")
    known = [prop("Subscription Identifier", 1)]
    t.input(t.publish(qos=0, properties=known))
    t.event("publish", qos=0, topic="a", properties=known)
    t.lost()
    t.start(False, True)
    for number in (1, 2):
        given = [prop("Subscription Identifier", number)]
        t.input(t.publish(qos=0, properties=given))
        t.event("publish", qos=0, topic="a", properties=given, shows="PB-10")


# Messages that the application does not want.


@sides("connection/answers", NEW, "A payload that is not the text it claims to be may be refused.")
def not_text(t):
    t.manual()
    t.begin()
    text = [prop("Payload Format Indicator", 1)]
    for qos in (1, 2):
        t.get(qos, qos, b"\xff", token=f"t{qos}", properties=text)
        t.command("ack", token=f"t{qos}", reason="0x99")
        t.out(t.puback(1, "0x99") if qos == 1 else t.pubrec(2, "0x99"), shows="PB-12")
    t.get(3, 1, "ä".encode(), token="t3", properties=text)
    t.command("ack", token="t3", reason="0x00")
    t.out(t.puback(3), shows="PB-12")


@conversation("connection/answers", "server", OLD, "There is no way to refuse a message before 5.0: it is acknowledged all the same.")
def not_permitted(t):
    t.manual()
    t.serve()
    t.get(1, 1, token="t1")
    t.command("ack", token="t1", reason="0x87")
    t.out(t.puback(1), shows="3:3.3.5-2")
    t.get(2, 2, token="t2")
    t.command("ack", token="t2", reason="0x87")
    t.out(t.pubrec(2), shows="3:3.3.5-2")
    t.input(t.pubrel(2))
    t.out(t.pubcomp(2), shows="3:3.3.5-2")


@conversation("connection/answers", "server", OLD, "Or the connection is closed, without an answer.")
def not_permitted_at_all(t):
    t.manual()
    t.serve()
    t.get(1, 1, token="t1")
    t.command("disconnect")
    t.closed("command", shows="3:3.3.5-2")
    t.nothing(shows="3:3.3.5-2")


def come_again(t):
    t.nothing(shows="3:4.8.0-2")
    t.get(1, 1, b"x", token="t4", dup=True, shows="3:4.8.0-2")
    t.get(2, 2, b"y", token="t5", dup=True, shows="3:4.8.0-2")
    for token in ("t4", "t5"):
        t.command("ack", token=token, reason="0x00")
        t.out(t.puback(1) if token == "t4" else t.pubrec(2), shows="3:4.8.0-2")


@conversation("connection/answers", "server", OLD, "A message that can't be dealt with now: its connection is closed, it alone; without an answer the message comes again.")
def passing_fault(t):
    t.manual()
    for name in ("a", "b"):
        t.on = name
        t.serve(False, client_id=name)
    t.on = "a"
    t.get(1, 1, b"x", token="t1")
    t.get(2, 2, b"y", token="t2")
    t.command("disconnect")
    t.closed("command", shows="3:4.8.0-2")
    t.nothing(shows="3:4.8.0-2")
    t.on = "b"
    t.get(1, 1, b"z", token="t3", shows="3:4.8.0-2")
    t.command("ack", token="t3", reason="0x00")
    t.out(t.puback(1), shows="3:4.8.0-2")
    t.on = "a"
    t.serve(False, True, client_id="a")
    come_again(t)


@conversation("connection/answers", "client", OLD, "A message that can't be dealt with now: the connection is closed; without an answer the message comes again.")
def passing_fault(t):  # noqa: F811
    t.manual()
    t.start(False)
    t.get(1, 1, b"x", token="t1")
    t.get(2, 2, b"y", token="t2")
    t.command("disconnect")
    t.out(t.disconnect_packet(), shows="3:4.8.0-2")
    t.closed("command", shows="3:4.8.0-2")
    t.start(False, True)
    come_again(t)


@conversation("connection/open", "server", OLD, "Clients without an identifier are different clients.")
def nameless_clients(t):
    for name in ("a", "b"):
        t.on = name
        t.serve(client_id="", shows="3:3.1.3-6")
    for name in ("a", "b"):
        t.on = name
        t.get(None, 0, name.encode(), shows="3:3.1.3-6")
        t.send(None, 0, name.encode(), shows="3:3.1.3-6")

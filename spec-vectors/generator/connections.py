"""Conversations about a connection: its beginning and end, who may send what and when, quotas, keep alive."""

from .packets import prop
from .sessions import sides
from .talk import conversation

BOTH = "3.1.1 5.0"


# The beginning.


@conversation("connection/open", "server", BOTH, "Whatever comes first and is not CONNECT ends the connection, without a word.")
def not_connect(t):
    t.open()
    t.input(t.ping())
    t.closed("violation", rules=t.rules("3:3.1.0-1 5:3.1.0-1"), shows="3:3.1.0-1 5:3.1.0-1 DR-3 5:3.14.0-1" + (" DR-12" if t.new else ""))


@conversation("connection/open", "server", BOTH, "A second CONNECT ends the connection.")
def connect_twice(t):
    t.serve()
    t.input(t.connect_packet())
    t.fault("3:3.1.0-2 5:3.1.0-2", shows="3:3.1.0-2 5:3.1.0-2 3:4.8.0-1 5:4.13.1-1")


@conversation("connection/open", "client", BOTH, "Whatever comes first and is not CONNACK ends the connection.")
def not_connack(t):
    t.connect()
    t.input(t.publish(qos=0))
    t.fault("3:3.2.0-1 5:3.2.0-1", shows="3:3.2.0-1 5:3.2.0-1 DR-3")


@conversation("connection/open", "client", BOTH, "A second CONNACK is a protocol error.")
def connack_twice(t):
    t.start()
    t.input(t.connack_packet())
    t.fault("3:4.8.0-1 5:3.2.0-2", shows="3:4.8.0-1 5:3.2.0-2")


@conversation("connection/open", "server", BOTH, "A client may send on behind CONNECT; it is all dealt with after CONNACK.")
def pipelined(t):
    t.arrives(behind=[t.subscribe(1, ("a", 0)), t.publish(2, 1, b"x")])
    t.nothing(shows="3:3.2.0-1 5:3.2.0-1")
    t.command("accept", **({"properties": []} if t.new else {}))
    t.sends({"type": "CONNACK", "session_present": False})
    t.event("subscribe", id=1, shows="CN-9")
    t.command("suback", reasons=["0x00"])
    t.out(t.suback(1, "0x00"))
    t.event("publish", qos=1, topic="a", payload=b"x", shows="CN-9")
    t.out(t.puback(2))


def refused(reason, code, rules):
    def script(t):
        t.arrives(behind=[t.publish(qos=0)])
        t.command("reject", reason=reason)
        more = "3:3.1.4-5 3:3.2.2-5 5:3.1.4-6 5:3.2.2-7 5:4.13.2-1"
        if code is None and not t.new:
            t.closed("refused", shows=rules + " " + more)
        else:
            said = {"reason": reason} if t.new else {"return_code": code}
            t.sends({"type": "CONNACK", "session_present": False, **said}, shows=rules)
            t.closed("refused", shows=more)

    script.__name__ = f"refused_{reason[2:]}"
    return script


for _reason, _code, _rules in (
    ("0x85", 2, "3:3.1.3-9 5:3.1.3-8"),
    ("0x86", 4, "5:3.1.4-2"),
    ("0x87", 5, "5:3.1.4-2"),
    ("0x88", 3, "5:3.1.4-2"),
    ("0x97", 3, "5:3.1.4-2"),
    ("0x80", None, "3:3.2.2-6"),
):
    conversation("connection/open", "server", BOTH, "A client that is turned down; what it sent on is not looked at.")(
        refused(_reason, _code, _rules)
    )


@conversation("connection/open", "client", BOTH, "The server turns the client down.")
def turned_down(t):
    t.connect()
    t.input(t.connack_packet(code="0x87", old_code=5))
    t.event("refused", **({"reason": "0x87"} if t.new else {"return_code": 5}))
    t.closed("refused", shows="5:3.2.2-7")


@conversation("connection/open", "server", "3.1.1", "An empty client identifier without CleanSession is answered with return code 2, by the machine or its application.")
def empty_identifier(t):
    t.open()
    t.input(t.packet("CONNECT", clean_start=False, client_id="", keep_alive=0))

    def machine():
        t.out(b"\x20\x02\x00\x02")
        t.closed("violation", rules=["MQTT-3.1.3-8"])

    def application():
        t.event("connect", clean_start=False, client_id="")
        t.command("reject", reason="0x85")
        t.out(b"\x20\x02\x00\x02")
        t.closed("refused")

    t.either(machine, application, shows="3:3.1.3-8 CN-2")


@conversation("connection/open", "server", "5.0", "An empty client identifier is fine, whatever Clean Start says; the server gives one.")
def empty_identifier(t):  # noqa: F811
    for clean in (True, False):
        t.serve(clean, client_id="", expiry=0, answer=[prop("Assigned Client Identifier", "x")],
                shows="CN-2 5:3.1.3-6 5:3.1.3-7")
        t.lost()


def other_level(level):
    def script(t):
        t.open()
        raw = bytearray(t.connect_packet()[0])
        raw[8] = level
        t.input(bytes(raw))
        new = 5 < level < 0x80
        out = b"\x20\x03\x00\x84\x00" if new else b"\x20\x02\x00\x01"

        def answered():
            t.out(out)
            t.closed("violation", rules=["MQTT-3.1.2-2"])

        if t.new:
            t.either(answered, lambda: t.closed("violation", rules=["MQTT-3.1.2-2"]), shows="5:3.1.2-2 CN-10")
        else:
            t.out(out, shows="3:3.1.2-2 CN-10")
            t.closed("violation", rules=["MQTT-3.1.2-2"])

    script.__name__ = f"level_{level}"
    return script


conversation("connection/open", "server", "5.0", "A level that is not spoken is answered so that the client understands.")(
    other_level(6)
)
conversation("connection/open", "server", "3.1.1", "A level that is not spoken is answered with return code 1.")(other_level(2))
conversation("connection/open", "server", "3.1.1", "So is one with the highest bit set: bridges try this, and then the level without it.")(
    other_level(0x84)
)


@conversation("connection/open", "server", "3.1.1", "A CONNECT that breaks a rule is not answered.")
def bad_connect(t):
    t.open()
    raw = bytearray(t.connect_packet()[0])
    raw[9] |= 1
    t.input(bytes(raw))
    t.closed("violation", rules=["MQTT-3.1.2-3"], shows="3:3.1.4-1")


@conversation("connection/open", "server", "3.1.1", "A CONNECT whose length has five bytes is not answered, for nothing tells of which version it is.")
def endless_connect(t):
    t.open()
    t.input(b"\x10\x80\x80\x80\x80\x01")
    t.closed("violation", rules=["FR-1"], shows="3:3.1.4-1")


@conversation("connection/open", "server", "5.0", "A CONNECT that breaks a rule is answered with CONNACK or not at all, never with DISCONNECT.")
def bad_connect(t):  # noqa: F811
    t.open()
    raw = bytearray(t.connect_packet()[0])
    raw[9] |= 1
    t.input(bytes(raw))

    def answered():
        t.out(b"\x20\x03\x00\x81\x00")
        t.closed("violation", rules=["MQTT-3.1.2-3"])

    t.either(answered, lambda: t.closed("violation"), shows="5:3.1.4-1 5:4.13.1-1 5:3.14.0-1 DR-12")


@conversation("connection/open", "server", BOTH, "A client that does not send CONNECT is cut off after a time.")
def no_connect(t):
    t.limits(connect_timeout=3000)
    t.open()
    t.time(2999)
    t.nothing()
    t.time(2)
    t.closed("timeout", shows="CN-8")


@conversation("connection/open", "client", BOTH, "A server that does not send CONNACK is given up after a time.")
def no_connack(t):
    t.limits(connect_timeout=3000)
    t.connect()
    t.time(2999)
    t.nothing()
    t.time(2)
    t.closed("timeout", shows="CN-8")


# Who may send what.


def wrong_way(kind, make):
    def script(t):
        t.begin()
        t.input(make(t))
        t.fault("DR-2" if kind == "disconnect" else "DR-1", shows="DR-2" if kind == "disconnect" else "DR-1")

    script.__name__ = f"gets_{kind}"
    return script


for _kind, _make in (
    ("suback", lambda t: t.suback(1, "0x00")),
    ("unsuback", lambda t: t.unsuback(1, "0x00")),
    ("pingresp", lambda t: t.pong()),
    ("connack", lambda t: t.connack_packet()),
):
    conversation("connection/wrong", "server", BOTH, "A packet that only servers send.")(wrong_way(_kind, _make))
for _kind, _make in (
    ("connect", lambda t: t.connect_packet()),
    ("subscribe", lambda t: t.subscribe(1, ("a", 0))),
    ("unsubscribe", lambda t: t.unsubscribe(1, "a")),
    ("pingreq", lambda t: t.ping()),
):
    conversation("connection/wrong", "client", BOTH, "A packet that only clients send.")(wrong_way(_kind, _make))
conversation("connection/wrong", "client", "3.1.1", "DISCONNECT is the client's alone before 5.0.")(
    wrong_way("disconnect", lambda t: t.disconnect_packet())
)


@sides("connection/wrong", "5.0", "A packet above the announced size is refused as soon as its header is there.")
def too_large(t):
    t.limits(maximum_packet_size=20)
    t.begin()
    t.input(t.publish(qos=0, payload=b"x" * 14))
    t.event("publish", qos=0, topic="a", payload=b"x" * 14)
    t.input(b"\x30\x13")
    t.fault("PB-9", ("0x95",), shows="PB-9")


# Answers.


@sides("connection/answers", BOTH, "A message is answered as its QoS demands.")
def by_qos(t):
    t.begin()
    for qos in (0, 1, 2):
        t.get(qos or None, qos, b"", shows="PB-11")
        if qos:
            t.out(t.puback(1) if qos == 1 else t.pubrec(2), shows="3:3.3.4-1 5:3.3.4-1 3:4.5.0-2 5:4.5.0-2 3:2.3.1-6 5:2.2.1-5")
        else:
            t.nothing(shows="3:3.3.4-1 5:3.3.4-1")
    t.get(1, 1, b"y", shows="3:4.3.2-2 5:4.3.2-5")
    t.out(t.puback(1), shows="3:4.3.2-2 5:4.3.2-4")


@sides("connection/answers", BOTH, "Acknowledgements leave in the order of the messages, whatever order the application takes.")
def order_of_acks(t):
    t.manual()
    t.begin()
    for n in (3, 1, 2):
        t.get(n, 1, token=f"t{n}")
    t.command("ack", token="t2", reason="0x00")
    t.nothing(shows="3:4.6.0-2 5:4.6.0-2")
    t.command("ack", token="t3", reason="0x00")
    t.out(t.puback(3), shows="3:4.6.0-2 5:4.6.0-2")
    t.command("ack", token="t1", reason="0x00")
    t.out(t.puback(1), t.puback(2), shows="3:4.6.0-2 5:4.6.0-2")
    for n in (6, 4, 5):
        t.get(n, 2, token=f"t{n}")
    t.command("ack", token="t5", reason="0x00")
    t.nothing(shows="3:4.6.0-3 5:4.6.0-3")
    t.command("ack", token="t6", reason="0x00")
    t.out(t.pubrec(6), shows="3:4.6.0-3 5:4.6.0-3")
    t.command("ack", token="t4", reason="0x00")
    t.out(t.pubrec(4), t.pubrec(5), shows="3:4.6.0-3 5:4.6.0-3")


@sides("connection/answers", BOTH, "PUBRELs leave in the order of the PUBRECs, at once and again.")
def order_of_pubrels(t):
    t.begin(False)
    for n in (1, 2, 3):
        t.send(f"m{n}", 2)
    t.input(t.pubrec("m3"), t.pubrec("m1"), t.pubrec("m2"))
    t.out(t.pubrel("m3"), t.pubrel("m1"), t.pubrel("m2"), shows="3:4.6.0-4 5:4.6.0-4")
    t.lost()
    t.begin(False, True)
    t.out(t.pubrel("m3"), t.pubrel("m1"), t.pubrel("m2"), shows="3:4.6.0-4 5:4.6.0-4 3:4.4.0-1 5:4.4.0-1")


@sides("connection/answers", BOTH, "A token is of no use in another connection; the message comes again there.")
def token_of_before(t):
    t.manual()
    t.begin(False)
    t.get(1, 1, b"x", token="t1")
    t.lost()
    t.begin(False, True)
    t.nothing()
    t.get(1, 1, b"x", token="t2", dup=True)
    t.command("ack", token="t2", reason="0x00")
    t.out(t.puback(1))


@conversation("connection/answers", "server", BOTH, "SUBSCRIBE and UNSUBSCRIBE are answered under their identifiers, with a code for each filter.")
def subscribing(t):
    t.serve()
    t.input(t.subscribe(7, ("a", 0), ("b", 1), ("c", 2)))
    t.event("subscribe", id=7)
    t.command("suback", reasons=["0x00", "0x01"], refused="reason-count", shows="3:3.8.4-5 5:3.8.4-6")
    t.command("suback", reasons=["0x00", "0x80", "0x02"])
    t.out(
        t.suback(7, "0x00", "0x80", "0x02"),
        shows="3:3.8.4-1 3:3.8.4-2 3:3.8.4-5 3:3.9.3-1 3:2.3.1-7 5:3.8.4-1 5:3.8.4-2 5:3.8.4-6 5:3.8.4-7 5:3.9.3-1 5:2.2.1-6",
    )
    t.input(t.unsubscribe(8, "a", "x"))
    t.event("unsubscribe", id=8)
    t.command("unsuback", reasons=["0x00", "0x11"])
    t.out(
        t.unsuback(8, "0x00", "0x11"),
        shows="3:3.10.4-4 3:3.10.4-5 3:3.10.4-6 3:2.3.1-7 5:3.10.4-4 5:3.10.4-5 5:3.10.4-6 5:3.11.3-1 5:2.2.1-6",
    )


@conversation("connection/answers", "client", BOTH, "The answers to SUBSCRIBE and UNSUBSCRIBE find their requests, in any order.")
def subscribed(t):
    t.start()
    t.command("subscribe", filters=[{"filter": "a", "qos": 1}])
    t.out(t.subscribe("s1", ("a", 1)))
    t.command("unsubscribe", filters=["b"])
    t.out(t.unsubscribe(("u1", "s1"), "b"))
    t.input(t.unsuback("u1", "0x00"))
    t.event("unsuback", id="u1")
    t.get(1, 0, b"x")
    t.input(t.suback("s1", "0x01"))
    t.event("suback", id="s1", reasons=["0x01"])


# Quotas (5.0).


@sides("connection/quota", "5.0", "A message of QoS 2 holds its place until PUBCOMP; all else goes on.")
def sending(t):
    rules = "5:4.9.0-1 5:4.9.0-2 " + ("5:3.3.4-7" if t.role == "client" else "5:3.3.4-9")
    goes_on = "5:4.9.0-3 " + ("5:3.3.4-8" if t.role == "client" else "5:3.3.4-10")
    t.begin(maximum=1)
    t.send("m1", 2)
    more = {"topic": "a", "payload": b""}
    t.command("publish", qos=1, refused="quota", shows=rules, **more)
    t.send(None, 0, shows=goes_on)
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"), shows=goes_on)
    t.command("publish", qos=1, refused="quota", shows=rules, **more)
    t.input(t.pubcomp("m1"))
    t.acked("m1")
    t.send("m2", 2, shows=rules)
    t.input(t.pubrec("m2", "0x87"))
    t.acked("m2", "0x87")
    t.send("m3", 1, shows=rules)
    t.command("publish", qos=1, refused="quota", shows=rules, **more)
    t.input(t.puback("m3"))
    t.acked("m3")
    t.send("m4", 1, shows=rules)


@sides("connection/quota", "5.0", "PUBCOMPs that nobody paid for do not make the quota larger than Receive Maximum.")
def not_above_the_start(t):
    t.begin(False, maximum=2)
    for n in (1, 2):
        t.send(f"m{n}", 2)
        t.input(t.pubrec(f"m{n}"))
        t.out(t.pubrel(f"m{n}"))
    t.lost()
    t.begin(False, True, maximum=1)
    t.out(t.pubrel("m1"), t.pubrel("m2"))
    t.input(t.pubcomp("m1"), t.pubcomp("m2"))
    t.acked("m1")
    t.acked("m2")
    t.send("m3")
    t.command("publish", qos=1, topic="a", payload=b"", refused="quota", shows="5:4.9.0-1 5:4.9.0-2")


@sides("connection/quota", "5.0", "Sending again keeps to the quota, too.")
def sending_again(t):
    t.begin(False)
    for n in (1, 2, 3):
        t.send(f"m{n}", 1, b"%d" % n)
    t.lost()
    t.begin(False, True, maximum=1)
    for n in (1, 2, 3):
        t.out(t.publish(f"m{n}", 1, b"%d" % n, dup=True), shows="5:4.9.0-2")
        t.input(t.puback(f"m{n}"))
        t.acked(f"m{n}")


@sides("connection/quota", "5.0", "One message more than announced is refused; QoS 0 does not count.")
def receiving(t):
    t.limits(receive_maximum=2)
    t.begin()
    t.get(1, 2, b"1")
    t.out(t.pubrec(1))
    t.get(2, 2, b"2")
    t.out(t.pubrec(2))
    t.get(None, 0, b"0")
    t.input(t.publish(3, 1, b"3"))
    rule = "5:3.3.4-9" if t.role == "client" else "5:3.3.4-7"
    t.fault(rule, ("0x93",), shows=rule + " PB-8")


@sides("connection/quota", "5.0", "PUBCOMP, not PUBREC, gives a place back; PUBACK and an error do.")
def receiving_again(t):
    t.limits(receive_maximum=1)
    t.manual()
    t.begin()
    t.get(1, 2, token="t1")
    t.command("ack", token="t1", reason="0x00")
    t.out(t.pubrec(1))
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1))
    t.get(2, 2, token="t2", shows="PB-8")
    t.command("ack", token="t2", reason="0x80")
    t.out(t.pubrec(2, "0x80"))
    t.get(3, 1, token="t3", shows="PB-8")
    t.command("ack", token="t3", reason="0x00")
    t.out(t.puback(3))
    t.get(4, 1, token="t4", shows="PB-8")
    t.input(t.publish(5, 1))
    t.fault("PB-8", ("0x93",), shows="PB-8")


@sides("connection/quota", "5.0", "Identifiers that wait for PUBREL since another connection take no place.")
def receiving_resumed(t):
    t.limits(receive_maximum=1)
    t.begin(False)
    t.get(1, 2)
    t.out(t.pubrec(1))
    t.lost()
    t.begin(False, True)
    t.get(2, 2, shows="PB-8")
    t.out(t.pubrec(2))
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1))
    t.input(t.publish(3, 1))
    t.fault("PB-8", ("0x93",), shows="PB-8")


@conversation("connection/quota", "client", "5.0", "A client keeps to what the server said in CONNACK.")
def limits_of_the_server(t):
    t.start(properties=[prop("Maximum QoS", 1), prop("Retain Available", 0), prop("Maximum Packet Size", 20)])
    t.command("publish", qos=2, topic="a", payload=b"", refused="maximum-qos", shows="5:3.2.2-11")
    t.command("publish", qos=0, topic="a", payload=b"", retain=True, refused="retain", shows="5:3.2.2-14")
    t.command("publish", qos=1, topic="a", payload=b"x" * 13, refused="too-large", shows="5:3.2.2-15")
    t.send("m1", 1, b"x" * 12, shows="5:3.2.2-15")


# Keep alive and ends.


def given_up(t, shows=""):
    """A server cuts off a client that is silent."""
    if not t.new:
        t.closed("timeout", shows="3:3.1.2-24")
        return

    def spoken():
        t.out(t.disconnect_packet("0x8D"))
        t.closed("timeout")

    t.either(spoken, lambda: t.closed("timeout"), shows="5:3.1.2-22 5:4.13.2-1 " + shows)


@conversation("connection/alive", "client", BOTH, "A client that has nothing to say sends PINGREQ in time; what it receives does not count.")
def pinging(t):
    t.start(keep_alive=10)
    t.time(9000)
    t.get(None, 0)
    t.time(1000)
    t.out(t.ping(), shows="3:3.1.2-23 5:3.1.2-20")
    t.input(t.pong())
    t.time(5000)
    t.send(None, 0)
    t.time(9999)
    t.nothing()
    t.time(1)
    t.out(t.ping(), shows="3:3.1.2-23 5:3.1.2-20")


@conversation("connection/alive", "client", "5.0", "A client goes by the Server Keep Alive.")
def server_keep_alive(t):
    t.start(keep_alive=60, properties=[prop("Server Keep Alive", 5)])
    t.time(5000)
    t.out(t.ping(), shows="5:3.1.2-21 5:3.2.2-21")


@conversation("connection/alive", "client", BOTH, "No PINGRESP: the connection is given up after a time.")
def no_pong(t):
    t.limits(ping_timeout=3000)
    t.start(keep_alive=10)
    t.time(10000)
    t.out(t.ping())
    t.time(2999)
    t.nothing()
    t.time(2)
    t.closed("timeout", shows="DR-13")


@conversation("connection/alive", "client", BOTH, "A PINGRESP that nobody asked for changes nothing.")
def unasked_pong(t):
    t.start()
    t.input(t.pong())
    t.nothing(shows="DR-10")
    t.get(None, 0)


@conversation("connection/alive", "server", BOTH, "A server answers PINGREQ, and cuts off a client that is silent for 1.5 times its Keep Alive.")
def silence(t):
    t.serve(keep_alive=1)
    t.time(1499)
    t.input(t.ping())
    t.out(t.pong(), shows="3:3.12.4-1 5:3.12.4-1")
    t.time(1499)
    t.nothing()
    t.time(2)
    given_up(t, "5:3.2.2-22")


@conversation("connection/alive", "server", BOTH, "What a server sends does not keep its client alive.")
def own_packets_do_not_count(t):
    t.serve(keep_alive=2)
    t.time(2000)
    t.send(None, 0)
    t.time(1001)
    given_up(t)


@conversation("connection/alive", "server", BOTH, "Keep Alive 0 has no limit.")
def no_keep_alive(t):
    t.serve(keep_alive=0)
    t.time(86400000)
    t.nothing()
    t.get(None, 0)


@conversation("connection/alive", "server", "5.0", "A server goes by the Server Keep Alive that it gave.")
def server_keep_alive(t):  # noqa: F811
    t.serve(keep_alive=60, answer=[prop("Server Keep Alive", 2)])
    t.time(2999)
    t.nothing()
    t.time(2)
    given_up(t)


@conversation("connection/alive", "server", BOTH, "What follows a DISCONNECT is not looked at.")
def behind_disconnect(t):
    t.serve()
    t.input(t.disconnect_packet(), t.publish(qos=0))
    t.event("disconnect")
    t.closed("disconnect", shows="DR-9")
    t.nothing(shows="DR-9")


@conversation("connection/alive", "client", "5.0", "The server ends the connection.")
def disconnected(t):
    t.start()
    t.input(t.disconnect_packet("0x8B"), t.publish(qos=0))
    t.event("disconnect", reason="0x8B")
    t.closed("disconnect", shows="DR-9")
    t.nothing(shows="DR-9")


@conversation("connection/alive", "client", "5.0", "DISCONNECT 0x8C is in one table of the standard and not in the other: it is taken.")
def disconnected_8c(t):
    t.start()
    t.input(t.packet("DISCONNECT", reason="0x8C"))
    t.event("disconnect", reason="0x8C", shows="SF-6")
    t.closed("disconnect")


@conversation("connection/alive", "client", BOTH, "A client that disconnects says so, closes, and sends nothing more.")
def disconnecting(t):
    t.start()
    t.command("disconnect", **({"reason": "0x00", "properties": []} if t.new else {}))
    t.out(t.disconnect_packet())
    t.closed("command", shows="3:3.14.4-1 5:3.14.4-2")
    t.command("publish", qos=0, topic="a", payload=b"", refused="not-connected", shows="3:3.14.4-2 5:3.14.4-1")
    t.input(t.publish(1, 1))
    t.nothing(shows="3:3.14.4-2 5:3.14.4-1")

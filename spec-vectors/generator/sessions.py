"""Conversations about what a session keeps: identifiers, exchanges, what comes again in the next connection."""

from .packets import prop
from .talk import conversation

BOTH = "3.1.1 5.0"


def sides(file, versions, says):
    """The same conversation for a client and for a server under test."""

    def add(script):
        for role in ("client", "server"):
            conversation(file, role, versions, says)(script)
        return script

    return add


def again(t, present=True, **more):
    """The connection is lost, and the session taken up in another."""
    t.lost()
    t.begin(clean=False, present=present, **more)


# Exchanges.


@sides("session/send", BOTH, "A message of QoS 1 waits for its PUBACK and is then done.")
def qos1(t):
    t.begin()
    t.send("m1", shows="3:4.3.2-1 5:4.3.2-1 5:4.3.2-2")
    t.input(t.puback("m1"))
    t.acked("m1", shows="3:4.3.2-1 5:4.3.2-3")


@sides("session/send", BOTH, "A message of QoS 2 takes four packets with one identifier.")
def qos2(t):
    t.begin()
    t.send("m1", 2, shows="3:4.3.3-1 5:4.3.3-1 5:4.3.3-2")
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"), shows="3:4.3.3-1 5:4.3.3-4 3:2.3.1-6 5:2.2.1-5")
    t.input(t.pubcomp("m1"))
    t.acked("m1")


@conversation("session/send", "client", BOTH, "All packets that want an answer share one space of identifiers.")
def identifiers_differ(t):
    t.begin()
    t.send("m1", shows="3:2.3.1-2 5:2.2.1-3")
    t.send(("m2", "m1"), 2, shows="3:2.3.1-2 5:2.2.1-3 5:4.3.3-1")
    t.command("subscribe", filters=[{"filter": "a", "qos": 0}])
    t.out(t.subscribe(("s1", "m1", "m2"), ("a", 0)), shows="3:2.3.1-2 5:2.2.1-3")
    t.command("unsubscribe", filters=["a"])
    t.out(t.unsubscribe(("u1", "m1", "m2", "s1"), "a"), shows="3:2.3.1-2 5:2.2.1-3")
    t.send(("m3", "m1", "m2", "s1", "u1"), shows="3:2.3.1-2 5:2.2.1-3 5:4.3.2-1")


def never_again(t):
    """Identifiers run once around their space, past two that are in use."""
    t.begin()
    t.send("m1", 1, b"1")
    t.send(("m2", "m1"), 2, b"2")
    t.input(t.pubrec("m2"))
    t.out(t.pubrel("m2"))

    def one_more():
        t.send(("other", "m1", "m2"))
        t.input(t.puback("other"))
        t.acked("other")

    t.repeat(66000, one_more)
    t.send(("last", "m1", "m2"), shows="3:2.3.1-2 3:2.3.1-3 5:2.2.1-3" if t.role == "client" else "3:2.3.1-4 5:2.2.1-4")
    t.input(t.puback("m1"))
    t.acked("m1")
    t.input(t.pubcomp("m2"))
    t.acked("m2")


sides("session/send", BOTH, "An identifier in use is not given out again, however many messages come between.")(never_again)


@conversation("session/send", "server", BOTH, "A server's identifiers are its own: the same number may be in use both ways.")
def same_identifier_both_ways(t):
    t.serve()
    t.send("m1", shows="3:2.3.1-4 3:2.3.1-2 5:2.2.1-4")
    t.get("m1", payload=b"x", shows="3:2.3.1-4 5:2.2.1-4")
    t.out(t.puback("m1"))
    t.send(("m2", "m1"), 2, shows="3:2.3.1-4 5:2.2.1-4")
    t.input(t.puback("m1"))
    t.acked("m1", shows="3:2.3.1-4 5:2.2.1-4")
    t.input(t.pubrec("m2"))
    t.out(t.pubrel("m2"))
    t.input(t.pubcomp("m2"))
    t.acked("m2")


@conversation("session/send", "client", BOTH, "Client and server use the same identifier at once, and both exchanges end.")
def same_identifier_crossing(t):
    t.start()
    t.send("m1", 2)
    t.get("m1", 2, b"x")
    t.out(t.pubrec("m1"))
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"), shows="3:2.3.1-4")
    t.input(t.pubrel("m1"))
    t.out(t.pubcomp("m1"))
    t.input(t.pubcomp("m1"))
    t.acked("m1")


@sides("session/send", "5.0", "A PUBREC with an error ends the exchange: no PUBREL, and nothing comes again.")
def pubrec_error(t):
    t.begin(False)
    t.send("m1", 2)
    t.input(t.pubrec("m1", "0x87"))
    t.acked("m1", "0x87", shows="5:4.3.3-4")
    t.nothing(shows="5:4.3.3-4")
    again(t)
    t.nothing(shows="5:4.4.0-2")


@sides("session/send", "5.0", "A PUBREC with a code below 0x80 is as good as success.")
def pubrec_below_80(t):
    t.begin()
    t.send("m1", 2)
    t.input(t.pubrec("m1", "0x10") if t.role == "client" else t.pubrec("m1"))
    if t.role == "client":
        t.event("received", id="m1", reason="0x10")
    t.out(t.pubrel("m1"), shows="5:4.3.3-4")


@sides("session/send", "5.0", "A PUBACK with an error ends the exchange.")
def puback_error(t):
    t.begin(False)
    t.send("m1")
    t.input(t.puback("m1", "0x97"))
    t.acked("m1", "0x97", shows="5:4.3.2-3")
    again(t)
    t.nothing(shows="5:4.4.0-2")


# Receiving.


@sides("session/receive", BOTH, "A message of QoS 2 is delivered once; the exchange ends with PUBCOMP and the number is free.")
def qos2_in(t):
    t.begin()
    t.get(7, 2, b"x")
    t.out(t.pubrec(7), shows="3:4.3.3-2 5:4.3.3-8")
    t.input(t.pubrel(7))
    t.out(t.pubcomp(7), shows="3:4.3.3-2 5:4.3.3-11")
    t.get(7, 2, b"y", shows="3:4.3.3-2 5:4.3.3-12")
    t.out(t.pubrec(7), shows="5:4.3.3-8")


@sides("session/receive", BOTH, "A PUBLISH under an open identifier is a repetition, whatever DUP says: PUBREC again, not delivered.")
def qos2_repeated(t):
    t.begin()
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.input(t.publish(1, 2, b"x", dup=True))
    t.out(t.pubrec(1), shows="3:4.3.3-2 5:4.3.3-10 PB-13" if t.new else "3:4.3.3-2")
    t.input(t.publish(1, 2, b"x"))
    t.out(t.pubrec(1), shows="3:4.3.3-2 5:4.3.3-10 PB-13" if t.new else "3:4.3.3-2")
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1))


@sides("session/receive", BOTH, "A repetition is known as one in the next connection of the session too.")
def qos2_repeated_later(t):
    t.begin(False)
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    again(t)
    t.input(t.publish(1, 2, b"x", dup=True))
    t.out(t.pubrec(1), shows="3:4.3.3-2 3:4.1.0-1 5:4.3.3-10 5:3.1.2-23" + (" PB-13" if t.new else ""))
    again(t)
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1), shows="3:4.3.3-2 3:4.1.0-1 5:4.3.3-11")
    t.get(1, 2, b"y", shows="5:4.3.3-12")
    t.out(t.pubrec(1))


@sides("session/receive", BOTH, "A program that starts again from what it wrote down knows a repetition too.")
def qos2_repeated_after_restart(t):
    t.begin(False)
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.restart()
    t.begin(False, True)
    t.input(t.publish(1, 2, b"x", dup=True))
    t.out(t.pubrec(1), shows="3:4.1.0-1 5:3.1.2-23")
    t.lost()
    t.restart()
    t.begin(False, True)
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1))


@sides("session/receive", "5.0", "A message refused by PUBREC is over: its identifier stands for a new one.")
def qos2_refused(t):
    t.manual()
    t.begin()
    t.get(1, 2, b"x", token="t1")
    t.command("ack", token="t1", reason="0x87")
    t.out(t.pubrec(1, "0x87"))
    t.get(1, 2, b"y", token="t2", shows="5:4.3.3-9")
    t.command("ack", token="t2", reason="0x00")
    t.out(t.pubrec(1), shows="5:4.3.3-8 5:4.3.3-9")


@sides("session/receive", "5.0", "The exchange of a message that expires meanwhile goes on to its end.")
def qos2_expired(t):
    t.begin()
    expiry = [prop("Message Expiry Interval", 1)]
    t.get(1, 2, b"x", properties=expiry)
    t.out(t.pubrec(1))
    t.time(5000)
    t.input(t.publish(1, 2, b"x", dup=True, properties=expiry))
    t.out(t.pubrec(1), shows="5:4.3.3-13")
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1), shows="5:4.3.3-13")


@sides("session/receive", BOTH, "PUBREL and PUBREC of an unknown identifier are answered, so that the other side can finish.")
def unknown_identifiers(t):
    rule = "DR-5 5:4.3.3-11" if t.new else "DR-6 3:4.3.3-2"
    t.begin()
    t.input(t.pubrel(9))
    t.out(t.pubcomp(9, "0x92"), shows=rule)
    t.input(t.pubrec(9))
    t.out(t.pubrel(9, "0x92"), shows="DR-5" if t.new else "DR-6")
    t.input(t.puback(9), t.pubcomp(9))
    t.nothing(shows="DR-5" if t.new else "DR-6")
    if t.new:
        t.input(t.pubrec(9, "0x87"), t.pubcomp(9, "0x92"))
        t.nothing(shows="DR-5")
    t.get(1, 0, b"x")


# Sending again.


@sides("session/resume", BOTH, "A message of QoS 1 comes again in the next connection, with its identifier and DUP 1, and never before.")
def qos1_again(t):
    t.begin(False)
    t.send("m1", payload=b"x")
    t.time(600000)
    t.nothing(shows="3:4.4.0-1 5:4.4.0-1")
    again(t)
    t.out(
        t.publish("m1", 1, b"x", dup=True),
        shows="3:3.1.2-4 3:3.3.1-1 3:2.3.1-3 3:4.3.2-1 3:4.4.0-1 5:3.3.1-1 5:3.1.2-23 5:4.3.2-3 5:4.4.0-1",
    )
    t.time(600000)
    t.nothing(shows="5:4.4.0-1")
    t.input(t.puback("m1"))
    t.acked("m1")
    again(t)
    t.nothing(shows="3:4.3.2-1 5:4.4.0-2")


@sides("session/resume", BOTH, "A message of QoS 2 without PUBREC comes again as PUBLISH.")
def qos2_again(t):
    t.begin(False)
    t.send("m1", 2, b"x")
    again(t)
    t.out(t.publish("m1", 2, b"x", dup=True), shows="3:3.3.1-1 3:4.3.3-1 3:4.4.0-1 5:3.3.1-1 5:4.3.3-3 5:4.4.0-1")
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"))
    t.input(t.pubcomp("m1"))
    t.acked("m1")
    again(t)
    t.nothing(shows="3:4.3.3-1 5:4.4.0-1")


@sides("session/resume", BOTH, "After PUBREC only PUBREL comes again, as often as it takes.")
def pubrel_again(t):
    t.begin(False)
    t.send("m1", 2, b"x")
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"))
    t.time(600000)
    t.nothing(shows="5:4.4.0-1 3:4.4.0-1")
    for _ in range(3):
        again(t)
        t.out(
            t.pubrel("m1"),
            shows="3:4.1.0-1 3:4.3.3-1 3:4.4.0-1 3:2.3.1-3 5:4.3.3-5 5:4.3.3-6 5:4.4.0-1 5:3.1.2-23",
        )
    t.send(("m2", "m1"), shows="3:2.3.1-3")
    t.input(t.pubcomp("m1"))
    t.acked("m1", shows="3:2.3.1-3")


@sides("session/resume", "5.0", "The other side had finished before: PUBCOMP with 0x92 is a good end then.")
def pubcomp_not_found(t):
    t.begin(False)
    t.send("m1", 2)
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"))
    again(t)
    t.out(t.pubrel("m1"))
    t.input(t.pubcomp("m1", "0x92"))
    t.acked("m1", shows="DR-5")


@sides("session/resume", BOTH, "Messages come again in the order of the first sending, not in that of their numbers, QoS 1 and 2 together.")
def order_of_resending(t):
    t.begin(False)
    for n in range(1, 5):
        t.send(f"m{n}", 1 + n % 2, b"%d" % n)
    t.input(t.puback("m2"))
    t.acked("m2")
    t.send(("m5", "m1", "m3", "m4"), 1, b"5")
    again(t)
    rules = "3:4.6.0-1 5:4.6.0-1 3:4.4.0-1 5:4.4.0-1"
    again_now = [t.publish("m1", 2, b"1", dup=True), t.publish("m3", 2, b"3", dup=True)]
    again_now += [t.publish("m4", 1, b"4", dup=True), t.publish("m5", 1, b"5", dup=True)]
    t.out(*again_now, shows=rules)


def order_around_the_end(t):
    """m1 has a high identifier, m2 and m3 low ones."""
    t.begin(False)

    def one_more():
        t.send("other")
        t.input(t.puback("other"))
        t.acked("other")

    t.repeat(65533, one_more)
    t.send("m1", 1, b"1")
    t.send(("m2", "m1"), 2, b"2")
    t.send(("m3", "m1", "m2"), 1, b"3")
    t.send(("m4", "m1", "m2", "m3"), 1, b"4")
    again(t)
    t.out(
        t.publish("m1", 1, b"1", dup=True),
        t.publish("m2", 2, b"2", dup=True),
        t.publish("m3", 1, b"3", dup=True),
        t.publish("m4", 1, b"4", dup=True),
        shows="3:4.6.0-1 5:4.6.0-1",
    )


sides("session/resume", BOTH, "The order of the first sending counts also where identifiers begin anew.")(order_around_the_end)


@sides("session/resume", BOTH, "What comes again first is followed by new messages.")
def new_behind_old(t):
    t.begin(False)
    t.send("m1", 1, b"1")
    again(t)
    t.out(t.publish("m1", 1, b"1", dup=True), shows="3:4.6.0-1 5:4.6.0-1")
    t.send(("m2", "m1"), 1, b"2", shows="3:2.3.1-2 5:4.3.2-1 5:4.3.2-2")
    again(t)
    t.out(t.publish("m1", 1, b"1", dup=True), t.publish("m2", 1, b"2", dup=True), shows="3:4.6.0-1 5:4.6.0-1")


@sides("session/resume", "5.0", "A message that was sent does not expire any more: it comes again, whatever the clock says.")
def expired_but_sent(t):
    expiry = [prop("Message Expiry Interval", 1)]
    t.begin(False)
    t.send("m1", 2, b"x", properties=expiry)
    t.time(5000)
    again(t)
    t.out(t.publish("m1", 2, b"x", dup=True, properties=expiry), shows="5:4.3.3-7")


@sides("session/resume", BOTH, "A program that starts again from what it wrote down sends again what was not acknowledged.")
def again_after_restart(t):
    t.begin(False)
    t.send("m1", 1, b"1")
    t.send("m2", 2, b"2")
    t.send("m3", 2, b"3")
    t.input(t.pubrec("m2"))
    t.out(t.pubrel("m2"))
    t.restart()
    t.begin(False, True)
    messages = [t.publish("m1", 1, b"1", dup=True), t.publish("m3", 2, b"3", dup=True)]
    t.either(
        lambda: t.out(t.pubrel("m2"), *messages),
        lambda: t.out(*messages, t.pubrel("m2")),
        lambda: t.out(messages[0], t.pubrel("m2"), messages[1]),
        shows="3:4.1.0-1 3:4.4.0-1 5:3.1.2-23 5:4.4.0-1",
    )


@sides("session/resume", BOTH, "What was done before the program starts again stays done, both ways.")
def done_before_restart(t):
    t.begin(False)
    t.send("m1", 1, b"1")
    t.send(("m2", "m1"), 2, b"2")
    t.input(t.puback("m1"))
    t.acked("m1")
    t.input(t.pubrec("m2"))
    t.out(t.pubrel("m2"))
    t.input(t.pubcomp("m2"))
    t.acked("m2")
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.input(t.pubrel(1))
    t.out(t.pubcomp(1))
    t.restart()
    t.begin(False, True)
    t.nothing(shows="3:4.3.2-1 3:4.3.3-1 5:4.3.2-3 5:4.4.0-2")
    t.get(1, 2, b"y", shows="3:4.3.3-2 5:4.3.3-12")
    t.out(t.pubrec(1))


@conversation("session/resume", "client", BOTH, "SUBSCRIBE and UNSUBSCRIBE are not part of a session: they do not come again.")
def subscribe_is_dropped(t):
    t.begin(False)
    t.command("subscribe", filters=[{"filter": "a", "qos": 0}])
    t.out(t.subscribe("s1", ("a", 0)))
    t.send(("m1", "s1"))
    t.lost()
    t.connect(False)
    t.connected(True)
    t.event("dropped", id="s1")
    t.out(t.publish("m1", dup=True), shows="3:4.4.0-1 5:4.4.0-1")


# Beginning and end of sessions.


def left(t):
    """A session with a message under way both ways, whose connection is lost."""
    t.start(False)
    t.send("m1")
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.lost()


@conversation("session/begin", "client", BOTH, "With a clean start what was under way is given up, and nothing comes again.")
def clean_start(t):
    left(t)
    t.start(True)
    t.event("dropped", id="m1", shows="3:3.1.2-6 5:3.1.2-4")
    t.get(1, 2, b"y", shows="3:3.1.2-6 5:3.1.2-4")
    t.out(t.pubrec(1))


@conversation("session/begin", "client", BOTH, "A session that began clean ends with its connection.")
def clean_session_ends(t):
    t.start(True)
    t.send("m1")
    t.lost()
    t.start(False)
    t.either(lambda: t.event("dropped", id="m1"), lambda: t.nothing(), shows="3:3.1.2-6")


@conversation("session/begin", "client", "5.0", "A clean start gives the session up, even if no CONNACK comes: the server may have begun another.")
def clean_start_unanswered(t):
    left(t)
    t.connect(True)
    t.lost()
    t.connect(False)
    t.input(t.connack_packet(True))
    t.fault("5:3.2.2-4", shows="5:3.2.2-4 5:3.1.2-4")


@conversation("session/begin", "client", "3.1.1", "Nothing comes again of a session that a clean start gave up, even if no CONNACK came.")
def clean_start_unanswered(t):  # noqa: F811
    left(t)
    t.connect(True)
    t.lost()
    t.connect(False)
    t.input(t.connack_packet(False))
    t.event("connected", session_present=False)
    t.event("dropped", id="m1", shows="3:3.1.2-6")
    t.get(1, 2, b"y", shows="3:3.1.2-6")
    t.out(t.pubrec(1))


@conversation("session/begin", "server", BOTH, "With a clean start a server forgets the session it had stored.")
def clean_start(t):  # noqa: F811
    t.serve(False)
    t.send("m1")
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.lost()
    t.serve(True, shows="3:3.2.2-1 3:3.1.2-6 3:3.1.4-3 5:3.2.2-2 5:3.1.2-4 5:3.1.4-4")
    t.nothing(shows="3:3.1.2-6 5:3.1.2-4")
    t.get(1, 2, b"y", shows="3:3.1.2-6 5:3.1.2-4")
    t.out(t.pubrec(1))
    t.lost()
    t.serve(False, shows="3:3.1.2-6 3:3.2.2-3 5:3.1.2-4 5:3.1.2-6 5:3.2.2-3 5:4.1.0-2")
    t.nothing()


@conversation("session/begin", "server", BOTH, "Without a clean start a server begins a session or takes up the stored one, and says which.")
def session_present(t):
    t.serve(False, shows="3:3.2.2-3 3:3.1.2-4 5:3.2.2-3 5:3.1.2-6 3:3.1.4-3 5:3.1.4-4")
    t.lost()
    t.serve(False, True, shows="3:3.2.2-2 3:3.1.2-4 5:3.2.2-3 5:3.1.2-5 5:3.1.2-23 3:3.1.4-3 5:3.1.4-4")
    t.send("m1")
    t.input(t.disconnect_packet())
    t.event("disconnect")
    t.closed("disconnect")
    t.serve(False, True, shows="3:3.2.2-2 3:3.1.2-4 5:3.1.2-5 5:3.2.2-3")
    t.out(t.publish("m1", dup=True), shows="3:3.1.2-4 5:3.1.2-5")


@conversation("session/begin", "server", BOTH, "Sessions belong to client identifiers.")
def two_clients(t):
    t.serve(False, client_id="a")
    t.send("m1", payload=b"for a")
    t.on = "b"
    t.serve(False, client_id="b", shows="3:3.1.3-2 5:3.1.3-2")
    t.send("n1", payload=b"for b")
    t.on = None
    t.lost()
    t.on = "b"
    t.lost()
    t.serve(False, True, client_id="a", shows="3:3.1.3-2 5:3.1.3-2")
    t.out(t.publish("m1", payload=b"for a", dup=True), shows="3:3.1.3-2 5:3.1.3-2")
    t.on = "c"
    t.serve(False, client_id="c", shows="3:3.1.3-2 5:3.1.3-2")
    t.on = None
    t.serve(False, True, client_id="b", shows="3:3.1.3-2 5:3.1.3-2")
    t.out(t.publish("n1", payload=b"for b", dup=True), shows="3:3.1.3-2 5:3.1.3-2")


@conversation("session/begin", "server", "5.0", "A session is there until its expiry interval is over, and then no more.")
def expiry(t):
    t.serve(False, expiry=5)
    t.send("m1")
    t.time(600000)
    t.lost()
    t.time(4000)
    t.serve(False, True, expiry=5, shows="5:3.1.2-23 5:3.1.2-5 5:4.1.0-1")
    t.out(t.publish("m1", dup=True), shows="5:4.1.0-1 5:3.1.2-23")
    t.lost()
    t.time(6000)
    t.serve(False, False, expiry=5, shows="5:4.1.0-2 5:3.1.2-6 5:3.2.2-3")
    t.nothing(shows="5:4.1.0-2")


@conversation("session/begin", "server", "5.0", "Without an expiry interval a session ends with its connection, and not before.")
def expiry_zero(t):
    t.serve(False, expiry=0)
    t.send("m1", 2)
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.time(600000)
    t.input(t.publish(1, 2, b"x", dup=True))
    t.out(t.pubrec(1), shows="5:4.1.0-1")
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"), shows="5:4.1.0-1")
    t.lost()
    t.serve(False, expiry=0, shows="5:4.1.0-2 5:3.2.2-3")
    t.nothing(shows="5:4.1.0-2")


@conversation("session/begin", "server", "3.1.1", "A session does not end while its connection lasts.")
def long_connection(t):
    t.serve(True)
    t.send("m1", 2)
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.time(86400000)
    t.input(t.publish(1, 2, b"x", dup=True))
    t.out(t.pubrec(1), shows="3:4.1.0-2")
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"), shows="3:4.1.0-2")


@conversation("session/begin", "client", BOTH, "A client's session does not end while its connection lasts.")
def long_connection(t):  # noqa: F811
    t.start(True)
    t.send("m1", 2)
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.time(86400000)
    t.input(t.publish(1, 2, b"x", dup=True))
    t.out(t.pubrec(1), shows="3:4.1.0-2 5:4.1.0-1")
    t.input(t.pubrec("m1"))
    t.out(t.pubrel("m1"), shows="3:4.1.0-2 5:4.1.0-1")


@conversation("session/begin", "client", "5.0", "A client keeps its session until its expiry interval is over.")
def expiry(t):  # noqa: F811
    t.start(False, expiry=1)
    t.send("m1")
    t.lost()
    t.time(500)
    t.start(False, True, expiry=1)
    t.out(t.publish("m1", dup=True), shows="5:3.1.2-23")
    t.lost()
    t.time(1500)
    t.connect(False, expiry=1)
    t.input(t.connack_packet(True))
    t.fault("5:3.2.2-4", shows="5:3.2.2-4 5:3.1.2-23")


@conversation("session/begin", "client", "5.0", "The server may set another expiry interval than the client asked for.")
def expiry_of_the_server(t):
    t.start(False, properties=[prop("Session Expiry Interval", 5)], expiry=1)
    t.send("m1")
    t.lost()
    t.time(3000)
    t.start(False, True)
    t.out(t.publish("m1", dup=True), shows="5:3.1.2-23")


@conversation("session/begin", "server", "5.0", "DISCONNECT may change the expiry interval, but not from 0.")
def expiry_in_disconnect(t):
    t.serve(False, expiry=5)
    t.input(t.disconnect_packet(properties=[prop("Session Expiry Interval", 60)]))
    t.event("disconnect", reason="0x00")
    t.closed("disconnect")
    t.time(30000)
    t.serve(False, True, expiry=5, shows="5:3.1.2-23 5:3.1.2-5")
    t.input(t.disconnect_packet(properties=[prop("Session Expiry Interval", 0)]))
    t.event("disconnect", reason="0x00")
    t.closed("disconnect")
    t.serve(False, False, expiry=0, shows="5:4.1.0-2 5:3.2.2-3")
    t.input(t.disconnect_packet(properties=[prop("Session Expiry Interval", 5)]))
    t.fault("DR-8", shows="DR-8")


@conversation("session/begin", "client", "5.0", "A client that has no session must not be told that it goes on.")
def present_but_unknown(t):
    t.connect(False)
    t.input(t.connack_packet(True))
    t.fault("5:3.2.2-4", shows="5:3.2.2-4")


@conversation("session/begin", "client", "5.0", "Session Present after a clean start is the server's fault.")
def present_after_clean_start(t):
    t.connect(True)
    t.input(t.connack_packet(True))
    t.fault("5:3.2.2-2", shows="5:3.2.2-2")


@conversation("session/begin", "client", "3.1.1", "Session Present after CleanSession 1 is the server's fault; closing is the safe way.")
def present_after_clean_session(t):
    t.connect(True)
    t.input(t.connack_packet(True))
    t.either(
        lambda: t.closed("violation", rules=t.rules("3:3.2.2-1")),
        lambda: t.event("connected", session_present=True),
        shows="3:3.2.2-1 CN-11",
    )


@conversation("session/begin", "client", "3.1.1", "A client without a session may go on with the one that the server has.")
def present_but_unknown(t):  # noqa: F811
    t.connect(False)
    t.input(t.connack_packet(True))
    t.either(
        lambda: t.event("connected", session_present=True),
        lambda: t.closed("violation"),
        shows="CN-11",
    )


@conversation("session/begin", "client", "5.0", "A client with a session that the server has lost gives it up.")
def session_lost(t):
    t.start(False)
    t.send("m1")
    t.send(("m2", "m1"), 2)
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.lost()
    t.start(False, False)
    t.event("dropped", id="m1", shows="5:3.2.2-5 5:4.4.0-1")
    t.event("dropped", id="m2", shows="5:3.2.2-5 5:4.4.0-1")
    t.get(1, 2, b"y", shows="5:3.2.2-5")
    t.out(t.pubrec(1))


@conversation("session/begin", "client", "3.1.1", "A client with a session that the server has lost sends again all the same, or closes.")
def session_lost(t):  # noqa: F811
    t.start(False)
    t.send("m1", 1, b"1")
    t.lost()
    t.connect(False)
    t.input(t.connack_packet(False))

    def goes_on():
        t.event("connected", session_present=False)
        t.out(t.publish("m1", 1, b"1", dup=True))

    t.either(goes_on, lambda: t.closed("violation"), shows="3:4.4.0-1")


@conversation("session/begin", "client", "5.0", "An empty client identifier needs one that the server assigns.")
def no_assigned_identifier(t):
    t.connect(True, client_id="")
    t.input(t.connack_packet(False))
    t.fault("CN-12", shows="CN-12")


@conversation("session/begin", "client", "5.0", "An empty client identifier, and the server assigns one.")
def assigned_identifier(t):
    t.connect(True, client_id="")
    t.connected(False, [prop("Assigned Client Identifier", "x")])
    t.send("m1")


# Acknowledgements that fit no exchange.


@sides("session/wrong", BOTH, "An acknowledgement of the wrong kind is a protocol error.")
def puback_for_qos2(t):
    t.begin()
    t.send("m1", 2)
    t.input(t.puback("m1"))
    t.fault("DR-4", shows="DR-4")


@sides("session/wrong", BOTH, "PUBREC does not fit QoS 1.")
def pubrec_for_qos1(t):
    t.begin()
    t.send("m1", 1)
    t.input(t.pubrec("m1"))
    t.fault("DR-4", shows="DR-4")


@sides("session/wrong", BOTH, "PUBCOMP does not fit before PUBREL.")
def pubcomp_before_pubrel(t):
    t.begin()
    t.send("m1", 2)
    t.input(t.pubcomp("m1"))
    t.fault("DR-4", shows="DR-4")


@conversation("session/wrong", "client", BOTH, "SUBACK does not fit a message.")
def suback_for_publish(t):
    t.start()
    t.send("m1", 1)
    t.input(t.suback("m1", "0x00"))
    t.fault("3:2.3.1-7 3:3.8.4-2 5:3.8.4-2", shows="3:2.3.1-7 3:3.8.4-2 5:3.8.4-2 5:2.2.1-6")


@conversation("session/wrong", "client", BOTH, "SUBACK does not fit an UNSUBSCRIBE.")
def suback_for_unsubscribe(t):
    t.start()
    t.command("unsubscribe", filters=["a"])
    t.out(t.unsubscribe("u1", "a"))
    t.input(t.suback("u1", "0x00"))
    t.fault("3:2.3.1-7 5:2.2.1-6", shows="3:2.3.1-7 5:2.2.1-6")


@conversation("session/wrong", "client", BOTH, "UNSUBACK of an identifier that asked for nothing.")
def unsuback_unasked(t):
    t.start()
    t.input(t.unsuback(5, "0x00"))
    t.fault("3:2.3.1-7 5:2.2.1-6", shows="3:2.3.1-7 5:2.2.1-6")


@sides("session/wrong", "5.0", "A QoS 1 message under an identifier whose QoS 2 exchange is open.")
def identifier_in_use(t):
    t.begin()
    t.get(1, 2, b"x")
    t.out(t.pubrec(1))
    t.input(t.publish(1, 1, b"y"))
    t.fault("5:2.2.1-4" if t.role == "client" else "5:2.2.1-3", shows="5:2.2.1-4" if t.role == "client" else "5:2.2.1-3")

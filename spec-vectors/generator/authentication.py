"""Conversations about enhanced authentication (5.0): whose turn it is, and that the method stays the same."""

from .packets import prop
from .sessions import sides
from .talk import conversation

NEW = "5.0"
FILE = "connection/auth"


def method(name="M", data=None):
    """The properties that name a method."""
    return [prop("Authentication Method", name), *([prop("Authentication Data", data)] if data else [])]


def packet(t, reason, name="M", data=None):
    return t.packet("AUTH", reason=reason, properties=method(name, data))


def says(t, reason, data=None, shows=""):
    """The side under test sends AUTH."""
    t.command("auth", reason=reason, properties=method("M", data))
    t.out(packet(t, reason, "M", data), shows=shows)


def hears(t, reason, data=None, shows=""):
    """The side under test gets AUTH."""
    t.input(packet(t, reason, "M", data))
    t.event("auth", reason=reason, properties=method("M", data), shows=shows)


def may_not(t, reason, name="M", shows=""):
    t.command("auth", reason=reason, properties=method(name), refused="not-asked", shows=shows)


def begin(t):
    """CONNECT with a method."""
    if t.role == "client":
        t.connect(properties=method())
    else:
        t.arrives(properties=method())


def open_(t):
    """A connection for which there was nothing to ask."""
    begin(t)
    if t.role == "client":
        t.connected(properties=method())
    else:
        t.accept(properties=method())


def early(t, rules, shows=""):
    """The peer is cut off before CONNACK: a client may say DISCONNECT, a server never, but CONNACK."""
    if t.role == "client":
        t.fault(rules, shows=shows + " DR-12")
        return

    def answered():
        t.out(t.connack_packet(code="0x82"))
        t.closed("violation", rules=t.rules(rules))

    t.either(lambda: t.closed("violation", rules=t.rules(rules)), answered, shows=shows + " DR-12 5:3.14.0-1")


# The first one.


@conversation(FILE, "server", NEW, "A server asks for more with AUTH, as often as it likes, before it accepts.")
def challenge(t):
    begin(t)
    for data in (b"1", b"2"):
        says(t, "0x18", data, shows="5:4.12.0-2 5:4.12.0-5")
        hears(t, "0x18", data + b"x", shows="5:4.12.0-3")
    t.accept(properties=method("M", b"3"), shows="5:4.12.0-5")
    t.get(None, 0)


@conversation(FILE, "client", NEW, "A client answers each AUTH, and is connected at last.")
def challenge(t):  # noqa: F811
    begin(t)
    for data in (b"1", b"2"):
        hears(t, "0x18", data, shows="5:4.12.0-2")
        says(t, "0x18", data + b"x", shows="5:4.12.0-3 5:4.12.0-5")
    t.connected(properties=method("M", b"3"), shows="5:4.12.0-5")
    t.get(None, 0)


@sides(FILE, NEW, "A method may need no AUTH at all.")
def no_challenge(t):
    open_(t)
    t.get(None, 0)


def unknown(reason):
    def script(t):
        t.arrives(properties=method("NOPE"))
        t.command("reject", reason=reason)
        t.sends({"type": "CONNACK", "session_present": False, "reason": reason}, shows="5:4.12.0-1")
        t.closed("refused", shows="5:4.12.0-1 5:4.13.2-1")

    script.__name__ = f"unknown_method_{reason[2:].lower()}"
    return script


for _reason in ("0x8C", "0x87"):
    conversation(FILE, "server", NEW, "A server that does not know the method turns the client down.")(unknown(_reason))


@conversation(FILE, "server", NEW, "A server may turn the client down after a step, too.")
def turned_down_later(t):
    begin(t)
    says(t, "0x18")
    hears(t, "0x18", b"x")
    t.command("reject", reason="0x87")
    t.sends({"type": "CONNACK", "session_present": False, "reason": "0x87"}, shows="5:4.12.0-4")
    t.closed("refused", shows="5:4.12.0-4")


@conversation(FILE, "client", NEW, "A client may be turned down after a step, too; that CONNACK need not name the method.")
def turned_down_later(t):  # noqa: F811
    begin(t)
    hears(t, "0x18")
    says(t, "0x18", b"x")
    t.input(t.connack_packet(code="0x8C"))
    t.event("refused", reason="0x8C", shows="5:4.12.0-4")
    t.closed("refused", shows="5:4.12.0-4 5:3.2.2-7")


@conversation(FILE, "client", NEW, "A client that named a method sends nothing else before CONNACK.")
def nothing_else(t):
    t.connect(keep_alive=1, properties=method())
    t.command("publish", qos=0, topic="a", payload=b"", refused="not-connected", shows="5:3.1.2-30")
    hears(t, "0x18")
    t.command("publish", qos=1, topic="a", payload=b"", refused="not-connected", shows="5:3.1.2-30")
    t.command("subscribe", filters=[{"filter": "a", "qos": 0}], refused="not-connected", shows="5:3.1.2-30")
    t.time(5000)
    t.nothing(shows="5:3.1.2-30")
    says(t, "0x18")
    t.command("publish", qos=0, topic="a", payload=b"", refused="not-connected", shows="5:3.1.2-30")
    t.connected(properties=method())
    t.send(None, 0)


def something_else(kind, make):
    def script(t):
        begin(t)
        says(t, "0x18")
        t.input(make(t))
        early(t, "5:3.1.2-30 DR-3", shows="5:3.1.2-30")

    script.__name__ = f"{kind}_instead"
    return script


for _kind, _make in (
    ("publish", lambda t: t.publish(qos=0)),
    ("subscribe", lambda t: t.subscribe(1, ("a", 0))),
    ("ping", lambda t: t.ping()),
):
    conversation(FILE, "server", NEW, "A client that is asked for AUTH sends something else.")(something_else(_kind, _make))


@conversation(FILE, "server", NEW, "A client that is asked for AUTH gives up.")
def gives_up(t):
    begin(t)
    says(t, "0x18")
    t.input(t.disconnect_packet())
    t.event("disconnect", reason="0x00", shows="5:3.1.2-30")
    t.closed("disconnect")


@conversation(FILE, "server", NEW, "A client that does not answer AUTH is cut off after a time.")
def no_answer(t):
    t.limits(connect_timeout=3000)
    begin(t)
    says(t, "0x18")
    t.time(2999)
    t.nothing()
    t.time(2)
    t.closed("timeout", shows="CN-8")


# Who may say what.


@conversation(FILE, "server", NEW, "To a CONNECT without a method a server answers without AUTH and without a method.")
def no_method(t):
    t.arrives()
    may_not(t, "0x18", shows="5:4.12.0-6")
    t.command("accept", properties=method(), refused="not-asked", shows="5:4.12.0-6")
    t.accept()
    may_not(t, "0x18", shows="5:4.12.0-6")


@conversation(FILE, "client", NEW, "A client that named no method sends no AUTH.")
def no_method(t):  # noqa: F811
    t.connect()
    may_not(t, "0x18", shows="5:4.12.0-7")
    t.connected()
    may_not(t, "0x19", shows="5:4.12.0-7")


@conversation(FILE, "server", NEW, "A server takes no AUTH from a client that named no method.")
def auth_without_method(t):
    t.serve()
    t.input(packet(t, "0x19"))
    t.fault("5:4.12.0-7 DR-7", shows="5:4.12.0-7 DR-7")


@conversation(FILE, "client", NEW, "A client that named no method takes no AUTH.")
def auth_without_method(t):  # noqa: F811
    t.connect()
    t.input(packet(t, "0x18"))
    early(t, "5:4.12.0-6 DR-7", shows="5:4.12.0-6 DR-7")


@conversation(FILE, "client", NEW, "A client that named no method takes no AUTH later on, either.")
def late_auth_without_method(t):
    t.start()
    t.input(packet(t, "0x18"))
    t.fault("5:4.12.0-6 DR-7", shows="5:4.12.0-6 DR-7")


@conversation(FILE, "client", NEW, "A client that named no method is not accepted with one.")
def connack_with_method(t):
    t.connect()
    t.input(t.connack_packet(properties=method()))
    early(t, "5:4.12.0-6", shows="5:4.12.0-6")


def out_of_method(name):
    def script(t):
        begin(t)
        t.input(t.connack_packet(properties=method(name) if name else ()))
        early(t, "5:4.12.0-5", shows="5:4.12.0-5")

    script.__name__ = "connack_with_another" if name else "connack_without"
    return script


conversation(FILE, "client", NEW, "The CONNACK that accepts names another method.")(out_of_method("N"))
conversation(FILE, "client", NEW, "The CONNACK that accepts names no method.")(out_of_method(None))


@conversation(FILE, "server", NEW, "A server accepts with the method of the CONNECT, and with no other.")
def accepts_with_the_method(t):
    begin(t)
    t.command("accept", properties=[], refused="not-asked", shows="5:4.12.0-5")
    t.command("accept", properties=method("N"), refused="not-asked", shows="5:4.12.0-5")
    may_not(t, "0x18", "N", shows="5:4.12.0-5")
    t.accept(properties=method(), shows="5:4.12.0-5")


@sides(FILE, NEW, "AUTH names another method before CONNACK. A method is compared letter by letter.")
def another_method(t):
    begin(t)
    if t.role == "server":
        says(t, "0x18")
    t.input(packet(t, "0x18", "m"))
    early(t, "5:4.12.0-5 DR-7", shows="5:4.12.0-5 DR-7")


@conversation(FILE, "server", NEW, "A client begins again with another method.")
def another_method_again(t):
    open_(t)
    t.input(packet(t, "0x19", "N"))
    t.fault("5:4.12.0-5 5:4.12.1-1 DR-7", shows="5:4.12.0-5 5:4.12.1-1 DR-7")


@conversation(FILE, "client", NEW, "A client begins again with the method that it had; the server answers with another.")
def another_method_again(t):  # noqa: F811
    open_(t)
    may_not(t, "0x19", "N", shows="5:4.12.1-1")
    says(t, "0x19", shows="5:4.12.1-1")
    t.input(packet(t, "0x18", "N"))
    t.fault("5:4.12.0-5 DR-7", shows="5:4.12.0-5 DR-7")


@conversation(FILE, "server", NEW, "A client begins again before it is connected.")
def again_too_early(t):
    begin(t)
    says(t, "0x18")
    t.input(packet(t, "0x19"))
    early(t, "5:4.12.0-3 5:4.12.1-1 DR-7", shows="5:4.12.0-3 5:4.12.1-1 DR-7")


@conversation(FILE, "client", NEW, "A server ends the first authentication with AUTH instead of CONNACK.")
def success_too_early(t):
    begin(t)
    t.input(packet(t, "0x00"))
    early(t, "5:4.12.0-2 DR-7", shows="5:4.12.0-2 DR-7")


@conversation(FILE, "client", NEW, "A server asks twice without waiting for the answer.")
def asked_twice(t):
    begin(t)
    hears(t, "0x18")
    t.input(packet(t, "0x18"))
    early(t, "DR-7", shows="DR-7")


def unasked(reason):
    def script(t):
        open_(t)
        t.input(packet(t, reason))
        t.fault("DR-7", shows="DR-7 DR-12")

    script.__name__ = f"unasked_{reason[2:]}"
    return script


conversation(FILE, "server", NEW, "A client answers what it was not asked.")(unasked("0x18"))
for _reason in ("0x18", "0x00"):
    conversation(FILE, "client", NEW, "Only the client begins to authenticate again.")(unasked(_reason))


@sides(FILE, NEW, "Neither side may speak out of turn.")
def out_of_turn(t):
    begin(t)
    if t.role == "client":
        for reason in ("0x18", "0x19"):
            may_not(t, reason, shows="DR-7")
        hears(t, "0x18")
        may_not(t, "0x19", shows="5:4.12.0-3 DR-7")
        says(t, "0x18", shows="5:4.12.0-3")
        may_not(t, "0x18", shows="DR-7")
        t.connected(properties=method())
        may_not(t, "0x18", shows="DR-7")
    else:
        may_not(t, "0x00", shows="5:4.12.0-2 DR-7")
        says(t, "0x18", shows="5:4.12.0-2")
        may_not(t, "0x18", shows="DR-7")
        hears(t, "0x18")
        t.accept(properties=method())
        for reason in ("0x18", "0x00"):
            may_not(t, reason, shows="DR-7")


# Again.


@conversation(FILE, "client", NEW, "A client authenticates again, while all else goes on.")
def again(t):
    open_(t)
    for _ in range(2):
        says(t, "0x19", b"1", shows="5:4.12.1-1")
        may_not(t, "0x19", shows="DR-7")
        may_not(t, "0x18", shows="DR-7")
        t.send(None, 0, b"x")
        hears(t, "0x18", b"2")
        t.get(1, 1, b"y")
        t.out(t.puback(1))
        says(t, "0x18", b"3", shows="5:4.12.0-5")
        hears(t, "0x00", b"4", shows="5:4.12.1-1")
        may_not(t, "0x18", shows="DR-7")


@conversation(FILE, "server", NEW, "A client authenticates again, while all else goes on.")
def again(t):  # noqa: F811
    open_(t)
    for _ in range(2):
        hears(t, "0x19", b"1", shows="5:4.12.1-1")
        t.send(None, 0, b"x")
        t.get(1, 1, b"y")
        t.out(t.puback(1))
        says(t, "0x18", b"2", shows="5:4.12.0-5")
        may_not(t, "0x00", shows="DR-7")
        t.input(t.ping())
        t.out(t.pong())
        hears(t, "0x18", b"3")
        says(t, "0x00", b"4", shows="5:4.12.0-5")
        may_not(t, "0x00", shows="DR-7")


@conversation(FILE, "server", NEW, "A client begins again twice at once.")
def again_twice(t):
    open_(t)
    hears(t, "0x19")
    t.input(packet(t, "0x19"))
    t.fault("DR-7", shows="DR-7")


@conversation(FILE, "server", NEW, "A client that fails to authenticate again is sent away.")
def again_in_vain(t):
    open_(t)
    hears(t, "0x19", b"1")
    t.command("disconnect", reason="0x87", properties=[])
    t.out(t.disconnect_packet("0x87"), shows="5:4.12.1-2")
    t.closed("command", shows="5:4.12.1-2")
    t.input(packet(t, "0x19"))
    t.nothing(shows="5:4.12.1-2")


@conversation(FILE, "client", NEW, "A client that fails to authenticate again is sent away.")
def again_in_vain(t):  # noqa: F811
    open_(t)
    says(t, "0x19", b"1")
    t.input(t.disconnect_packet("0x87"))
    t.event("disconnect", reason="0x87", shows="5:4.12.1-2")
    t.closed("disconnect", shows="5:4.12.1-2")


@conversation(FILE, "client", NEW, "A client that does not trust the server's answer goes.")
def again_in_doubt(t):
    open_(t)
    says(t, "0x19", b"1")
    hears(t, "0x18", b"2")
    t.command("disconnect", reason="0x80", properties=[])
    t.out(t.disconnect_packet("0x80"), shows="5:4.12.1-2")
    t.closed("command", shows="5:4.12.1-2")


@sides(FILE, NEW, "What one connection authenticated is of no use in the next.")
def only_this_connection(t):
    open_(t)
    t.lost()
    t.begin()
    if t.role == "client":
        may_not(t, "0x19", shows="5:4.12.0-7")
    t.input(packet(t, "0x18" if t.role == "client" else "0x19"))
    rules = "5:4.12.0-6 DR-7" if t.role == "client" else "5:4.12.0-7 DR-7"
    t.fault(rules, shows=rules)


@conversation(FILE, "server", NEW, "A client with a method waits for the server's turn: whatever comes behind its CONNECT but DISCONNECT is an error.")
def ahead_of_its_turn(t):
    for packet_behind in (t.publish(qos=0), t.ping(), packet(t, "0x18")):
        begin(t)
        t.input(packet_behind)
        early(t, "5:3.1.2-30 DR-3 DR-7", shows="5:3.1.2-30")


@conversation(FILE, "client", NEW, "A client may give up before CONNACK.")
def given_up_by_the_client(t):
    begin(t)
    t.command("disconnect", reason="0x00", properties=[])
    t.out(t.disconnect_packet())
    t.closed("command", shows="5:3.1.2-30")

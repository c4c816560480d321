"""Wills: when they are published, when not, and as what."""

from ..packets import prop
from ..scene import scene

BOTH = "3.1.1 5.0"
FILE = "broker/wills"


def watched(s, qos=0, **more):
    """A client with a will, and another that looks out for it."""
    s.subscribe("b", ("w", qos))
    s.connect("a", will=s.will(qos=qos), **more)


@scene(FILE, BOTH, "A connection that just ends publishes its will, not retained.")
def will_on_cut(s):
    watched(s)
    s.cut("a")
    s.gets("b", "w", b"will", shows="3:3.1.2-8 5:3.1.2-7 5:3.1.2-8")
    s.subscribe("c", "w")
    s.nothing("c", shows="3:3.1.2-16 5:3.1.2-14")


@scene(FILE, BOTH, "A will is published at its own QoS.")
def will_qos(s):
    for qos in (1, 2):
        watched(s, qos)
        s.cut("a")
        s.gets("b", "w", b"will", qos, shows="3:3.1.2-8 5:3.1.2-8")


@scene(FILE, BOTH, "A will is published once; the next connection without one publishes nothing.")
def will_once(s):
    watched(s, clean=False)
    s.cut("a")
    s.gets("b", "w", b"will")
    s.connect("a", clean=False, present=None)
    s.cut("a")
    s.nothing("b", shows="3:3.1.2-10 3:3.1.2-12 5:3.1.2-10")


@scene(FILE, BOTH, "DISCONNECT takes the will away.")
def will_dropped_by_disconnect(s):
    watched(s)
    s.leave("a")
    s.nothing("b", shows="3:3.1.2-8 3:3.1.2-10 3:3.14.4-3 5:3.1.2-8 5:3.1.2-10 5:3.14.4-3")


@scene(FILE, BOTH, "The will of an earlier connection is not that of a later one, whose CONNECT has none.")
def no_will(s):
    watched(s, clean=False)
    s.leave("a")
    s.connect("a", clean=False, present=None)
    s.cut("a")
    s.nothing("b", shows="3:3.1.2-12 5:3.1.2-10")


@scene(FILE, BOTH, "A retained will goes to subscribers of now without, and to those to come with RETAIN.")
def will_retained(s):
    s.subscribe("b", "w")
    s.connect("a", will=s.will(qos=1, retain=True))
    s.cut("a")
    s.gets("b", "w", b"will", shows="3:3.3.1-9 5:3.3.1-12")
    s.subscribe("c", "w")
    s.gets_retained("c", "w", b"will", shows="3:3.1.2-17 5:3.1.2-15")


@scene(FILE, BOTH, "A retained will without payload removes what was retained.")
def will_retained_empty(s):
    s.publish("b", "w", retain=True, qos=1)
    s.subscribe("b", "w")
    s.gets_retained("b", "w")
    s.connect("a", will=s.will(payload=b"", retain=True))
    s.cut("a")
    s.gets("b", "w", b"", shows="CN-7")
    s.subscribe("c", "w")
    s.nothing("c", shows="CN-7 3:3.1.2-17 5:3.1.2-15")


@scene(FILE, BOTH, "A client that is taken over has its will published.")
def will_on_takeover(s):
    watched(s)
    s.open("a2")
    s.send("a2", s.hello("a", client="{run}a"))
    s.expect("a2", s.welcome("a2"))
    s.thrown_out("a", "0x8E")
    s.gets("b", "w", b"will", shows="3:3.1.4-2 3:3.1.2-8 5:3.1.2-8")


@scene(FILE, BOTH, "A client that breaks the protocol has its will published.")
def will_on_violation(s):
    watched(s)
    s.send("a", bytes.fromhex("36 04 00 01 61 00"))
    s.thrown_out("a", "0x81", "0x82")
    s.gets("b", "w", b"will", shows="3:3.1.2-8 5:3.1.2-8")


@scene(FILE, BOTH, "A client that is silent for one and a half times its Keep Alive has its will published.")
def will_on_silence(s):
    watched(s, keep_alive=1)
    s.nothing("a", seconds=0.9)
    s.wait(3)
    s.thrown_out("a", "0x8D", shows="3:3.1.2-24 5:3.1.2-22")
    s.gets("b", "w", b"will", shows="3:3.1.2-8 5:3.1.2-8")


# 5.0 only: DISCONNECT with a reason, Will Delay Interval, properties.


@scene(FILE, "5.0", "DISCONNECT 0x04 asks for the will.")
def will_asked_for(s):
    watched(s)
    s.leave("a", "0x04")
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


@scene(FILE, "5.0", "DISCONNECT with an error publishes the will.")
def will_on_error(s):
    watched(s)
    s.leave("a", "0x80")
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


def delayed(s, delay, expiry, **more):
    s.subscribe("b", "w")
    s.connect("a", clean=False, expiry=expiry, will=s.will(properties=[prop("Will Delay Interval", delay)]), **more)


@scene(FILE, "5.0", "The will waits for its delay.")
def will_delay(s):
    delayed(s, 1, 30)
    s.cut("a")
    s.nothing("b", seconds=0.7, shows="5:3.1.2-8")
    s.gets("b", "w", b"will", shows="5:3.1.2-8 5:3.1.2-7")


@scene(FILE, "5.0", "The will does not wait longer than the session lasts.")
def will_delay_longer_than_session(s):
    delayed(s, 60, 1)
    s.cut("a")
    s.nothing("b", seconds=0.7, shows="5:3.1.2-8")
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


@scene(FILE, "5.0", "A session that ends with its connection has no delay either.")
def will_delay_without_session(s):
    s.subscribe("b", "w")
    s.connect("a", will=s.will(properties=[prop("Will Delay Interval", 60)]))
    s.cut("a")
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


@scene(FILE, "5.0", "A client that comes back to its session in time has no will published.")
def will_delay_return(s):
    delayed(s, 1, 30)
    s.cut("a")
    s.connect("a", clean=False, present=True)
    s.nothing("b", seconds=1.6, shows="5:3.1.3-9 5:3.1.2-8")


@scene(FILE, "5.0", "A client that comes back too late has had its will published, and not again.")
def will_delay_late_return(s):
    delayed(s, 1, 30)
    s.cut("a")
    s.gets("b", "w", b"will", shows="5:3.1.2-8")
    s.connect("a", clean=False, present=True)
    s.cut("a")
    s.nothing("b", seconds=1.4, shows="5:3.1.2-10")


@scene(FILE, "5.0", "Taking over a connection of a session with a will delay publishes nothing.")
def will_delay_takeover(s):
    delayed(s, 1, 30)
    s.open("a2")
    s.send("a2", s.hello("a2", clean=False, client="{run}a"))
    s.expect("a2", s.welcome("a2", present=True))
    s.thrown_out("a", "0x8E")
    s.nothing("b", seconds=1.6, shows="5:3.1.3-9")


@scene(FILE, "5.0", "Clean Start ends the old session, and with it the delay of its will.")
def will_delay_clean_start(s):
    delayed(s, 60, 120)
    s.cut("a")
    s.nothing("b")
    s.connect("a")
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


@scene(FILE, "5.0", "DISCONNECT with a reason other than 0x00 leaves the delay of the will as it is.")
def will_delay_asked_for(s):
    delayed(s, 1, 30)
    s.leave("a", "0x04")
    s.nothing("b", seconds=0.7)
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


@scene(FILE, "5.0", "DISCONNECT 0x04 that ends the session ends the delay of the will.")
def will_delay_session_ended(s):
    delayed(s, 60, 120)
    s.leave("a", "0x04", [prop("Session Expiry Interval", 0)])
    s.gets("b", "w", b"will", shows="5:3.1.2-8")


@scene(FILE, "5.0", "A session that was to end can't be prolonged by DISCONNECT, which is no good end then.")
def will_on_prolonging(s):
    watched(s)
    s.send("a", s.bye("a", properties=[prop("Session Expiry Interval", 5)]))
    s.thrown_out("a", "0x82", shows="DR-8")
    s.gets("b", "w", b"will", shows="DR-8")


@scene(FILE, "5.0", "What the will says of its payload is in the message; User Properties keep their order.")
def will_properties(s):
    pairs = [prop("User Property", pair) for pair in (["b", "1"], ["a", "2"], ["b", "3"])]
    others = [prop("Payload Format Indicator", 1), prop("Content Type", "text/plain")]
    others += [prop("Response Topic", "{run}/r"), prop("Correlation Data", b"\x00\xff")]
    s.subscribe("b", "w")
    s.connect("a", will=s.will(properties=[*others, *pairs]))
    s.cut("a")
    shows = "5:3.1.3-10 5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20"
    s.gets("b", "w", b"will", properties=others + pairs, shows=shows)


@scene(FILE, "5.0", "The lifetime of a will begins when it is published.")
def will_expiry(s):
    s.subscribe("b", "w")
    s.connect(
        "a",
        clean=False,
        expiry=30,
        will=s.will(properties=[prop("Message Expiry Interval", 1), prop("Will Delay Interval", 2)]),
    )
    s.cut("a")
    s.wait(1.5)
    s.gets(
        "b",
        "w",
        b"will",
        properties=[{"name": "Message Expiry Interval", "value": {"from": 0, "to": 1}}],
        shows="5:3.1.2-8 5:3.3.2-6",
    )

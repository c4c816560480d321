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
    s.connect("a", clean=False, present=True)
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
    s.connect("a", clean=False, present=True)
    s.cut("a")
    s.nothing("b", shows="3:3.1.2-12 5:3.1.2-10")


@scene(FILE, BOTH, "A retained will goes to subscribers of now without, and to those to come with RETAIN.")
def will_retained(s):
    s.subscribe("b", "w")
    s.connect("a", will=s.will(retain=True))
    s.cut("a")
    s.gets("b", "w", b"will", shows="3:3.3.1-9 5:3.3.1-12")
    s.subscribe("c", "w")
    s.gets("c", "w", b"will", retain=True, shows="3:3.1.2-17 5:3.1.2-15")


@scene(FILE, BOTH, "A retained will without payload removes what was retained.")
def will_retained_empty(s):
    s.publish("b", "w", retain=True, qos=1)
    s.subscribe("b", "w")
    s.gets("b", "w", retain=True)
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

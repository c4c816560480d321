"""WebSocket: what MQTT asks of it, and what it does not."""

from ..scene import scene

BOTH = "3.1.1 5.0"
FILE = "transport/websocket"
WEB = "websocket"
SPLIT = "3:6.0.0-2 5:6.0.0-2"


@scene(FILE, BOTH, "The server selects the subprotocol mqtt.")
def web_subprotocol(s):
    s.open("a", WEB, offers=["mqtt"], selects="mqtt", shows="3:6.0.0-4 5:6.0.0-4")
    s.send("a", s.hello("a"))
    s.expect("a", s.welcome("a"))


@scene(FILE, BOTH, "The server selects the subprotocol mqtt among others.")
def web_subprotocol_among_others(s):
    s.open("a", WEB, offers=["chat", "mqtt", "soap"], selects="mqtt", shows="3:6.0.0-4 5:6.0.0-4")
    s.send("a", s.hello("a"))
    s.expect("a", s.welcome("a"))


@scene(FILE, BOTH, "A frame of text ends the connection.")
def web_text_frame(s):
    s.connect("a", kind=WEB)
    s.send("a", s.packet("a", "PINGREQ"), frames="text")
    s.thrown_out("a", "0x81", "0x82", "0x80", "0x83", shows="3:6.0.0-1 5:6.0.0-1")


@scene(FILE, BOTH, "CONNECT in a frame of text ends the connection.")
def web_text_frame_first(s):
    s.open("a", WEB)
    s.send("a", s.hello("a"), frames="text")
    s.closed("a", shows="3:6.0.0-1 5:6.0.0-1")


@scene(FILE, BOTH, "The will of a client that sends a frame of text is published.")
def web_text_frame_will(s):
    s.subscribe("b", "w")
    s.connect("a", kind=WEB, will=s.will())
    s.send("a", s.packet("a", "PINGREQ"), frames="text")
    s.thrown_out("a", "0x81", "0x82", "0x80", "0x83", shows="3:6.0.0-1 5:6.0.0-1")
    s.gets("b", "w", b"will", shows="3:3.1.2-8 5:3.1.2-8")


def split(how, name, says):
    def script(s):
        s.open("a", WEB)
        s.send("a", s.hello("a"), frames=how)
        s.expect("a", s.welcome("a"), shows=SPLIT)
        s.send("a", s.packet("a", "SUBSCRIBE", packet_id=1, filters=[s.filter("a", "t", 1)]), frames=how)
        s.expect("a", s.granted("a", 1, 1), shows=SPLIT)
        s.send("a", s.published("a", "t", b"0123456789", 1, id=2), frames=how)
        id = s.name()
        s.unordered("a", s.acked("a", "PUBACK", 2), s.message("a", "t", b"0123456789", 1, id=id), shows=SPLIT)
        s.send("a", s.ack("a", "PUBACK", {"id": id}), frames=how)

    script.__name__ = name
    scene(FILE, BOTH, says)(script)


split("bytes", "web_frame_for_each_byte", "A packet may be split over frames.")
split("fragments", "web_fragment_for_each_byte", "A packet may be one message of many fragments.")


@scene(FILE, BOTH, "A frame may hold several packets.")
def web_several_packets(s):
    s.open("a", WEB)
    subscribe = s.packet("a", "SUBSCRIBE", packet_id=1, filters=[s.filter("a", "t")])
    s.send(
        "a", s.hello("a"), subscribe, *[s.published("a", "t", b"%d" % n) for n in range(3)], s.packet("a", "PINGREQ")
    )
    s.expect("a", s.welcome("a"), shows=SPLIT)
    messages = [s.message("a", "t", b"%d" % number) for number in range(3)]
    s.unordered("a", s.granted("a", 1, 0), *messages, {"type": "PINGRESP"}, shows=SPLIT)


@scene(FILE, BOTH, "Frames may end anywhere: packets and a half in one, and the rest of it in others.")
def web_packets_across_frames(s):
    s.connect("a", kind=WEB)
    s.subscribe("a", "t")
    for how in ("fragments", "bytes"):
        packets = [s.published("a", "t", b"%d" % number * 20) for number in range(4)]
        s.send("a", *packets, s.packet("a", "PINGREQ"), frames=how)
        messages = [s.message("a", "t", b"%d" % number * 20) for number in range(4)]
        s.unordered("a", *messages, {"type": "PINGRESP"}, shows=SPLIT)


@scene(FILE, BOTH, "Clients over WebSocket and over TCP share topics; large messages go both ways.")
def web_beside_tcp(s):
    s.connect("a", kind=WEB)
    s.connect("b")
    for name in "ab":
        s.subscribe(name, ("t", 1))
    payload = bytes(range(256)) + b"x" * 70_000 + b"end"
    for name, other in ("ab", "ba"):
        s.send(name, s.published(name, "t", payload, 1, id=9))
        id = s.name()
        s.unordered(name, s.acked(name, "PUBACK", 9), s.message(name, "t", payload, 1, id=id))
        s.finish(name, id, 1)
        s.gets(other, "t", payload, 1, shows="3:6.0.0-1 5:6.0.0-1")


@scene(FILE, BOTH, "A session goes on from one transport to the other.")
def web_session_goes_on_over_tcp(s):
    s.connect("a", clean=False, kind=WEB)
    s.subscribe("a", ("t", 1))
    s.cut("a")
    s.publish("b", "t", qos=1)
    s.connect("a", clean=False, present=True)
    s.gets("a", "t", qos=1, shows="3:3.1.2-5 5:4.5.0-1")

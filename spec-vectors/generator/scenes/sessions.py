"""Sessions: how long they last, and to whom they belong."""

from ..packets import prop
from ..scene import scene

BOTH = "3.1.1 5.0"
FILE = "broker/sessions"
SESSION = "Session Expiry Interval"


@scene(FILE, BOTH, "A client that connects once more takes the place of its older connection.")
def taken_over(s):
    s.connect("a")
    s.subscribe("a", "t")
    s.open("b")
    s.send("b", s.hello("b", client="{run}a"))
    s.expect("b", s.welcome("b"))
    s.thrown_out("a", "0x8E", shows="3:3.1.4-2 5:3.1.4-3", told=True)
    s.publish("c", "t", qos=1)
    s.nothing("b")
    s.subscribe("b", "t")
    s.publish("c", "t", qos=1)
    s.gets("b", "t")


@scene(FILE, BOTH, "Taking over goes on with the session.")
def taken_over_with_session(s):
    s.connect("a", clean=False)
    s.subscribe("a", ("t", 1))
    s.publish("c", "t", qos=1)
    id = s.gets("a", "t", qos=1, finish=False)
    s.open("b")
    s.send("b", s.hello("b", clean=False, client="{run}a"))
    s.expect("b", s.welcome("b", present=True))
    s.gets("b", "t", qos=1, dup=True, id=id, shows="3:4.4.0-1 5:4.4.0-1")
    s.thrown_out("a", "0x8E", shows="3:3.1.4-2 5:3.1.4-3", told=True)
    s.publish("c", "t", b"new", qos=1)
    s.gets("b", "t", b"new", qos=1)


@scene(FILE, BOTH, "The client identifier is the whole text, of upper and lower case.")
def client_id_compared(s):
    for name, client in (("a", "{run}x"), ("b", "{run}X"), ("c", "{run}x1")):
        s.connect(name, client=client)
    for name in "abc":
        s.send(name, s.packet(name, "PINGREQ"))
        s.expect(name, {"type": "PINGRESP"}, shows="3:3.1.4-2 5:3.1.4-3")


@scene(FILE, "5.0", "A client without an identifier is given one that no other client has, and may use it.")
def client_id_assigned(s):
    names = ["a", "b", "c", "d"]
    for number, name in enumerate(names):
        s.open(name)
        s.send(name, s.hello(name, client="", expiry=30))
        unlike = [f"c{other}" for other in range(number)]
        value = {"id": f"c{number}", **({"unlike": unlike} if unlike else {})}
        assigned = {"name": "Assigned Client Identifier", "value": value}
        s.expect(name, s.welcome(name, properties=[assigned]), shows="5:3.2.2-16 5:3.1.3-6 5:3.1.3-7")
    s.subscribe("a", ("t", 1))
    s.cut("a")
    s.publish("b", "t", qos=1)
    s.open("a")
    s.send("a", s.hello("a", clean=False, client={"id": "c0"}))
    s.expect("a", s.welcome("a", present=True), shows="5:3.2.2-16")
    s.gets("a", "t", qos=1)
    for name in names:
        s.leave(name, properties=[prop(SESSION, 0)])


@scene(FILE, "3.1.1", "Clients without an identifier have a session each.")
def client_id_empty(s):
    for name in "ab":
        s.connect(name, client="", shows="3:3.1.3-6")
        s.subscribe(name, f"t{name}")
    for name in "ab":
        s.publish("c", f"t{name}", qos=1)
        s.gets(name, f"t{name}", shows="3:3.1.3-6")


@scene(FILE, BOTH, "A session keeps its subscriptions; a clean start ends it, and what waits in it.")
def session_clean_start(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 1))
    s.leave("b")
    s.publish("a", "t", b"1", qos=1)
    s.connect("b", shows="3:3.2.2-1 5:3.2.2-2")
    s.nothing("b", shows="3:3.1.2-6 5:3.1.2-4")
    s.publish("a", "t", b"2", qos=1)
    s.nothing("b", shows="3:3.1.2-6 5:3.1.2-4")
    s.leave("b")
    s.connect("b", clean=False, present=False, shows="3:3.2.2-1 3:3.2.2-3 5:3.1.2-6 5:3.2.2-3")


@scene(FILE, BOTH, "A message of QoS 2 of a client goes on in its next connection.")
def session_exchange_goes_on(s):
    s.connect("a", clean=False)
    s.subscribe("b", ("t", 2))
    s.send("a", s.published("a", "t", qos=2, id=7))
    s.expect("a", s.acked("a", "PUBREC", 7))
    s.cut("a")
    s.connect("a", clean=False, present=True)
    s.send("a", s.ack("a", "PUBREL", 7))
    s.expect("a", s.acked("a", "PUBCOMP", 7), shows="3:4.3.3-2 5:4.3.3-11")
    s.gets("b", "t", qos=2, shows="3:4.5.0-1 5:4.5.0-1")


@scene(FILE, BOTH, "A PUBREL for a client comes again in its next connection.")
def session_release_comes_again(s):
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 2))
    s.publish("a", "t", qos=2)
    id = s.gets("b", "t", qos=2, finish=False)
    s.send("b", s.ack("b", "PUBREC", {"id": id}))
    s.expect("b", s.acked("b", "PUBREL", {"id": id}))
    s.cut("b")
    s.connect("b", clean=False, present=True)
    s.expect("b", s.acked("b", "PUBREL", {"id": id}), shows="3:4.4.0-1 5:4.4.0-1")
    s.send("b", s.ack("b", "PUBCOMP", {"id": id}))


@scene(FILE, "5.0", "A session goes on with an older version, and back; what is on its way stays the same message.")
def session_of_another_version(s):
    properties = [prop("Content Type", "c")]
    s.connect("b", clean=False)
    s.subscribe("b", ("t", 2))
    s.publish("a", "t", qos=2, properties=properties)
    id = s.gets("b", "t", qos=2, finish=False, properties=properties)
    for version, wanted in (("3.1.1", []), ("5.0", properties)):
        s.cut("b")
        s.connect("b", clean=False, present=True, version=version)
        s.gets("b", "t", qos=2, dup=True, id=id, finish=False, shows="5:4.4.0-1", properties=wanted)
    s.finish("b", id, 2)
    s.leave("b", properties=[prop(SESSION, 0)])


# 5.0 only: how long a session lasts.


@scene(FILE, "5.0", "A session lasts as long as it was asked for.")
def session_expiry(s):
    for name, seconds in (("a", 1), ("b", 30)):
        s.connect(name, clean=False, expiry=seconds)
        s.cut(name)
    s.wait(2.5)
    s.connect("a", clean=False, present=False, shows="5:3.1.2-6 5:3.2.2-3")
    s.connect("b", clean=False, present=True, shows="5:3.1.2-5 5:3.2.2-2")


@scene(FILE, "5.0", "A session without an interval ends with its connection.")
def session_expiry_absent(s):
    s.connect("a", clean=False, expiry=0)
    s.subscribe("a", ("t", 1))
    s.cut("a")
    s.connect("a", clean=False, present=False, shows="5:3.1.2-6 5:3.2.2-3")


@scene(FILE, "5.0", "The time of a session counts from the end of its connection, and each CONNECT sets it anew.")
def session_expiry_counts_from_the_end(s):
    s.connect("a", clean=False, expiry=2)
    s.wait(2.5)
    s.cut("a")
    s.connect("a", clean=False, expiry=30, present=True, shows="5:3.1.2-5")
    s.cut("a")
    s.wait(2.5)
    s.connect("a", clean=False, present=True, shows="5:3.1.2-5")


@scene(FILE, "5.0", "DISCONNECT can end the session.")
def session_expiry_ended_by_disconnect(s):
    s.connect("a", clean=False, expiry=30)
    s.subscribe("a", ("t", 1))
    s.leave("a", properties=[prop(SESSION, 0)])
    s.publish("b", "t", qos=1)
    s.connect("a", clean=False, present=False, shows="5:3.1.2-6 5:3.2.2-3")
    s.nothing("a", seconds=0.2)


@scene(FILE, "5.0", "DISCONNECT can make the session shorter, or longer.")
def session_expiry_changed_by_disconnect(s):
    s.connect("a", clean=False, expiry=30)
    s.leave("a", properties=[prop(SESSION, 1)])
    s.connect("b", clean=False, expiry=1)
    s.leave("b", properties=[prop(SESSION, 30)])
    s.wait(2.5)
    s.connect("a", clean=False, present=False, shows="5:3.1.2-6 5:3.2.2-3")
    s.connect("b", clean=False, present=True, shows="5:3.1.2-5")


@scene(FILE, "5.0", "The subscriptions of a session that has ended get nothing any more.")
def session_expiry_ends_subscriptions(s):
    s.connect("a", clean=False, expiry=1)
    s.subscribe("a", ("t", 1))
    s.publish("b", "t", b"1", qos=1)
    s.gets("a", "t", b"1", qos=1, finish=False)
    s.cut("a")
    s.wait(2.5)
    s.publish("b", "t", b"2", qos=1)
    s.connect("a", clean=False, present=False, shows="5:3.1.2-6")
    s.nothing("a", shows="5:3.1.2-6")

"""Messages from one client to another."""

from driver import Message, equal
from relay import PINGREQ
from scenario import scenario

QOS = (0, 1, 2)


@scenario(each={f"{sent} to {granted}": (sent, granted) for sent in QOS for granted in QOS}, tls=True)
def qos(world, sent, granted):
    subscriber = world.connected()
    equal(subscriber.subscribe(world.topic(), granted), granted, "granted QoS")
    publisher = world.connected()
    reasons = publisher.publish(Message(world.topic(), b"\x00\xff binary", sent))
    equal([reason < 0x80 for reason in reasons], [True], "acknowledged")
    message = subscriber.next()
    equal(message, Message(world.topic(), b"\x00\xff binary", min(sent, granted)), "message")
    subscriber.expect_none()


@scenario()
def empty_payload(world):
    subscriber = world.subscriber()
    world.connected().publish(Message(world.topic(), b"", 1), Message(world.topic(), b"next", 1))
    subscriber.expect(b"", b"next")


@scenario()
def topics_in_utf_8(world):
    topic = world.topic("Dachboden/°C/温度/🌡")
    subscriber = world.subscriber(topic)
    world.connected().publish(Message(topic, "24 °C".encode(), 1))
    equal(subscriber.next().topic, topic, "topic")


@scenario()
def wildcards(world):
    one, all_below = world.subscriber(world.topic("+/state")), world.subscriber(world.topic("#"))
    publisher = world.connected()
    for name in ("attic/state", "attic/lamp/state", "cellar/state", "cellar"):
        publisher.publish(Message(world.topic(name), name.encode(), 1))
    one.expect(b"attic/state", b"cellar/state")
    all_below.expect(b"attic/state", b"attic/lamp/state", b"cellar/state", b"cellar")
    one.expect_none()


@scenario(needs="subscriptions")
def unsubscribe(world):
    subscriber = world.subscriber(world.topic("left"))
    subscriber.subscribe(world.topic("kept"), 1)
    subscriber.unsubscribe(world.topic("left"))
    world.connected().publish(Message(world.topic("left"), b"left", 1), Message(world.topic("kept"), b"kept", 1))
    subscriber.expect(b"kept")


@scenario(needs="subscriptions unsubscribe_reasons", versions=("5.0",))
def unsubscribe_from_nothing(world):
    equal(world.connected().unsubscribe(world.topic()), [0x11], "reason codes")


@scenario(needs="subscriptions")
def a_second_subscription_replaces_the_first(world):
    subscriber = world.subscriber(qos=2)
    equal(subscriber.subscribe(world.topic(), 0), 0, "granted QoS")
    world.connected().publish(Message(world.topic(), b"once", 2))
    equal(subscriber.expect(b"once")[0].qos, 0, "QoS")
    subscriber.expect_none()


@scenario()
def a_client_hears_itself(world):
    client = world.subscriber()
    client.publish(Message(world.topic(), b"echo", 1))
    client.expect(b"echo")


@scenario(needs="no_local", versions=("5.0",))
def no_local(world):
    client = world.connected()
    client.subscribe(world.topic(), 1, no_local=True)
    client.publish(Message(world.topic(), b"own", 1))
    world.connected().publish(Message(world.topic(), b"other", 1))
    client.expect(b"other")


@scenario(needs="takeover")
def takeover(world):
    first = world.connected()
    second = world.client()
    second.connect(client_id=first.name)
    first.wait_closed()
    second.subscribe(world.topic(), 1)
    second.publish(Message(world.topic(), b"here", 1))
    second.expect(b"here")


@scenario(needs="takeover disconnect_reason", versions=("5.0",))
def takeover_is_told(world):
    first = world.connected()
    world.client().connect(client_id=first.name)
    equal(first.wait_closed(), 0x8E, "reason code of the DISCONNECT")


@scenario(needs="manual_ack")
def acknowledged_by_hand(world):
    subscriber = world.subscriber(qos=1, manual_ack=True, properties={"receive_maximum": 1} if world.is_5 else {})
    world.connected().publish(*(Message(world.topic(), payload, 1) for payload in (b"1", b"2")))
    subscriber.expect(b"1")
    if world.is_5:
        subscriber.expect_none()
    subscriber.call("ack")
    subscriber.expect(b"2")
    subscriber.call("ack")


@scenario(needs="ping")
def keep_alive(world):
    client = world.connected(relay=True, keep_alive=2)
    client.expect_none(4)
    client.subscribe(world.topic(), 0)
    equal(PINGREQ in (first >> 4 for _, first, _ in client.relay.packets), True, "a ping")

"""Retained messages."""

from driver import Message, equal
from scenario import scenario


@scenario(needs="retain", each={str(qos): (qos,) for qos in (0, 1, 2)})
def retained_at_qos(world, qos):
    publisher = world.connected()
    publisher.publish(Message(world.topic(), b"first", qos, retain=True))
    publisher.publish(Message(world.topic(), b"second", qos, retain=True))
    # At QoS 0 nobody says that the broker has them.
    publisher.publish(Message(world.topic("marker"), b"", 1))
    subscriber = world.subscriber()
    [message] = subscriber.expect(b"second")
    equal((message.qos, message.retain), (qos, True), "QoS and retain")
    subscriber.expect_none()


@scenario(needs="retain")
def retained_is_cleared_by_an_empty_payload(world):
    publisher = world.connected()
    publisher.publish(Message(world.topic(), b"old", 1, retain=True))
    early = world.subscriber()
    early.expect(b"old")
    publisher.publish(Message(world.topic(), b"", 1, retain=True))
    [cleared] = early.expect(b"")
    equal(cleared.retain, False, "retain of what comes while subscribed")
    late = world.subscriber()
    late.expect_none()


@scenario(needs="retain")
def retained_by_wildcard(world):
    publisher = world.connected()
    publisher.publish(*(Message(world.topic(name), name.encode(), 1, retain=True) for name in ("a/x", "a/y", "b/x")))
    subscriber = world.subscriber(world.topic("+/x"))
    equal(sorted(subscriber.next().payload for _ in range(2)), [b"a/x", b"b/x"], "payloads")
    subscriber.expect_none()


@scenario(needs="retain")
def live_messages_are_not_marked_as_retained(world):
    subscriber = world.subscriber()
    world.connected().publish(Message(world.topic(), b"live", 1, retain=True))
    equal(subscriber.expect(b"live")[0].retain, False, "retain")


@scenario(needs="retain retain_as_published", versions=("5.0",))
def retain_as_published(world):
    subscriber = world.connected()
    subscriber.subscribe(world.topic(), 1, retain_as_published=True)
    world.connected().publish(Message(world.topic(), b"yes", 1, retain=True), Message(world.topic(), b"no", 1))
    equal([message.retain for message in subscriber.expect(b"yes", b"no")], [True, False], "retain")


@scenario(needs="retain retain_handling subscriptions", versions=("5.0",), each={"0": (0, 2), "1": (1, 1), "2": (2, 0)})
def retain_handling(world, handling, times):
    """Subscribed twice, a retained message comes both times, the first time, or not at all."""
    world.connected().publish(Message(world.topic(), b"kept", 1, retain=True))
    subscriber = world.connected()
    for _ in range(2):
        subscriber.subscribe(world.topic(), 1, retain_handling=handling)
    subscriber.expect(*[b"kept"] * times)
    subscriber.expect_none()

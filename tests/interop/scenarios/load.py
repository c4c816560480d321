"""Large messages, and many."""

import hashlib

from driver import Message, equal
from relay import PUBACK, PUBCOMP, PUBLISH
from scenario import scenario

MANY = 1000


def data(size):
    """Bytes that are not the same everywhere."""
    return hashlib.shake_128(b"interop").digest(size)


@scenario(needs="large", each={str(qos): (qos,) for qos in (0, 1, 2)}, tls=True)
def a_megabyte_at_qos(world, qos):
    large(world, 1_000_000, qos)


@scenario(needs="large very_large", tls=True)
def more_than_two_mib(world):
    # More than three bytes of Remaining Length can say.
    large(world, (2 << 20) + 12_345, 1)


def large(world, size, qos):
    subscriber = world.subscriber()
    publisher = world.connected()
    publisher.publish(Message(world.topic(), data(size), qos))
    payload = subscriber.next().payload
    equal(len(payload), size, "bytes")
    equal(payload == data(size), True, "the same bytes")
    publisher.publish(Message(world.topic(), b"end", qos))
    subscriber.expect(b"end")


@scenario(needs="many", each={str(qos): (qos,) for qos in (0, 1, 2)}, tls=True)
def a_thousand_in_order_at_qos(world, qos):
    subscriber = world.subscriber(properties={"receive_maximum": MANY} if world.is_5 else {})
    payloads = [b"%d" % n for n in range(MANY)]
    world.connected().publish(*(Message(world.topic(), payload, qos) for payload in payloads))
    subscriber.expect(*payloads)
    subscriber.expect_none()


@scenario(needs="many receive_maximum", versions=("5.0",), each={str(qos): (qos,) for qos in (1, 2)})
def receive_maximum_at_qos(world, qos):
    subscriber = world.subscriber(relay=True, properties={"receive_maximum": 5})
    payloads = [b"%d" % n for n in range(200)]
    world.connected().publish(*(Message(world.topic(), payload, qos) for payload in payloads))
    subscriber.expect(*payloads)
    unacknowledged = most = 0
    for sender, first, _ in subscriber.relay.packets:
        unacknowledged += ((sender, first >> 4) == ("server", PUBLISH)) - (first >> 4 in (PUBACK, PUBCOMP))
        most = max(most, unacknowledged)
    equal(most <= 5, True, f"{most} unacknowledged messages at most, not more than 5")

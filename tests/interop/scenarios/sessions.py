"""Sessions that outlive their connections, and what is in flight when a link is cut."""

import time

from driver import Message, equal, result
from relay import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from scenario import scenario

# A link can be cut in place of each packet of an exchange.
AT_LEAST_ONCE = {"PUBLISH": PUBLISH, "PUBACK": PUBACK}
EXACTLY_ONCE = {"PUBLISH": PUBLISH, "PUBREC": PUBREC, "PUBREL": PUBREL, "PUBCOMP": PUBCOMP}
RELEASES = {PUBLISH: True, PUBACK: False, PUBREC: False, PUBREL: True, PUBCOMP: False}


def cuts(exchange):
    return {f"without {name}": (packet,) for name, packet in exchange.items()}


def resume(world, client):
    """Comes back to the session."""
    present = client.connect(session=True)["session_present"]
    if present is not None and world.version != "3.1":  # which does not tell
        equal(present, True, "session present")


@scenario(needs="session", each={str(qos): (qos,) for qos in (1, 2)})
def messages_wait_for_a_client_that_is_away(world, qos):
    client = world.client()
    client.connect(session=True)
    client.subscribe(world.topic(), qos)
    client.disconnect()
    payloads = [b"%d" % n for n in range(20)]
    world.connected().publish(*(Message(world.topic(), payload, qos) for payload in payloads))
    resume(world, client)
    equal({message.qos for message in client.expect(*payloads)}, {qos}, "QoS")
    client.expect_none()


@scenario(needs="session session_present")
def a_clean_start_forgets_the_session(world):
    client = world.subscriber(session=True)
    client.disconnect()
    world.connected().publish(Message(world.topic(), b"lost", 1))
    equal(client.connect()["session_present"], False, "session present")
    world.connected().publish(Message(world.topic(), b"not subscribed", 1))
    client.expect_none()


@scenario(needs="session session_present", versions=("5.0",))
def a_session_expires(world):
    client = world.subscriber(session=True, properties={"session_expiry_interval": 1})
    client.disconnect()
    client.expect_none(2.5)
    equal(client.connect(session=True)["session_present"], False, "session present")


@scenario(needs="session resend", each=cuts(AT_LEAST_ONCE))
def published_at_least_once(world, packet):
    """A publisher whose link is cut sends its message again."""
    watcher = world.subscriber()
    publish_through_a_cut(world, 1, packet)
    watcher.expect(b"cut")
    if packet == PUBACK:
        watcher.expect(b"cut")
    watcher.expect(b"end")


@scenario(needs="session resend", each=cuts(EXACTLY_ONCE))
def published_exactly_once(world, packet):
    watcher = world.subscriber()
    publish_through_a_cut(world, 2, packet)
    watcher.expect(b"cut", b"end")
    watcher.expect_none()


def publish_through_a_cut(world, qos, packet):
    publisher = world.client(relay=True)
    publisher.connect(session=True)
    publisher.relay.cut_at("client" if RELEASES[packet] else "server", packet)
    answer = publisher.start_publish(Message(world.topic(), b"cut", qos))
    publisher.wait_closed()
    resume(world, publisher)
    result(answer, "the message was not acknowledged")
    publisher.publish(Message(world.topic(), b"end", qos))


@scenario(needs="session", each=cuts(AT_LEAST_ONCE))
def received_at_least_once(world, packet):
    """To a subscriber whose link is cut the message is sent again."""
    messages = receive_through_a_cut(world, 1, packet)
    expected = [b"cut", b"cut", b"end"] if packet == PUBACK else [b"cut", b"end"]
    equal(messages, expected, "payloads")


@scenario(needs="session receives_once", each=cuts(EXACTLY_ONCE))
def received_exactly_once(world, packet):
    equal(receive_through_a_cut(world, 2, packet), [b"cut", b"end"], "payloads")


def receive_through_a_cut(world, qos, packet):
    subscriber = world.subscriber(qos=qos, relay=True, session=True)
    subscriber.relay.cut_at("server" if RELEASES[packet] else "client", packet)
    publisher = world.connected()
    publisher.publish(Message(world.topic(), b"cut", qos))
    subscriber.wait_closed()
    resume(world, subscriber)
    # What comes while aedes still sends what waited comes twice, seldom enough.
    time.sleep(0.3 if world.broker.name == "aedes" else 0)
    publisher.publish(Message(world.topic(), b"end", qos))
    payloads = []
    while payloads[-1:] != [b"end"]:
        payloads.append(subscriber.next().payload)
    subscriber.expect_none()
    return payloads

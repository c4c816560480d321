"""What 5.0 adds to messages and connections."""

import time

from driver import Message, equal
from relay import PUBLISH
from scenario import scenario

ONLY_5 = ("5.0",)


@scenario(needs="properties", versions=ONLY_5)
def properties_from_end_to_end(world):
    properties = {
        "payload_format_indicator": 1,
        "content_type": "text/plain; charset=utf-8",
        "response_topic": world.topic("answer"),
        "correlation_data": b"request 7",
        "user_property": [["unit", "°C"], ["unit", "K"]],
    }
    subscriber = world.subscriber()
    for qos in (0, 1, 2):
        world.connected().publish(Message(world.topic(), "24 °C".encode(), qos, properties=properties))
        equal(subscriber.next().properties, properties, f"properties at QoS {qos}")


@scenario(needs="properties binary_correlation_data", versions=ONLY_5)
def properties_with_odd_values(world):
    properties = {"correlation_data": bytes(range(256)), "content_type": "", "user_property": [["", ""], ["", "°"]]}
    subscriber = world.subscriber()
    world.connected().publish(Message(world.topic(), b"", 1, properties=properties))
    equal(subscriber.next().properties, properties, "properties")


@scenario(needs="properties order_of_user_properties", versions=ONLY_5)
def user_properties_in_order(world):
    properties = {"user_property": [["b", "1"], ["a", "2"], ["b", "3"]]}
    subscriber = world.subscriber()
    world.connected().publish(Message(world.topic(), b"", 1, properties=properties))
    equal(subscriber.next().properties, properties, "properties")


@scenario(needs="properties", versions=ONLY_5)
def between_versions(world):
    old, new = world.subscriber(version="3.1.1"), world.subscriber()
    properties = {"content_type": "text/plain", "user_property": [["unit", "°C"]]}
    message = Message(world.topic(), b"24", 1, properties=properties)
    world.connected().publish(message)
    equal((old.next(), new.next()), (Message(world.topic(), b"24", 1), message), "messages from 5.0")
    message = Message(world.topic(), b"24", 2)
    world.connected(version="3.1.1").publish(message)
    equal((old.next(), new.next()), (message, message), "messages from 3.1.1")


@scenario(needs="properties session", versions=ONLY_5)
def message_expiry_is_counted_down(world):
    subscriber = world.subscriber(session=True)
    subscriber.disconnect()
    lasting, short = ({"message_expiry_interval": seconds} for seconds in (100, 1))
    world.connected().publish(
        Message(world.topic(), b"lasting", 1, properties=lasting), Message(world.topic(), b"short", 1, properties=short)
    )
    time.sleep(2.2)
    subscriber.connect(session=True)
    [message] = subscriber.expect(b"lasting")
    left = message.properties.get("message_expiry_interval")
    equal(90 <= left <= 98, True, f"{left} seconds left, about 98")
    subscriber.expect_none()


@scenario(needs="properties retain", versions=ONLY_5)
def retained_messages_expire(world):
    expiry = {"message_expiry_interval": 1}
    world.connected().publish(Message(world.topic(), b"short", 1, retain=True, properties=expiry))
    time.sleep(2.2)
    world.subscriber().expect_none()


@scenario(needs="subscription_identifier subscriptions", versions=ONLY_5)
def subscription_identifiers(world):
    subscriber = world.connected()
    subscriber.subscribe(world.topic("a"), 1, properties={"subscription_identifier": 1})
    subscriber.subscribe(world.topic("b"), 1, properties={"subscription_identifier": 268_435_455})
    subscriber.subscribe(world.topic("c"), 1)
    world.connected().publish(*(Message(world.topic(name), name.encode(), 1) for name in "abc"))
    found = [message.properties.get("subscription_identifier") for message in subscriber.expect(b"a", b"b", b"c")]
    equal(found, [[1], [268_435_455], None], "subscription identifiers")


@scenario(needs="properties retain subscription_identifier", versions=ONLY_5)
def subscription_identifier_of_a_retained_message(world):
    world.connected().publish(Message(world.topic(), b"kept", 1, retain=True))
    subscriber = world.connected()
    subscriber.subscribe(world.topic(), 1, properties={"subscription_identifier": 7})
    equal(subscriber.expect(b"kept")[0].properties, {"subscription_identifier": [7]}, "properties")


@scenario(needs="shared", versions=ONLY_5)
def shared_subscription(world):
    workers = [world.subscriber(f"$share/group/{world.topic()}") for _ in range(2)]
    payloads = {b"%d" % n for n in range(20)}
    world.connected().publish(*(Message(world.topic(), payload, 1) for payload in payloads))
    shares = []
    for worker in workers:
        time.sleep(0.3)
        shares.append([worker.next().payload for _ in range(worker.messages.qsize())])
    equal(sorted(shares[0] + shares[1]), sorted(payloads), "payloads")


@scenario(needs="aliases_out", versions=ONLY_5)
def topic_aliases_to_the_broker(world):
    subscriber = world.subscriber(world.topic("#"))
    publisher = world.connected(relay=True, aliases=True)
    topics = [world.topic(name) for name in "abcabc"]
    publisher.publish(*(Message(topic, b"", 1) for topic in topics))
    equal([subscriber.next().topic for _ in topics], topics, "topics")
    equal(without_topic(publisher, "client"), 3, "messages without a topic name")


@scenario(needs="aliases_in broker_aliases", versions=ONLY_5)
def topic_aliases_from_the_broker(world):
    subscriber = world.subscriber(world.topic("#"), relay=True, properties={"topic_alias_maximum": 10})
    topics = [world.topic(name) for name in "abcabc"]
    world.connected().publish(*(Message(topic, b"", 1) for topic in topics))
    equal([subscriber.next().topic for _ in topics], topics, "topics")
    equal(without_topic(subscriber, "server"), 3, "messages without a topic name")


def without_topic(client, sender):
    packets = client.relay.packets
    return sum(1 for who, first, body in packets if who == sender and first >> 4 == PUBLISH and body[:2] == b"\0\0")


@scenario(needs="assigned_identifier", versions=ONLY_5)
def assigned_client_identifier(world):
    connack = world.client().connect(client_id="")
    equal(bool(connack["properties"].get("assigned_client_identifier")), True, "an identifier")


@scenario(needs="assigned_identifier", versions=("3.1.1",))
def client_without_an_identifier(world):
    client = world.client()
    client.connect(client_id="")
    client.subscribe(world.topic(), 1)
    client.publish(Message(world.topic(), b"me", 1))
    client.expect(b"me")


@scenario(needs="connack_properties server_keep_alive", versions=ONLY_5)
def server_keep_alive(world):
    connack = world.client().connect(keep_alive=60_000)
    equal(connack["properties"].get("server_keep_alive"), world.broker.max_keep_alive, "server keep alive")


@scenario(needs="maximum_packet_size", versions=ONLY_5)
def messages_beyond_the_maximum_packet_size_are_left_out(world):
    subscriber = world.subscriber(properties={"maximum_packet_size": 200})
    world.connected().publish(Message(world.topic(), bytes(300), 1), Message(world.topic(), b"small", 1))
    subscriber.expect(b"small")

"""The message that the broker publishes when a client is gone."""

import time

from driver import Failure, Message, equal
from scenario import scenario


def will(world, qos=1, **more):
    return Message(world.topic("will"), b"gone", qos, **more)


@scenario(needs="will", each={str(qos): (qos,) for qos in (0, 1, 2)})
def will_at_qos(world, qos):
    watcher = world.subscriber(world.topic("will"))
    world.connected(relay=True, will=will(world, qos)).cut()
    [message] = watcher.expect(b"gone")
    equal((message.qos, message.retain), (qos, False), "QoS and retain")


@scenario(needs="will disconnect")
def no_will_after_disconnect(world):
    watcher = world.subscriber(world.topic("will"))
    world.connected(will=will(world)).disconnect()
    watcher.expect_none()


@scenario(needs="will retain")
def retained_will(world):
    watcher = world.subscriber(world.topic("will"))
    world.connected(relay=True, will=will(world, retain=True)).cut()
    watcher.expect(b"gone")
    late = world.subscriber(world.topic("will"))
    equal(late.expect(b"gone")[0].retain, True, "retain")


@scenario(needs="will disconnect_with_will", versions=("5.0",))
def will_after_disconnect_with_will(world):
    watcher = world.subscriber(world.topic("will"))
    world.connected(will=will(world)).disconnect(reason=0x04)
    watcher.expect(b"gone")


@scenario(needs="will will_properties", versions=("5.0",))
def will_with_properties(world):
    properties = {
        "payload_format_indicator": 1,
        "content_type": "text/plain",
        "response_topic": world.topic("answer"),
        "correlation_data": b"last words",
        "user_property": [["why", "cut"], ["why", "really"]],
    }
    watcher = world.subscriber(world.topic("will"))
    world.connected(relay=True, will=will(world, properties=properties)).cut()
    equal(watcher.expect(b"gone")[0].properties, properties, "properties")


@scenario(needs="will will_delay session", versions=("5.0",))
def will_after_its_delay(world):
    watcher = world.subscriber(world.topic("will"))
    client = world.connected(relay=True, session=True, will=will(world, properties={"will_delay_interval": 2}))
    client.cut()
    cut = time.monotonic()
    [message] = watcher.expect(b"gone")
    equal(message.properties, {}, "properties")
    if (passed := time.monotonic() - cut) < 1:
        raise Failure(f"the will came {passed:.1f} s after the end instead of 2 s")


@scenario(needs="will will_delay session", versions=("5.0",))
def no_will_if_the_session_goes_on(world):
    watcher = world.subscriber(world.topic("will"))
    client = world.connected(relay=True, session=True, will=will(world, properties={"will_delay_interval": 2}))
    client.cut()
    client.connect(session=True)
    watcher.expect_none(3.3)

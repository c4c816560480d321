"""What the peers can't do, and what they do wrong. Each hole has its reason, and is shown in the summary."""

from fnmatch import fnmatchcase

# (peer, version): why there is nothing to try.
NOT_SPOKEN = {
    ("aedes", "5.0"): "it speaks 3.1 and 3.1.1",
    ("amqtt", "5.0"): "it speaks 3.1.1",
    ("amqtt", "3.1"): "it speaks 3.1.1",
    ("rumqttc", "3.1"): "it speaks 3.1.1 and 5.0",
}

# (peer, version): {what a scenario needs: why the peer has it not}. A peer is a client or a broker.
CANNOT = {
    ("tiny_broker", "*"): {
        "very_large": "it takes packets of 1 MiB, the default of the library",
        "shared": "it has no shared subscriptions, and says so",
        "server_keep_alive": "it takes any Keep Alive",
        "subscription_identifier": "it has no Subscription Identifiers, and says so",
    },
    ("broker", "*"): {
        "very_large": "it takes packets of 1 MiB, the default of the library",
        "shared": "it has no shared subscriptions, and says so",
        "server_keep_alive": "it takes any Keep Alive",
    },
    ("mosquitto", "*"): {
        "broker_aliases": "it sends no Topic Aliases",
    },
    ("amqtt", "*"): {
        "retain": "who connects gets retained messages of all topics that anybody subscribes to (3.3.1.3)",
        "session": "nothing is kept for clients that are away and have no user name [MQTT-3.1.2-5]",
        "takeover": "the first connection stays open [MQTT-3.1.4-2]",
    },
    ("paho", "*"): {
        "aliases_out": "it leaves Topic Aliases to the application",
        "aliases_in": "it leaves Topic Aliases to the application",
    },
    ("rumqttc", "*"): {
        "aliases_out": "it leaves Topic Aliases to the application",
        "aliases_in": "the application gets messages without a topic",
        "disconnect_with_will": "it gives no choice of the reason code",
    },
    ("rumqttc", "5.0"): {
        "ping": "its Keep Alive is 5 s at least, in 5.0",
    },
    ("mqtt.js", "*"): {
        "order_of_user_properties": "its User Properties are an object, which has no order between different names",
    },
    ("mosquitto_sub", "*"): {
        "subscriptions": "it subscribes once, as soon as it is connected",
        "no_local": "it has no option for that",
        "retain_handling": "it has no option for that",
        "manual_ack": "it acknowledges at once",
        "takeover": "it comes back at once",
        "ping": "its Keep Alive is 5 s at least",
        "session_present": "it does not print that",
        "connack_properties": "it does not print them",
        "assigned_identifier": "it makes up an identifier of its own",
        "resend": "mosquitto_pub has no session that goes on",
        "will_delay": "it comes back at once",
        "aliases_out": "mosquitto_pub sends one message and leaves",
        "aliases_in": "libmosquitto does not know the topics of aliases",
        "binary_correlation_data": "the command line is text",
    },
    ("mosquitto_sub", "5.0"): {
        "disconnect": "when it is stopped it sends Disconnect with Will Message",
    },
}

# (scenario, peer, version): why it fails. It is run, and has to fail.
WRONG = {
    ("qos 0 to [12]", "amqtt", "*"): "it sends at the QoS of the subscription, even if that is higher [MQTT-3.8.4-6]",
    ("qos 1 to 2", "amqtt", "*"): "it sends at the QoS of the subscription, even if that is higher [MQTT-3.8.4-6]",
    ("a second subscription *", "amqtt", "*"): "the first one stays [MQTT-3.8.4-3]",
    ("published *", "aedes", "3.1.1"): "no session is kept for a client that does not subscribe [MQTT-3.1.2-4]",
    ("messages wait *", "aedes", "3.1"): "its CONNACK says Session Present, which 3.1 does not know",
    ("received *", "aedes", "3.1"): "its CONNACK says Session Present, which 3.1 does not know",
    ("receive maximum *", "mosquitto", "5.0"): "it exceeds Receive Maximum when it empties its queue [MQTT-3.3.4-9]",
    ("takeover is told", "mosquitto", "5.0"): "it closes the connection without DISCONNECT [MQTT-3.1.4-3]",
    ("takeover is told", "paho", "5.0"): "it reads no reason code in a DISCONNECT without properties (3.14.2.1)",
    ("takeover is told", "rumqttc", "5.0"): "it takes a DISCONNECT without Property Length for malformed (3.14.2.2.1)",
    ("properties with odd values", "mqtt.js", "5.0"): "it leaves out a Content Type that is empty",
    ("published exactly once without PUBCOMP", "mqtt.js", "5.0"): "a PUBCOMP that says Packet Identifier not found is "
    "an error to it, even during recovery (3.7.2.1)",
    ("received exactly once without PUBREC", "rumqttc", "*"): "what comes again is delivered again [MQTT-4.3.3-10]",
    ("received exactly once without PUBREL", "rumqttc", "*"): "it forgets which messages a session has received (4.1)",
    ("received exactly once without PUBCOMP", "rumqttc", "*"): "it forgets which messages a session has received (4.1)",
}

# Their versions are the system's. If one works that is known not to, that is a newer one, and welcome.
OF_THE_SYSTEM = {"mosquitto", "mosquitto_sub"}


def not_spoken(client, broker, version):
    """Why there is nothing to try."""
    for peer in (client, broker):
        if why := NOT_SPOKEN.get((peer, version)):
            return f"{peer}: {why}"
    return None


def cannot(needs, peers, version):
    """Why a scenario that has these needs can't be tried with these peers."""
    for (peer, versions), holes in CANNOT.items():
        if peer in peers and fnmatchcase(version, versions):
            for need in sorted(needs & holes.keys()):
                return f"{peer}: {holes[need]}"
    return None


def wrong(scenario, peers, version):
    """Which peer is known to fail, and why."""
    for (name, peer, versions), why in WRONG.items():
        if peer in peers and fnmatchcase(version, versions) and fnmatchcase(scenario, name):
            return peer, why
    return None, None

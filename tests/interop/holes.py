"""What the peers can't do, and what they do wrong. Each hole has its reason, and is shown in the summary."""

from fnmatch import fnmatchcase

# (peer, version): why there is nothing to try.
NOT_SPOKEN = {
    ("aedes", "5.0"): "it speaks 3.1 and 3.1.1",
    ("amqtt", "5.0"): "it speaks 3.1.1",
    ("amqtt", "3.1"): "it speaks 3.1.1",
    ("mqtt.js", "3.1"): "it rejects topics in 3.1 that are not",
    ("rumqttc", "3.1"): "it speaks 3.1.1 and 5.0",
}

# (peer, version): {what a scenario needs: why the peer has it not}. A peer is a client or a broker.
CANNOT = {
    ("tiny_broker", "*"): {
        "very_large": "it takes packets of 1 MiB, the default of the library",
        "shared": "it has no shared subscriptions, and says so",
        "server_keep_alive": "it takes any Keep Alive",
    },
    ("mosquitto", "*"): {},
    ("paho", "*"): {
        "aliases_out": "it leaves Topic Aliases to the application",
        "aliases_in": "it leaves Topic Aliases to the application",
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
        "binary_correlation_data": "the command line is text",
    },
    ("mosquitto_sub", "5.0"): {
        "disconnect": "when it is stopped it sends Disconnect with Will Message",
    },
}

# (scenario, peer, version, why): it is run, and has to fail.
WRONG = []


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
    """Why it is known to fail."""
    for name, peer, versions, why in WRONG:
        if peer in peers and fnmatchcase(version, versions) and fnmatchcase(scenario, name):
            return f"{peer}: {why}"
    return None

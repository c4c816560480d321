"""What the peers can't do, and what they do wrong. Each hole has its reason, and is shown in the summary."""

from fnmatch import fnmatchcase

# (peer, version): {what a scenario needs: why it is not there}. A peer is a client or a broker.
CANNOT = {}

# (scenario, peer, version, why): it is run, and has to fail.
WRONG = []

NOT_SPOKEN = {
    ("aedes", "5.0"): "it speaks 3.1 and 3.1.1",
    ("amqtt", "5.0"): "it speaks 3.1.1",
    ("amqtt", "3.1"): "it speaks 3.1.1",
    ("mqtt.js", "3.1"): "to do",
}


def not_spoken(client, broker, version, tls):
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

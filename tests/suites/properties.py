"""The properties of a CONNACK, whose order tells nothing."""

# How long a value is; the others begin with their length.
FIXED = {0x11: 4, 0x27: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x28: 1, 0x29: 1, 0x2A: 1}
USER_PROPERTY = 0x26


def in_order(packet):
    """The packet with the properties sorted, if it is a short CONNACK of 5.0."""
    if len(packet) < 5 or packet[0] != 0x20 or packet[1] != len(packet) - 2 or packet[4] != len(packet) - 5:
        return packet
    rest, found = packet[5:], []
    while rest:
        size = FIXED.get(rest[0])
        if size is None:
            size = text(rest[1:])
            if rest[0] == USER_PROPERTY:
                size += text(rest[1 + size :])
        found.append(rest[: 1 + size])
        rest = rest[1 + size :]
    return packet[:5] + b"".join(sorted(found))


def text(data):
    return 2 + int.from_bytes(data[:2], "big")

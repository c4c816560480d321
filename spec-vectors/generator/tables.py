"""What the generator knows of MQTT, seen from the sender: types, properties, reason codes, rule ids.

strict.py holds the same facts in another shape and takes none of them from here, so that a slip on one side
shows up as a disagreement.
"""

VERSIONS = ("3.1", "3.1.1", "5.0")

TYPES = {
    "CONNECT": 1,
    "CONNACK": 2,
    "PUBLISH": 3,
    "PUBACK": 4,
    "PUBREC": 5,
    "PUBREL": 6,
    "PUBCOMP": 7,
    "SUBSCRIBE": 8,
    "SUBACK": 9,
    "UNSUBSCRIBE": 10,
    "UNSUBACK": 11,
    "PINGREQ": 12,
    "PINGRESP": 13,
    "DISCONNECT": 14,
    "AUTH": 15,
}
NAMES = {number: name for name, number in TYPES.items()}
ACKS = ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP")
CLIENT_ONLY = ("CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ")
SERVER_ONLY = ("CONNACK", "SUBACK", "UNSUBACK", "PINGRESP")
PROTOCOL = {"3.1": (b"MQIsdp", 3), "3.1.1": (b"MQTT", 4), "5.0": (b"MQTT", 5)}


def fixed_flags(kind):
    """The low four bits of the first byte, for every type but PUBLISH."""
    return 2 if kind in ("PUBREL", "SUBSCRIBE", "UNSUBSCRIBE") else 0


# identifier, name, data type, where it may stand. "will" is the will's own section inside CONNECT.
REPORTS = "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"
PROPERTIES = [
    (0x01, "Payload Format Indicator", "byte", "PUBLISH will"),
    (0x02, "Message Expiry Interval", "four", "PUBLISH will"),
    (0x03, "Content Type", "text", "PUBLISH will"),
    (0x08, "Response Topic", "text", "PUBLISH will"),
    (0x09, "Correlation Data", "binary", "PUBLISH will"),
    (0x0B, "Subscription Identifier", "variable", "PUBLISH SUBSCRIBE"),
    (0x11, "Session Expiry Interval", "four", "CONNECT CONNACK DISCONNECT"),
    (0x12, "Assigned Client Identifier", "text", "CONNACK"),
    (0x13, "Server Keep Alive", "two", "CONNACK"),
    (0x15, "Authentication Method", "text", "CONNECT CONNACK AUTH"),
    (0x16, "Authentication Data", "binary", "CONNECT CONNACK AUTH"),
    (0x17, "Request Problem Information", "byte", "CONNECT"),
    (0x18, "Will Delay Interval", "four", "will"),
    (0x19, "Request Response Information", "byte", "CONNECT"),
    (0x1A, "Response Information", "text", "CONNACK"),
    (0x1C, "Server Reference", "text", "CONNACK DISCONNECT"),
    (0x1F, "Reason String", "text", REPORTS),
    (0x21, "Receive Maximum", "two", "CONNECT CONNACK"),
    (0x22, "Topic Alias Maximum", "two", "CONNECT CONNACK"),
    (0x23, "Topic Alias", "two", "PUBLISH"),
    (0x24, "Maximum QoS", "byte", "CONNACK"),
    (0x25, "Retain Available", "byte", "CONNACK"),
    (0x26, "User Property", "pair", "CONNECT will PUBLISH SUBSCRIBE UNSUBSCRIBE " + REPORTS),
    (0x27, "Maximum Packet Size", "four", "CONNECT CONNACK"),
    (0x28, "Wildcard Subscription Available", "byte", "CONNACK"),
    (0x29, "Subscription Identifier Available", "byte", "CONNACK"),
    (0x2A, "Shared Subscription Available", "byte", "CONNACK"),
]
PROPERTY = {name: (number, kind, tuple(where.split())) for number, name, kind, where in PROPERTIES}
SCOPES = (
    "CONNECT",
    "will",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "DISCONNECT",
    "AUTH",
)

# One plain legal value for each property.
EXAMPLE = {
    "Payload Format Indicator": 1,
    "Message Expiry Interval": 60,
    "Content Type": "c",
    "Response Topic": "r",
    "Correlation Data": b"d",
    "Subscription Identifier": 1,
    "Session Expiry Interval": 1,
    "Assigned Client Identifier": "x",
    "Server Keep Alive": 5,
    "Authentication Method": "X",
    "Authentication Data": b"d",
    "Request Problem Information": 1,
    "Will Delay Interval": 1,
    "Request Response Information": 1,
    "Response Information": "x",
    "Server Reference": "x",
    "Reason String": "x",
    "Receive Maximum": 1,
    "Topic Alias Maximum": 1,
    "Topic Alias": 1,
    "Maximum QoS": 1,
    "Retain Available": 1,
    "User Property": ["k", "v"],
    "Maximum Packet Size": 9,
    "Wildcard Subscription Available": 1,
    "Subscription Identifier Available": 1,
    "Shared Subscription Available": 1,
}

# Edges of the legal ranges, by data type, and the properties that allow less.
TWO = [0, 1, 255, 256, 32767, 32768, 65535]
FOUR = [0, 1, 255, 256, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
VARIABLE = [1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455]
NOT_ZERO = ("Receive Maximum", "Maximum Packet Size", "Topic Alias", "Subscription Identifier")
ZERO_OR_ONE = tuple(name for _, name, kind, _ in PROPERTIES if kind == "byte")

# 5.0 reason codes by packet; the sender column follows below.
REASONS = {
    0x00: "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
    0x01: "SUBACK",
    0x02: "SUBACK",
    0x04: "DISCONNECT",
    0x10: "PUBACK PUBREC",
    0x11: "UNSUBACK",
    0x18: "AUTH",
    0x19: "AUTH",
    0x80: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
    0x81: "CONNACK DISCONNECT",
    0x82: "CONNACK DISCONNECT",
    0x83: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
    0x84: "CONNACK",
    0x85: "CONNACK",
    0x86: "CONNACK",
    0x87: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
    0x88: "CONNACK",
    0x89: "CONNACK DISCONNECT",
    0x8A: "CONNACK",
    0x8B: "DISCONNECT",
    0x8C: "CONNACK",
    0x8D: "DISCONNECT",
    0x8E: "DISCONNECT",
    0x8F: "SUBACK UNSUBACK DISCONNECT",
    0x90: "CONNACK PUBACK PUBREC DISCONNECT",
    0x91: "PUBACK PUBREC SUBACK UNSUBACK",
    0x92: "PUBREL PUBCOMP",
    0x93: "DISCONNECT",
    0x94: "DISCONNECT",
    0x95: "CONNACK DISCONNECT",
    0x96: "DISCONNECT",
    0x97: "CONNACK PUBACK PUBREC SUBACK DISCONNECT",
    0x98: "DISCONNECT",
    0x99: "CONNACK PUBACK PUBREC DISCONNECT",
    0x9A: "CONNACK DISCONNECT",
    0x9B: "CONNACK DISCONNECT",
    0x9C: "CONNACK DISCONNECT",
    0x9D: "CONNACK DISCONNECT",
    0x9E: "SUBACK DISCONNECT",
    0x9F: "CONNACK DISCONNECT",
    0xA0: "DISCONNECT",
    0xA1: "SUBACK DISCONNECT",
    0xA2: "SUBACK DISCONNECT",
}
# Listed in the common table for DISCONNECT but not in the packet's own: taken from a peer, never sent.
TOLERATED = {("DISCONNECT", 0x8C)}
# A client's DISCONNECT may not use these. 0x9B is in the server's column too, but 3.3.4 lets a client use it.
SERVER_DISCONNECT = (0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2)
CLIENT_DISCONNECT = (0x04,)

# Which numbered statement closes the list of codes.
REASON_RULE = {
    "CONNACK": "MQTT-3.2.2-8",
    "PUBACK": "MQTT-3.4.2-1",
    "PUBREC": "MQTT-3.5.2-1",
    "PUBREL": "MQTT-3.6.2-1",
    "PUBCOMP": "MQTT-3.7.2-1",
    "SUBACK": "MQTT-3.9.3-2",
    "UNSUBACK": "MQTT-3.11.3-2",
    "DISCONNECT": "MQTT-3.14.2-1",
    "AUTH": "MQTT-3.15.2-1",
}
DUPLICATE_RULE = {"CONNECT": "PR-6", "will": "PR-7", "CONNACK": "PR-8", "PUBLISH": "PR-9", "SUBSCRIBE": "PR-11"}
VALUE_RULE = {
    "Receive Maximum": ["PR-14"],
    "Maximum Packet Size": ["PR-15"],
    "Subscription Identifier": ["PR-16"],
    "Topic Alias": ["MQTT-3.3.2-8", "PR-17"],
    "Request Problem Information": ["PR-18"],
    "Request Response Information": ["PR-18"],
    "Maximum QoS": ["PR-19"],
    "Retain Available": ["PR-20"],
    "Wildcard Subscription Available": ["PR-20"],
    "Subscription Identifier Available": ["PR-20"],
    "Shared Subscription Available": ["PR-20"],
    "Payload Format Indicator": ["PR-21"],
}

# Reason codes a receiver may give, by kind of error; the first is the best fit. 3.x knows none.
ANSWER = {
    "length-too-long": ["0x81"],
    "length-not-shortest": ["0x81"],
    "packet-type": ["0x81"],
    "flags": ["0x81"],
    "truncated": ["0x81"],
    "trailing": ["0x81"],
    "utf8": ["0x81"],
    "nul": ["0x81"],
    "empty-topic": ["0x82"],
    "wildcard-in-topic": ["0x82", "0x81", "0x90"],
    "misplaced-hash": ["0x81"],
    "misplaced-plus": ["0x81"],
    "empty-share-name": ["0x82", "0x8F"],
    "share-name": ["0x82", "0x8F"],
    "share-filter": ["0x82", "0x8F"],
    "packet-id": ["0x82"],
    "qos": ["0x81"],
    "dup": ["0x81", "0x82"],
    "reserved-bit": ["0x81"],
    "will-flags": ["0x81", "0x82"],
    "protocol-name": ["0x84"],
    "protocol-level": ["0x84"],
    "session-present": ["0x81", "0x82"],
    "reason-code": ["0x81", "0x82"],
    "retain-handling": ["0x82"],
    "no-local": ["0x82"],
    "empty-list": ["0x82"],
    "unknown-property": ["0x81"],
    "property-not-allowed": ["0x81"],
    "duplicate-property": ["0x82"],
    "property-value": ["0x82"],
    "missing-property": ["0x82"],
    "sender": ["0x82"],
    "password-without-user-name": [],
}


def rule(version, old, new):
    """The rule ids of a version: `old` for 3.1 and 3.1.1, `new` for 5.0; each a space separated list."""
    return (new if version == "5.0" else old).split()


def utf8_rules(version):
    return rule(version, "MQTT-1.5.3-1", "MQTT-1.5.4-1")


def nul_rules(version):
    return rule(version, "MQTT-1.5.3-2", "MQTT-1.5.4-2")


def field_rules(version, kind, field):
    """The statement that makes this field of this packet a UTF-8 string, if there is one."""
    table = {
        ("CONNECT", "client_id"): ("MQTT-3.1.3-4", "MQTT-3.1.3-4"),
        ("CONNECT", "will_topic"): ("MQTT-3.1.3-10", "MQTT-3.1.3-11"),
        ("CONNECT", "user_name"): ("MQTT-3.1.3-11", "MQTT-3.1.3-12"),
        ("PUBLISH", "topic"): ("MQTT-3.3.2-1", "MQTT-3.3.2-1"),
        ("SUBSCRIBE", "filter"): ("MQTT-3.8.3-1", "MQTT-3.8.3-1"),
        ("UNSUBSCRIBE", "filter"): ("MQTT-3.10.3-1", "MQTT-3.10.3-1"),
        ("PUBLISH", "Response Topic"): ("", "MQTT-3.3.2-13"),
        ("PUBLISH", "Content Type"): ("", "MQTT-3.3.2-19"),
    }
    if field.startswith("User Property"):
        return ["MQTT-1.5.7-1"]
    return rule(version, *table.get((kind, field), ("", "")))


def flag_rules(version, kind):
    """Statements a wrong reserved header flag breaks."""
    own = {
        "PUBREL": ("MQTT-3.6.1-1", "MQTT-3.6.1-1"),
        "SUBSCRIBE": ("MQTT-3.8.1-1", "MQTT-3.8.1-1"),
        "UNSUBSCRIBE": ("MQTT-3.10.1-1", "MQTT-3.10.1-1"),
        "DISCONNECT": ("MQTT-3.14.1-1", "MQTT-3.14.1-1"),
        "AUTH": ("", "MQTT-3.15.1-1"),
    }
    return rule(version, *own.get(kind, ("", ""))) + rule(version, "MQTT-2.2.2-2 MQTT-2.2.2-1", "MQTT-2.1.3-1")


def empty_rules(version, where):
    own = {"topic": ("", "PB-1"), "will_topic": ("CN-5", "CN-6"), "Response Topic": ("", "PR-26")}
    return rule(version, *own.get(where, ("", ""))) + ["MQTT-4.7.3-1"]


def wildcard_rules(version, where):
    own = {
        "topic": ("MQTT-3.3.2-2", "MQTT-3.3.2-2"),
        "will_topic": ("CN-5", "CN-6"),
        "Response Topic": ("", "MQTT-3.3.2-14 PR-26"),
        "will Response Topic": ("", "PR-26"),
    }
    return rule(version, *own[where]) + rule(version, "MQTT-4.7.1-1", "MQTT-4.7.0-1")


def filter_rules(version, error, shared=False):
    """Statements a broken topic filter breaks, by kind of error."""
    ids = {
        "misplaced-hash": rule(version, "MQTT-4.7.1-2", "MQTT-4.7.1-1"),
        "misplaced-plus": rule(version, "MQTT-4.7.1-3", "MQTT-4.7.1-2"),
        "share-filter": ["MQTT-4.8.2-2"],
    }[error]
    return ids + ["MQTT-4.8.2-2"] if shared and error != "share-filter" else ids


def packet_id_rules(version, kind, sender=None):
    if kind in ACKS or kind in ("SUBACK", "UNSUBACK"):
        return ["FR-10"]
    if version != "5.0":
        return ["MQTT-2.3.1-1"]
    if kind != "PUBLISH" or sender == "client":
        return ["MQTT-2.2.1-3"]
    return ["MQTT-2.2.1-4"] if sender == "server" else ["MQTT-2.2.1-3", "MQTT-2.2.1-4"]

"""A small strict decoder: the second opinion on every vector.

It shares no table and no helper with the encoder. decode() gives a packet or ("incomplete", n), or raises Bad.
"""

PROPERTIES_OF = {
    "CONNECT": "11 21 27 22 19 17 26 15 16",
    "will": "18 01 02 03 08 09 26",
    "CONNACK": "11 21 24 25 27 12 22 1F 26 28 29 2A 13 1A 1C 15 16",
    "PUBLISH": "01 02 23 08 09 26 0B 03",
    "PUBACK": "1F 26",
    "PUBREC": "1F 26",
    "PUBREL": "1F 26",
    "PUBCOMP": "1F 26",
    "SUBACK": "1F 26",
    "UNSUBACK": "1F 26",
    "SUBSCRIBE": "0B 26",
    "UNSUBSCRIBE": "26",
    "DISCONNECT": "11 1F 26 1C",
    "AUTH": "15 16 1F 26",
}
ALLOWED = {where: set(bytes.fromhex(numbers)) for where, numbers in PROPERTIES_OF.items()}

# Identifier: name, reader.
PROPERTY_NAMES = {
    0x01: "Payload Format Indicator:u1",
    0x02: "Message Expiry Interval:u4",
    0x03: "Content Type:str",
    0x08: "Response Topic:str",
    0x09: "Correlation Data:bin",
    0x0B: "Subscription Identifier:var",
    0x11: "Session Expiry Interval:u4",
    0x12: "Assigned Client Identifier:str",
    0x13: "Server Keep Alive:u2",
    0x15: "Authentication Method:str",
    0x16: "Authentication Data:bin",
    0x17: "Request Problem Information:u1",
    0x18: "Will Delay Interval:u4",
    0x19: "Request Response Information:u1",
    0x1A: "Response Information:str",
    0x1C: "Server Reference:str",
    0x1F: "Reason String:str",
    0x21: "Receive Maximum:u2",
    0x22: "Topic Alias Maximum:u2",
    0x23: "Topic Alias:u2",
    0x24: "Maximum QoS:u1",
    0x25: "Retain Available:u1",
    0x26: "User Property:pair",
    0x27: "Maximum Packet Size:u4",
    0x28: "Wildcard Subscription Available:u1",
    0x29: "Subscription Identifier Available:u1",
    0x2A: "Shared Subscription Available:u1",
}

CODES = {
    "CONNACK": "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F",
    "PUBACK": "00 10 80 83 87 90 91 97 99",
    "PUBREC": "00 10 80 83 87 90 91 97 99",
    "PUBREL": "00 92",
    "PUBCOMP": "00 92",
    "SUBACK": "00 01 02 80 83 87 8F 91 97 9E A1 A2",
    "UNSUBACK": "00 11 80 83 87 8F 91",
    "DISCONNECT": "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
    "AUTH": "00 18 19",
}
CODES = {kind: set(bytes.fromhex(codes)) for kind, codes in CODES.items()}
ONLY_FROM_SERVER = {"DISCONNECT": set(bytes.fromhex("87 89 8B 8D 8E 8F 9A 9C 9D 9E 9F A0 A1 A2")), "AUTH": {0x00}}
ONLY_FROM_CLIENT = {"DISCONNECT": {0x04}, "AUTH": {0x19}}
NAMES = [
    "",
    "CONNECT",
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
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
]


class Bad(Exception):
    """The packet breaks a rule; args[0] is the kind of error."""


class Reader:
    def __init__(self, data, at, end):
        self.data, self.at, self.end = data, at, end

    def left(self):
        return self.end - self.at

    def take(self, count):
        if count > self.left():
            raise Bad("truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def u1(self):
        return self.take(1)[0]

    def u2(self):
        return int.from_bytes(self.take(2), "big")

    def u4(self):
        return int.from_bytes(self.take(4), "big")

    def var(self):
        total = 0
        for index in range(4):
            byte = self.u1()
            total += (byte & 0x7F) * 128**index
            if byte < 0x80:
                if index and byte == 0:
                    raise Bad("length-not-shortest")
                return total
        raise Bad("length-too-long")

    def bin(self):
        return bytes(self.take(self.u2()))

    def str(self):
        raw = self.bin()
        try:
            value = raw.decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise Bad("utf8") from None
        if "\0" in value:
            raise Bad("nul")
        return value

    def pair(self):
        return [self.str(), self.str()]

    def packet_id(self):
        value = self.u2()
        if value == 0:
            raise Bad("packet-id")
        return value

    def topic(self, empty=False):
        value = self.str()
        if not value and not empty:
            raise Bad("empty-topic")
        if "+" in value or "#" in value:
            raise Bad("wildcard-in-topic")
        return value


def check_levels(text):
    levels = text.split("/")
    for index, level in enumerate(levels):
        if "#" in level and (level != "#" or index + 1 < len(levels)):
            raise Bad("misplaced-hash")
    if any("+" in level and level != "+" for level in levels):
        raise Bad("misplaced-plus")


def check_filter(text, version):
    """Judges a filter; says whether it is a shared one."""
    if not text:
        raise Bad("empty-topic")
    head, slash, rest = text.partition("/")
    if version != "5.0" or head != "$share" or not slash:
        check_levels(text)
        return False
    name, slash, rest = rest.partition("/")
    if not name:
        raise Bad("empty-share-name")
    if "+" in name or "#" in name:
        raise Bad("share-name")
    if not slash or not rest:
        raise Bad("share-filter")
    check_levels(rest)
    return True


def check_value(name, value):
    low = {"Receive Maximum": 1, "Maximum Packet Size": 1, "Topic Alias": 1, "Subscription Identifier": 1}
    if isinstance(value, int) and value < low.get(name, 0):
        raise Bad("property-value")
    if PROPERTY_NAMES[NUMBER[name]].endswith(":u1") and value > 1:
        raise Bad("property-value")
    if name == "Response Topic":
        if not value:
            raise Bad("empty-topic")
        if "+" in value or "#" in value:
            raise Bad("wildcard-in-topic")


NUMBER = {entry.split(":")[0]: number for number, entry in PROPERTY_NAMES.items()}


def properties(reader, where, sender):
    length = reader.var()
    if length > reader.left():
        raise Bad("truncated")
    inner = Reader(reader.data, reader.at, reader.at + length)
    reader.at += length
    found, seen = [], set()
    while inner.left():
        number = inner.var()
        if number not in PROPERTY_NAMES:
            raise Bad("unknown-property")
        if number not in ALLOWED[where]:
            raise Bad("property-not-allowed")
        if number in seen and number != 0x26 and (number, where) != (0x0B, "PUBLISH"):
            raise Bad("duplicate-property")
        seen.add(number)
        name, kind = PROPERTY_NAMES[number].split(":")
        value = getattr(inner, kind)()
        check_value(name, value)
        if (sender, where, number) in (
            ("client", "PUBLISH", 0x0B),
            ("client", "DISCONNECT", 0x1C),
            ("server", "DISCONNECT", 0x11),
        ):
            raise Bad("sender")
        found.append({"name": name, "value": value})
    if where == "AUTH" and 0x15 not in seen or 0x16 in seen and 0x15 not in seen:
        raise Bad("missing-property")
    return found


def reason(kind, value, sender):
    if value not in CODES[kind]:
        raise Bad("reason-code")
    if sender == "client" and value in ONLY_FROM_SERVER.get(kind, ()):
        raise Bad("sender")
    if sender == "server" and value in ONLY_FROM_CLIENT.get(kind, ()):
        raise Bad("sender")
    return f"0x{value:02X}"


def connect(reader, version, sender):
    want, level = {"3.1": (b"MQIsdp", 3), "3.1.1": (b"MQTT", 4), "5.0": (b"MQTT", 5)}[version]
    if reader.str().encode() != want:
        raise Bad("protocol-name")
    if reader.u1() != level:
        raise Bad("protocol-level")
    flags = reader.u1()
    has_user, has_password, retain = flags >> 7 & 1, flags >> 6 & 1, flags >> 5 & 1
    qos, has_will, clean = flags >> 3 & 3, flags >> 2 & 1, flags >> 1 & 1
    if flags & 1:
        raise Bad("reserved-bit")
    if not has_will and (qos or retain):
        raise Bad("will-flags")
    if qos == 3:
        raise Bad("qos")
    if has_password and not has_user and version != "5.0":
        raise Bad("password-without-user-name")
    packet = {"type": "CONNECT", "clean_start": bool(clean), "keep_alive": reader.u2()}
    if version == "5.0":
        packet["properties"] = properties(reader, "CONNECT", sender)
    packet["client_id"] = reader.str()
    packet["will"] = None
    if has_will:
        will = {"qos": qos, "retain": bool(retain)}
        inner = properties(reader, "will", sender) if version == "5.0" else None
        will["topic"], will["payload"] = reader.topic(), reader.bin()
        if inner is not None:
            will["properties"] = inner
        packet["will"] = will
    packet["user_name"] = reader.str() if has_user else None
    packet["password"] = reader.bin() if has_password else None
    return packet


def publish(reader, flags, version, sender):
    qos = flags >> 1 & 3
    if qos == 3:
        raise Bad("qos")
    if qos == 0 and flags & 8:
        raise Bad("dup")
    packet = {"type": "PUBLISH", "dup": bool(flags & 8), "qos": qos, "retain": bool(flags & 1)}
    packet["topic"] = reader.topic(empty=version == "5.0")
    packet["packet_id"] = reader.packet_id() if qos else None
    if version == "5.0":
        packet["properties"] = properties(reader, "PUBLISH", sender)
        if not packet["topic"] and all(entry["name"] != "Topic Alias" for entry in packet["properties"]):
            raise Bad("empty-topic")
    packet["payload"] = bytes(reader.take(reader.left()))
    return packet


def options(value, shared, version):
    qos = value & 3
    if version != "5.0":
        if value > 3:
            raise Bad("reserved-bit")
        if qos == 3:
            raise Bad("qos")
        return {"qos": qos}
    if value & 0xC0:
        raise Bad("reserved-bit")
    if qos == 3:
        raise Bad("qos")
    if value >> 4 == 3:
        raise Bad("retain-handling")
    if shared and value & 4:
        raise Bad("no-local")
    return {
        "qos": qos,
        "no_local": bool(value & 4),
        "retain_as_published": bool(value & 8),
        "retain_handling": value >> 4,
    }


def subscribe(reader, version):
    filters = []
    while reader.left():
        text = reader.str()
        shared = check_filter(text, version)
        filters.append({"filter": text, **options(reader.u1(), shared, version)})
    return filters


def unsubscribe(reader, version):
    filters = []
    while reader.left():
        filters.append(reader.str())
        check_filter(filters[-1], version)
    return filters


def return_codes(reader, kind, version, sender):
    codes = reader.take(reader.left())
    if version == "5.0":
        return [reason(kind, value, sender) for value in codes]
    if any(value not in (0, 1, 2) and (value != 0x80 or version == "3.1") for value in codes):
        raise Bad("reason-code")
    return [f"0x{value:02X}" for value in codes]


def filled(entries):
    if not entries:
        raise Bad("empty-list")
    return entries


def body(reader, kind, flags, version, sender):
    new = version == "5.0"
    if kind == "CONNECT":
        return connect(reader, version, sender)
    if kind == "PUBLISH":
        return publish(reader, flags, version, sender)
    packet = {"type": kind}
    if kind == "CONNACK":
        ack = reader.u1()
        if ack > 1 or ack and version == "3.1":
            raise Bad("reserved-bit")
        packet["session_present"] = bool(ack)
        answer = reader.u1()
        if new:
            packet["reason"] = reason(kind, answer, sender)
        elif answer > 5:
            raise Bad("reason-code")
        else:
            packet["return_code"] = answer
        if ack and answer:
            raise Bad("session-present")
        if new:
            packet["properties"] = properties(reader, kind, sender)
        return packet
    if kind in ("PINGREQ", "PINGRESP") or kind == "DISCONNECT" and not new:
        return packet
    if kind in ("DISCONNECT", "AUTH"):
        packet["reason"] = reason(kind, reader.u1(), sender) if reader.left() else "0x00"
        if kind == "AUTH" and not reader.left():
            raise Bad("missing-property")
        packet["properties"] = properties(reader, kind, sender) if reader.left() else []
        return packet
    packet["packet_id"] = reader.packet_id()
    if kind in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP"):
        if new:
            packet["reason"] = reason(kind, reader.u1(), sender) if reader.left() else "0x00"
            packet["properties"] = properties(reader, kind, sender) if reader.left() else []
        return packet
    if kind == "UNSUBACK" and not new:
        return packet
    if new:
        packet["properties"] = properties(reader, kind, sender)
    if kind == "SUBSCRIBE":
        packet["filters"] = filled(subscribe(reader, version))
    elif kind == "UNSUBSCRIBE":
        packet["filters"] = filled(unsubscribe(reader, version))
    else:
        packet["reasons"] = filled(return_codes(reader, kind, version, sender))
    return packet


def frame(data, version):
    """(end of fixed header, end of packet), or ("incomplete", bytes still needed at least)."""
    if len(data) < 2:
        return "incomplete", 2 - len(data)
    total, place = 0, 1
    for index in range(1, 5):
        if index == len(data):
            return "incomplete", 1
        byte = data[index]
        total += (byte & 0x7F) * place
        place *= 128
        if byte < 0x80:
            if version == "5.0" and index > 1 and byte == 0:
                raise Bad("length-not-shortest")
            end = index + 1 + total
            return ("incomplete", end - len(data)) if end > len(data) else (index + 1, end)
    raise Bad("length-too-long")


def header_flags(kind, flags, version):
    legal = {0}
    if kind in ("PUBREL", "SUBSCRIBE", "UNSUBSCRIBE"):
        legal = {2, 10} if version == "3.1" else {2}
    if flags not in legal:
        raise Bad("flags")


def decode(version, sender, data):
    start, end = frame(data, version)
    if start == "incomplete":
        return start, end
    if end < len(data):
        raise AssertionError("more than one packet")
    kind, flags = NAMES[data[0] >> 4], data[0] & 15
    if not kind or kind == "AUTH" and version != "5.0":
        raise Bad("packet-type")
    if kind != "PUBLISH":
        header_flags(kind, flags, version)
    wrong = {
        "client": ("CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"),
        "server": ("CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ") + (() if version == "5.0" else ("DISCONNECT",)),
    }
    if kind in wrong.get(sender, ()):
        raise Bad("sender")
    reader = Reader(data, start, end)
    packet = body(reader, kind, flags, version, sender)
    if reader.left():
        raise Bad("trailing")
    return packet

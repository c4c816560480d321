"""Fields to bytes, for every packet of every version. It judges nothing: ill-formed input gives ill-formed packets.

A packet is a dict with the field names of the vectors. Text is str (or bytes, for ill-formed text), binary is bytes.
"""

from .tables import ACKS, PROPERTY, PROTOCOL, TYPES, fixed_flags


def variable(number, width=1):
    """A variable byte integer; `width` forces a longer form than needed."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        more = number > 0 or len(out) + 1 < width
        out.append(low | (0x80 if more else 0))
        if not more:
            return bytes(out)


def two(number):
    return number.to_bytes(2, "big")


def raw_text(value):
    return value if isinstance(value, bytes) else value.encode("utf-8")


def text(value):
    raw = raw_text(value)
    return two(len(raw)) + raw


def value_bytes(name, value):
    kind = PROPERTY[name][1]
    if kind == "byte":
        return bytes([value])
    if kind == "two":
        return two(value)
    if kind == "four":
        return value.to_bytes(4, "big")
    if kind == "variable":
        return variable(value)
    if kind == "pair":
        return text(value[0]) + text(value[1])
    return text(value)


def one_property(entry):
    return bytes([PROPERTY[entry["name"]][0]]) + value_bytes(entry["name"], entry["value"])


def property_bytes(entries):
    return b"".join(one_property(entry) for entry in entries)


def section(entries):
    raw = property_bytes(entries)
    return variable(len(raw)) + raw


def code(value):
    return bytes([int(value, 16)])


def connect_items(version, packet):
    name, level = PROTOCOL[version]
    will = packet["will"]
    flags = packet["clean_start"] << 1
    if will:
        flags |= 0x04 | will["qos"] << 3 | will["retain"] << 5
    flags |= (packet["password"] is not None) << 6 | (packet["user_name"] is not None) << 7
    items = [
        ("protocol_name", text(name)),
        ("level", bytes([level])),
        ("flags", bytes([flags])),
        ("keep_alive", two(packet["keep_alive"])),
    ]
    if version == "5.0":
        items.append(("properties", section(packet["properties"])))
    items.append(("client_id", text(packet["client_id"])))
    if will:
        if version == "5.0":
            items.append(("will_properties", section(will["properties"])))
        items += [("will_topic", text(will["topic"])), ("will_payload", text(will["payload"]))]
    for field in ("user_name", "password"):
        if packet[field] is not None:
            items.append((field, text(packet[field])))
    return items


def short_form(packet, form):
    """The optional tail of acknowledgements, DISCONNECT and AUTH: nothing, the code, or the code and properties."""
    form = form or ("full" if packet["properties"] else "code" if packet["reason"] != "0x00" else "none")
    items = [] if form == "none" else [("reason", code(packet["reason"]))]
    return items + [("properties", section(packet["properties"]))] if form == "full" else items


def items(version, packet, form=None):
    """The fields after the fixed header as (name, bytes). `form` picks a longer form where several are legal."""
    kind, new = packet["type"], version == "5.0"
    if kind == "CONNECT":
        return connect_items(version, packet)
    if kind in ("PINGREQ", "PINGRESP"):
        return []
    if kind in ("DISCONNECT", "AUTH"):
        return short_form(packet, form) if new else []
    if kind == "CONNACK":
        answer = code(packet["reason"]) if new else bytes([packet["return_code"]])
        out = [("flags", bytes([packet["session_present"]])), ("code", answer)]
        return out + [("properties", section(packet["properties"]))] if new else out
    if kind == "PUBLISH":
        out = [("topic", text(packet["topic"]))]
        if packet["qos"] > 0:
            out.append(("packet_id", two(packet["packet_id"])))
        if new:
            out.append(("properties", section(packet["properties"])))
        return out + [("payload", packet["payload"])]
    out = [("packet_id", two(packet["packet_id"]))]
    if kind in ACKS:
        return out + short_form(packet, form) if new else out
    if kind == "UNSUBACK" and not new:
        return out
    if new:
        out.append(("properties", section(packet["properties"])))
    if kind == "SUBSCRIBE":
        for entry in packet["filters"]:
            options = entry["qos"]
            if new:
                options |= entry["no_local"] << 2 | entry["retain_as_published"] << 3 | entry["retain_handling"] << 4
            out += [("filter", text(entry["filter"])), ("options", bytes([options]))]
    elif kind == "UNSUBSCRIBE":
        out += [("filter", text(entry)) for entry in packet["filters"]]
    else:
        out.append(("reasons", b"".join(code(entry) for entry in packet["reasons"])))
    return out


def first_byte(packet):
    flags = fixed_flags(packet["type"])
    if packet["type"] == "PUBLISH":
        flags = packet["dup"] << 3 | packet["qos"] << 1 | packet["retain"]
    return TYPES[packet["type"]] << 4 | flags


def join(first, fields, width=1):
    body = b"".join(raw for _, raw in fields)
    return bytes([first]) + variable(len(body), width) + body


def encode(version, packet, form=None, width=1):
    return join(first_byte(packet), items(version, packet, form), width)


def swap(version, packet, **changes):
    """The packet with some fields' bytes replaced (None drops the field); Remaining Length follows."""
    fields = [(name, changes.get(name, raw)) for name, raw in items(version, packet)]
    return join(first_byte(packet), [(name, raw) for name, raw in fields if raw is not None])


def offset(version, packet, field, form=None):
    """Where a field begins in the whole packet."""
    fields = items(version, packet, form)
    before = sum(len(raw) for _, raw in fields[: [name for name, _ in fields].index(field)])
    return 1 + len(variable(sum(len(raw) for _, raw in fields))) + before

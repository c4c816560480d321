"""Judges the finished vectors: by the strict decoder, by their references, and by what they cover."""

from collections import defaultdict

from .book import Huge
from .encode import encode
from .strict import Bad, decode
from .tables import REASONS


def check(book, rules):
    """A list of complaints, empty when all is well."""
    wrong = []
    known = {(rule["version"], rule["id"]) for rule in rules}
    for vector in book.ids.values():
        for complaint in of_vector(vector, book.ids, known):
            wrong.append(f"{vector['id']}: {complaint}")
    return wrong + uncovered(book.ids.values(), rules)


def of_vector(vector, ids, known):
    if not vector["says"].strip():
        yield "says nothing"
    version = rules_version(vector["version"])
    for rule in vector.get("rules", ()):
        if (version, rule) not in known:
            yield f"names the unknown rule {rule}"
    if vector["direction"] == "decode":
        yield from of_decode(vector, ids)
    else:
        yield from of_encode(vector)


def rules_version(version):
    return "5.0" if version == "5.0" else "3.1.1"


def opinion(version, sender, raw):
    try:
        return decode(version, sender, raw)
    except Bad as error:
        return error.args[0]


def of_decode(vector, ids):
    got = opinion(vector["version"], vector["sender"], vector["bytes"])
    if vector["verdict"] == "incomplete":
        if got != ("incomplete", vector["needs"]):
            yield f"the strict decoder says {got}"
        return
    if vector["verdict"] == "accept":
        if got != vector["packet"]:
            yield f"the strict decoder says {got}"
        elif vector["reencodes"] and encode(vector["version"], got) != vector["bytes"]:
            yield "does not encode to its bytes"
        return
    if got != vector["error"]:
        yield f"the strict decoder says {got}"
    if not vector["rules"]:
        yield "names no rule"
    if vector.get("offset", 0) >= len(vector["bytes"]):
        yield "points behind its end"
    near = ids.get(vector["neighbour"])
    whole = vector["error"] == "sender" and near and near["bytes"] == vector["bytes"]
    if near is None or near["verdict"] != "accept" or near["direction"] != "decode":
        yield "has no legal neighbour"
    elif near["version"] != vector["version"] or near["sender"] != vector["sender"] and not whole:
        yield "has a neighbour of another version or sender"
    elif near["bytes"][0] >> 4 != vector["bytes"][0] >> 4 and vector["error"] != "packet-type":
        yield "has a neighbour of another type"


def of_encode(vector):
    version, packet = vector["version"], vector["packet"]
    if vector["verdict"] == "accept":
        got = opinion(version, vector["sender"], vector["bytes"])
        if got != packet:
            yield f"the strict decoder says {got}"
        return
    got = refusal(version, vector["sender"], packet)
    if got != vector["error"]:
        yield f"should be refused with {got}"


def refusal(version, sender, packet):
    """Why this packet can not be encoded."""
    if longest(packet) > 65535:
        return "too-long"
    code = packet.get("reason")
    if packet["type"] == "CONNACK" and code and "CONNACK" not in REASONS.get(int(code, 16), "").split():
        return "reason-code"
    if foreign(version, packet):
        return "not-in-version"
    if packet["type"] == "PUBLISH" and (packet["packet_id"] is None) != (packet["qos"] == 0):
        return "packet-id"
    nameless = packet["type"] == "CONNECT" and not packet["client_id"]
    if nameless and (version == "3.1" or version == "3.1.1" and not packet["clean_start"]):
        return "client-id"
    if any(
        entry["name"] == "Subscription Identifier" and entry["value"] >= 1 << 28
        for entry in packet.get("properties", ())
    ):
        return "property-value"
    if (packet["type"], packet.get("reason")) == ("DISCONNECT", "0x8C"):
        return "reason-code"
    return opinion(version, sender, encode(version, packet))


def longest(value):
    """The length of the longest field that has a two-byte length."""
    if isinstance(value, Huge):
        return 1 << 28
    if isinstance(value, dict):
        free = value.get("type") == "PUBLISH"
        return max(
            longest(item) for key, item in value.items() if not (free and key == "payload" and isinstance(item, bytes))
        )
    if isinstance(value, list):
        return max((longest(item) for item in value), default=0)
    if isinstance(value, str):
        return len(value.encode("utf-8"))
    return len(value) if isinstance(value, bytes) else 0


def foreign(version, packet):
    """Whether a packet for an old version has fields that only 5.0 has a place for."""
    if version == "5.0":
        return False
    if packet["type"] == "AUTH" or "properties" in packet or "reason" in packet:
        return True
    if version == "3.1" and packet.get("session_present"):
        return True
    if packet["type"] == "UNSUBACK" and "reasons" in packet:
        return True
    if packet["type"] == "SUBACK":
        known = (0, 1, 2, 0x80) if version == "3.1.1" else (0, 1, 2)
        later = (int(code, 16) for code in packet["reasons"])
        return any("SUBACK" in REASONS.get(code, "").split() and code not in known for code in later)
    return packet["type"] == "SUBSCRIBE" and any(set(entry) != {"filter", "qos"} for entry in packet["filters"])


def uncovered(vectors, rules):
    """Codec rules that no vector of the right sort names."""
    shown = defaultdict(set)
    for vector in vectors:
        if vector["version"] == "3.1":
            continue
        verdict = "encode" if vector["direction"] == "encode" else vector["verdict"]
        for rule in vector.get("rules", ()):
            shown[vector["version"], rule].add(verdict)
    return [
        f"{rule['version']} {rule['id']} has no {rule['verdict']} vector"
        for rule in rules
        if "verdict" in rule and rule["verdict"] not in shown[rule["version"], rule["id"]]
    ]

"""The collection of vectors: ids, duplicates, and the JSON form."""

import json
import re

from .encode import encode
from .tables import ANSWER, TOLERATED

RUN = 24  # a byte or character repeated this often becomes a part with a count


def split_runs(value, one, join):
    """Cuts str or bytes into plain stretches and runs."""
    parts, plain = [], 0
    pattern = (
        re.compile(rb"(.)\1{%d,}" % (RUN - 1), re.S)
        if isinstance(value, bytes)
        else re.compile(r"(.)\1{%d,}" % (RUN - 1), re.S)
    )
    for match in pattern.finditer(value):
        if match.start() > plain:
            parts.append(join(value[plain : match.start()]))
        parts.append({one: join(match.group(1)), "count": len(match.group())})
        plain = match.end()
    if plain < len(value) or not parts:
        parts.append(join(value[plain:]))
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def hex_form(raw):
    return split_runs(raw, "byte", lambda piece: piece.hex(" ").upper())


def text_form(value):
    return split_runs(value, "text", lambda piece: piece)


def fields_form(value):
    """A packet, or a part of one, as the vectors write it."""
    if isinstance(value, bytes):
        return hex_form(value)
    if isinstance(value, str):
        return text_form(value)
    if isinstance(value, dict):
        return {key: item if key in ("type", "name") else fields_form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [fields_form(item) for item in value]
    return value


class Huge:
    """A run too long to build: only its JSON form is ever needed."""

    def __init__(self, byte, count):
        self.form = [{"byte": byte, "count": count}]


class Book:
    def __init__(self):
        self.files, self.ids, self.seen = {}, {}, {}

    def _name(self, version, kind, slug, sender, direction="decode"):
        middle = "encode-" if direction == "encode" else ""
        tail = f"-from-{sender}" if sender else ""
        return f"{kind.lower()}-{version}-{middle}{slug}{tail}"

    def _add(self, file, key, vector):
        known = self.seen.get(key)
        if known is not None:
            for field in ("verdict", "error", "field"):
                if known.get(field) != vector.get(field):
                    raise SystemExit(f"{known['id']} and {vector['id']} disagree on {field}")
            if vector["verdict"] == "reject" and set(known["rules"]) != set(vector["rules"]):
                raise SystemExit(f"{known['id']} names {known['rules']}, {vector['id']} {vector['rules']}")
            for rule in vector.get("rules", ()):
                if rule not in known.setdefault("rules", []):
                    known["rules"].append(rule)
            return known["id"]
        if vector["id"] in self.ids:
            raise SystemExit(f"two vectors called {vector['id']}")
        self.seen[key] = self.ids[vector["id"]] = vector
        self.files.setdefault(file, []).append(vector)
        return vector["id"]

    def accept(self, version, packet, slug, says, rules=(), sender=None, form=None, raw=None, file=None):
        kind = packet["type"]
        raw = encode(version, packet, form) if raw is None else raw
        sent = (kind, int(packet.get("reason", "0"), 16)) not in TOLERATED and not (
            sender == "client" and packet.get("reason") == "0x10"
        )
        # An empty client identifier is for the server to answer, but not for a client to send.
        if kind == "CONNECT" and packet["client_id"] == "":
            sent = sent and (version == "5.0" or version == "3.1.1" and packet["clean_start"])
        vector = {
            "id": self._name(version, kind, slug, sender),
            "says": says,
            "version": version,
            "direction": "decode",
            "sender": sender,
            "bytes": raw,
            "verdict": "accept",
            "packet": packet,
            "reencodes": sent and raw == encode(version, packet),
        }
        if rules:
            vector["rules"] = list(rules)
        return self._add(file or kind.lower(), (version, "decode", sender, raw), vector)

    def reject(
        self, version, kind, raw, slug, says, error, rules, near, sender=None, reasons=None, offset=None, file=None
    ):
        if reasons is None:
            reasons = ANSWER[error]
        vector = {
            "id": self._name(version, kind, slug, sender),
            "says": says,
            "version": version,
            "direction": "decode",
            "sender": sender,
            "bytes": raw,
            "verdict": "reject",
            "rules": list(rules),
            "error": error,
            "reasons": list(reasons) if version == "5.0" else [],
        }
        if offset is not None:
            vector["offset"] = offset
        vector["neighbour"] = near
        return self._add(file or kind.lower(), (version, "decode", sender, raw), vector)

    def incomplete(self, version, kind, raw, needs, slug, says):
        vector = {
            "id": self._name(version, kind, slug, None),
            "says": says,
            "version": version,
            "direction": "decode",
            "sender": None,
            "bytes": raw,
            "verdict": "incomplete",
            "needs": needs,
        }
        return self._add("framing", (version, "decode", None, raw), vector)

    def encodes(self, version, packet, slug, says, rules=(), sender=None):
        kind = packet["type"]
        vector = {
            "id": self._name(version, kind, slug, sender, "encode"),
            "says": says,
            "version": version,
            "direction": "encode",
            "sender": sender,
            "packet": packet,
            "verdict": "accept",
            "bytes": encode(version, packet),
        }
        if rules:
            vector["rules"] = list(rules)
        return self._add(kind.lower(), (version, "encode", sender, repr(packet)), vector)

    def refuses(self, version, packet, field, error, rules, slug, says, sender=None):
        kind = packet["type"]
        vector = {
            "id": self._name(version, kind, slug, sender, "encode"),
            "says": says,
            "version": version,
            "direction": "encode",
            "sender": sender,
            "packet": packet,
            "verdict": "reject",
            "field": field,
            "rules": list(rules),
            "error": error,
        }
        return self._add(kind.lower(), (version, "encode", sender, repr(packet)), vector)

    def near(self, version, packet, slug, says, sender=None, form=None, raw=None, file=None):
        """An accept vector that is there to be some reject vector's neighbour."""
        return self.accept(version, packet, slug, says, sender=sender, form=form, raw=raw, file=file)

    def texts(self):
        """File name to file text: one vector per line."""
        out = {}
        for file, vectors in sorted(self.files.items()):
            lines = [json.dumps(written(vector), ensure_ascii=True) for vector in vectors]
            out[f"codec/{file}.json"] = "[\n" + ",\n".join(lines) + "\n]\n"
        return out


def written(vector):
    out = dict(vector)
    if "bytes" in out:
        out["bytes"] = hex_form(out["bytes"])
    if "packet" in out:
        out["packet"] = packet_form(out["packet"])
    return out


def packet_form(packet):
    payload = packet.get("payload")
    if isinstance(payload, Huge):
        return {**fields_form({**packet, "payload": b""}), "payload": payload.form}
    return fields_form(packet)

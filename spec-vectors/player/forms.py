"""The JSON forms of text and bytes: read for sending, and written for comparing."""

import json

BYTES = ("payload", "password")
BYTE_PROPERTIES = ("Correlation Data", "Authentication Data")


def load(path):
    """The scenarios of a file, with all runs written out, so that a value is a plain text, hex or number."""
    return [expanded(scenario) for scenario in json.loads(path.read_text("utf-8"))]


def expanded(value):
    if isinstance(value, dict):
        return {key: expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        runs = [part for part in value if isinstance(part, dict) and "count" in part]
        if not runs:
            return [expanded(part) for part in value]
        joint = " " if any("byte" in part for part in runs) else ""
        return joint.join(run(part, joint) if isinstance(part, dict) else part for part in value)
    return value


def run(part, joint):
    return joint.join([part.get("byte", part.get("text"))] * part["count"])


def replaced(value, old, new):
    """The value with a text in place of another, wherever it stands."""
    if isinstance(value, dict):
        return {key: replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def shown(value):
    """A decoded packet in the form in which a scenario writes it: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex(" ").upper()
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def sendable(packet, names):
    """A packet of a scenario as the encoder takes it: hex as bytes, and numbers for their names."""
    out = {}
    for key, value in packet.items():
        if isinstance(value, dict) and "id" in value:
            value = names[value["id"]]
        if key in BYTES and value is not None:
            value = bytes.fromhex(value)
        elif key == "properties":
            value = [sendable_property(entry) for entry in value]
        elif key == "will" and value:
            value = sendable(value, names)
        out[key] = value
    return out


def sendable_property(entry):
    raw = entry["name"] in BYTE_PROPERTIES
    return {**entry, "value": bytes.fromhex(entry["value"]) if raw else entry["value"]}

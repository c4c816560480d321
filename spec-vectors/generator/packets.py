"""Plain legal packets to start from, one function per shape, so that a vector states only what it changes."""

from copy import deepcopy

from .tables import ACKS, EXAMPLE, TYPES


def prop(name, value=None):
    return {"name": name, "value": EXAMPLE[name] if value is None else value}


def will(version, topic="w", payload=b"m", qos=0, retain=False, properties=()):
    out = {"qos": qos, "retain": retain, "topic": topic, "payload": payload}
    if version == "5.0":
        out["properties"] = list(properties)
    return out


def subscription(version, text="a", qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    if version != "5.0":
        return {"filter": text, "qos": qos}
    return {
        "filter": text,
        "qos": qos,
        "no_local": no_local,
        "retain_as_published": retain_as_published,
        "retain_handling": retain_handling,
    }


def base(version, kind, **changes):
    """The smallest plain packet of a type, with the given fields changed."""
    new = version == "5.0"
    none = {"properties": []} if new else {}
    if kind == "CONNECT":
        out = {
            "clean_start": True,
            "keep_alive": 60,
            **none,
            "client_id": "a",
            "will": None,
            "user_name": None,
            "password": None,
        }
    elif kind == "CONNACK":
        out = {"session_present": False, **({"reason": "0x00", **none} if new else {"return_code": 0})}
    elif kind == "PUBLISH":
        out = {"dup": False, "qos": 0, "retain": False, "topic": "a", "packet_id": None, **none, "payload": b""}
    elif kind in ACKS:
        out = {"packet_id": 1, **({"reason": "0x00", **none} if new else {})}
    elif kind == "SUBSCRIBE":
        out = {"packet_id": 1, **none, "filters": [subscription(version)]}
    elif kind == "UNSUBSCRIBE":
        out = {"packet_id": 1, **none, "filters": ["a"]}
    elif kind == "SUBACK" or kind == "UNSUBACK" and new:
        out = {"packet_id": 1, **none, "reasons": ["0x00"]}
    elif kind == "UNSUBACK":
        out = {"packet_id": 1}
    elif kind == "DISCONNECT":
        out = {"reason": "0x00", **none} if new else {}
    elif kind == "AUTH":
        out = {"reason": "0x18", "properties": [prop("Authentication Method")]}
    else:
        out = {}
    return {"type": kind, **deepcopy(out), **changes}


def kinds(version):
    return [kind for kind in TYPES if kind != "AUTH" or version == "5.0"]


def in_scope(scope, properties, **changes):
    """A 5.0 packet whose section `scope` holds these properties; "will" is the section inside CONNECT."""
    if scope == "will":
        return base("5.0", "CONNECT", will=will("5.0", properties=properties), **changes)
    return base("5.0", scope, properties=list(properties), **changes)


def companions(scope, name):
    """Properties that must stand beside this one for the packet to be legal."""
    needs = scope == "AUTH" or name == "Authentication Data" and scope in ("CONNECT", "CONNACK")
    return [prop("Authentication Method")] if needs and name != "Authentication Method" else []


def carrier(scope, name, *values):
    """A legal 5.0 packet with one property, once per value, and what it needs beside it."""
    entries = companions(scope, name) + [prop(name, value) for value in values]
    extra = {"reason": "0x9C"} if name == "Server Reference" else {}
    return in_scope(scope, entries, **extra)


def rich(version, kind):
    """A packet with every field present and filled, for cutting it at each of them."""
    new = version == "5.0"
    pair = [prop("User Property")]
    some = {"properties": pair} if new else {}
    if kind == "CONNECT":
        return base(
            version,
            kind,
            client_id="id",
            user_name="user",
            password=b"pass",
            will=will(version, "w/t", b"bye", 1, True, pair),
            **some,
        )
    if kind == "PUBLISH":
        return base(version, kind, topic="a/b", qos=1, packet_id=10, payload=b"", **some)
    if kind == "SUBSCRIBE":
        return base(version, kind, filters=[subscription(version, "a/b", 1), subscription(version, "c/+", 2)], **some)
    if kind == "UNSUBSCRIBE":
        return base(version, kind, filters=["a/b", "c/+"], **some)
    if kind == "AUTH":
        return base(version, kind, properties=[prop("Authentication Method"), prop("Authentication Data")])
    if kind in ("PINGREQ", "PINGRESP"):
        return base(version, kind)
    return base(version, kind, **some)

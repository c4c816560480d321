"""UTF-8: ill-formed, forbidden and merely odd text in every text field, and binary fields that may hold anything."""

from .encode import encode
from .packets import base, carrier, prop, subscription, will
from .tables import PROPERTIES, VERSIONS, field_rules, nul_rules, rule, utf8_rules

FILE = "text"

# Ill-formed sequences. Each is followed by plain ASCII or by the end of the string.
ILL_FORMED = {
    "lone-continuation-80": "80",
    "lone-continuation-bf": "BF",
    "two-continuations": "80 BF",
    "overlong-2-nul": "C0 80",
    "overlong-2-slash": "C0 AF",
    "overlong-2-last": "C1 BF",
    "overlong-3-nul": "E0 80 80",
    "overlong-3-slash": "E0 80 AF",
    "overlong-3-last": "E0 9F BF",
    "overlong-4-nul": "F0 80 80 80",
    "overlong-4-last": "F0 8F BF BF",
    "surrogate-d800": "ED A0 80",
    "surrogate-dbff": "ED AF BF",
    "surrogate-dc00": "ED B0 80",
    "surrogate-dfff": "ED BF BF",
    "surrogate-pair": "ED A0 BD ED B8 80",
    "above-10ffff": "F4 90 80 80",
    "lead-f5": "F5 80 80 80",
    "lead-f7": "F7 BF BF BF",
    "five-bytes": "F8 88 80 80 80",
    "six-bytes": "FC 84 80 80 80 80",
    "byte-fe": "FE",
    "byte-ff": "FF",
    "cut-2": "C2",
    "cut-3-after-1": "E2",
    "cut-3-after-2": "E2 82",
    "cut-4-after-1": "F0",
    "cut-4-after-2": "F0 9F",
    "cut-4-after-3": "F0 9F 98",
    "lead-twice": "C3 C3 A9",
    "bad-second-of-3": "E2 28 A1",
    "bad-third-of-3": "E2 82 28",
    "bad-second-of-4": "F0 28 8C BC",
    "bad-third-of-4": "F0 90 28 BC",
    "bad-fourth-of-4": "F0 90 8C 28",
}
ILL_FORMED = {slug: bytes.fromhex(raw) for slug, raw in ILL_FORMED.items()}

BOM, CONTROL, NONCHARACTER = "MQTT-1.5.3-3 MQTT-1.5.4-3", "U8-1 U8-1b", "U8-2 U8-1b"
LEGAL = {
    "feff": ("\ufeff", BOM),
    "control-0001": ("\x01", CONTROL),
    "control-001f": ("\x1f", CONTROL),
    "control-007f": ("\x7f", CONTROL),
    "control-0080": ("\x80", CONTROL),
    "control-009f": ("\x9f", CONTROL),
    "noncharacter-ffff": ("\uffff", NONCHARACTER),
    "noncharacter-fffe": ("\ufffe", NONCHARACTER),
    "noncharacter-fdd0": ("\ufdd0", NONCHARACTER),
    "noncharacter-fdef": ("\ufdef", NONCHARACTER),
    "noncharacter-1ffff": ("\U0001ffff", NONCHARACTER),
    "noncharacter-10fffe": ("\U0010fffe", NONCHARACTER),
    "last-of-2": ("\u07ff", ""),
    "first-of-3": ("\u0800", ""),
    "before-surrogates": ("\ud7ff", ""),
    "after-surrogates": ("\ue000", ""),
    "first-of-4": ("\U00010000", ""),
    "last-of-all": ("\U0010ffff", NONCHARACTER),
    "replacement": ("\ufffd", ""),
    "emoji": ("\U0001f600", ""),
    "decomposed": ("e\u0301", ""),
    "space": (" ", ""),
}


def build(book):
    for version, kind, label, make, share in fields():
        ill_formed(book, version, kind, label, make, share)
        nul(book, version, kind, label, make)
        legal(book, version, kind, label, make, share)
    sweeps(book)
    binary(book)


def main_fields(version):
    return [
        ("CONNECT", "client_id", lambda t: base(version, "CONNECT", client_id=t)),
        ("CONNECT", "will_topic", lambda t: base(version, "CONNECT", will=will(version, topic=t))),
        ("CONNECT", "user_name", lambda t: base(version, "CONNECT", user_name=t)),
        ("PUBLISH", "topic", lambda t: base(version, "PUBLISH", topic=t)),
        ("SUBSCRIBE", "filter", lambda t: base(version, "SUBSCRIBE", filters=[subscription(version, t)])),
        ("UNSUBSCRIBE", "filter", lambda t: base(version, "UNSUBSCRIBE", filters=[t])),
    ]


def fields():
    """(version, scope, field, packet maker, how many ill-formed sequences it gets) for every text field."""
    every = len(ILL_FORMED)
    for version in VERSIONS:
        for kind, label, make in main_fields(version):
            full = (version, kind) in (("3.1.1", "CONNECT"), ("3.1.1", "SUBSCRIBE"), ("5.0", "PUBLISH"))
            yield version, kind, label, make, every if full else 5 if version == "3.1" else 14
    for _, name, kind, where in PROPERTIES:
        for scope in where.split() if kind in ("text", "pair") else ():
            if kind == "text":
                yield "5.0", scope, name, lambda t, s=scope, n=name: carrier(s, n, t), 7
            else:
                yield "5.0", scope, name + " name", lambda t, s=scope: carrier(s, "User Property", [t, "v"]), 4
                yield "5.0", scope, name + " value", lambda t, s=scope: carrier(s, "User Property", ["k", t]), 4


def slug_of(kind, label):
    slug = label.lower().replace(" ", "-").replace("_", "-")
    return "will-" + slug if kind == "will" else slug


def rotate(table, share, seed):
    """`share` entries of a table, from a starting point that differs per field, so that fields differ in their set."""
    names = sorted(table)
    start = sum(seed.encode()) * 7 % len(names)
    return [(index, names[(start + index) % len(names)]) for index in range(min(share, len(names)))]


def plain(book, version, kind, label, make, size):
    """The neighbour of a bad string: plain ASCII of the same length."""
    return book.near(
        version, make("a" * size), f"{slug_of(kind, label)}-{size}-letters", f"{label} of {size} letters.", file=FILE
    )


def ill_formed(book, version, kind, label, make, share):
    for index, name in rotate(ILL_FORMED, share, kind + label):
        raw = ILL_FORMED[name]
        room = 8 - len(raw)
        before = (room, index % 3, 0)[index % 3]
        packet = make(b"a" * before + raw + b"a" * (room - before))
        near = plain(book, version, kind, label, make, 8)
        book.reject(
            version,
            packet["type"],
            encode(version, packet),
            f"{slug_of(kind, label)}-{name}",
            f"{label} holds {raw.hex(' ').upper()}.",
            "utf8",
            field_rules(version, kind, label) + utf8_rules(version),
            near,
            file=FILE,
        )


def text_nul_rules(version, kind, label):
    named = label in ("topic", "will_topic", "filter", "Response Topic")
    return (["MQTT-4.7.3-2"] if named else []) + field_rules(version, kind, label) + nul_rules(version)


def nul(book, version, kind, label, make):
    rules = text_nul_rules(version, kind, label)
    for place, value in (("first", "\0aaaaaaa"), ("middle", "aaaa\0aaa"), ("last", "aaaaaaa\0"), ("alone", "\0")):
        if label.startswith("User Property") and place == "alone":
            continue
        packet = make(value)
        near = plain(book, version, kind, label, make, len(value))
        book.reject(
            version,
            packet["type"],
            encode(version, packet),
            f"{slug_of(kind, label)}-nul-{place}",
            f"{label} holds U+0000.",
            "nul",
            rules,
            near,
            file=FILE,
        )


def legal(book, version, kind, label, make, share):
    for index, name in rotate(LEGAL, len(LEGAL) if share > 20 else 7 if share > 10 else 2, kind + label):
        value, ids = LEGAL[name]
        for place, text in (
            ("alone", value),
            ("first", value + "ab"),
            ("middle", "a" + value + "b"),
            ("last", "ab" + value),
        ):
            if (name != "feff" or share < 10) and place != ("alone", "first", "middle", "last")[index % 4]:
                continue
            book.accept(
                version,
                make(text),
                f"{slug_of(kind, label)}-{name}-{place}",
                f"{label} may hold U+{ord(value[-1]):04X}.",
                pick(version, ids),
                file=FILE,
            )


def pick(version, ids):
    """The id for this version out of an "old new" pair."""
    return [ids.split()[version == "5.0"]] if ids else []


def sweeps(book):
    """Bad bytes at every offset up to 9 of strings up to 24 bytes, against scanners that read a word at a time."""
    first = {
        version: {label: (kind, make) for kind, label, make in main_fields(version)} for version in ("3.1.1", "5.0")
    }
    pair = ("CONNACK", lambda t: carrier("CONNACK", "User Property", ["k", t]))
    bad = [
        ILL_FORMED[name]
        for name in (
            "byte-ff",
            "overlong-2-slash",
            "surrogate-d800",
            "above-10ffff",
            "lone-continuation-80",
            "cut-3-after-2",
            "overlong-3-last",
        )
    ]
    for version, label, (kind, make) in (
        ("5.0", "topic", first["5.0"]["topic"]),
        ("3.1.1", "client_id", first["3.1.1"]["client_id"]),
        ("5.0", "User Property value", pair),
    ):
        for size, at in places(0 if label == "topic" else 1):
            raw = bad[(size + at // 2) % len(bad)]
            raw = raw if at + len(raw) <= size else b"\xff"
            packet = make(b"a" * at + raw + b"a" * (size - at - len(raw)))
            book.reject(
                version,
                kind,
                encode(version, packet),
                f"{slug_of(kind, label)}-{size}-bad-at-{at}",
                f"{raw.hex(' ').upper()} at {at} of {size} bytes.",
                "utf8",
                field_rules(version, kind, label) + utf8_rules(version),
                plain(book, version, kind, label, make, size),
                file=FILE,
            )
    for version, label, (kind, make) in (
        ("3.1.1", "topic", first["3.1.1"]["topic"]),
        ("5.0", "client_id", first["5.0"]["client_id"]),
    ):
        for size, at in [*places(0 if label == "topic" else 1), *LONG]:
            packet = make("a" * at + "\0" + "a" * (size - at - 1))
            book.reject(
                version,
                kind,
                encode(version, packet),
                f"{slug_of(kind, label)}-{size}-nul-at-{at}",
                f"U+0000 at {at} of {size} bytes.",
                "nul",
                text_nul_rules(version, kind, label),
                plain(book, version, kind, label, make, size),
                file=FILE,
            )
    fine = ["\x7f", "\u00e9", "\u20ac", "\U0001f600", "\ud7ff", "\ufeff"]
    version, label, (kind, make) = "5.0", "topic", first["5.0"]["topic"]
    for size, at in places(0):
        value = fine[(size + at // 2) % len(fine)]
        value = value if at + len(value.encode()) <= size else "z"
        text = "a" * at + value + "a" * (size - at - len(value.encode()))
        ids = BOM if value == "\ufeff" else CONTROL if value == "\x7f" else ""
        book.accept(
            version,
            make(text),
            f"{slug_of(kind, label)}-{size}-good-at-{at}",
            f"U+{ord(value):04X} at {at} of {size} bytes.",
            pick(version, ids),
            file=FILE,
        )


# The same (size, offset) far from both ends, against scanners that look closer at these.
LONG = [(33, 16), (48, 24), (100, 50)]


def places(parity):
    """Half of all (size, offset) pairs, like the squares of one colour; two fields together fill the board."""
    return [(size, at) for size in range(1, 25) for at in range(min(size, 10)) if (size + at) % 2 == parity]


def binary(book):
    """Binary fields take any bytes, also none."""
    odd = {
        "empty": b"",
        "nul": b"\0",
        "ff": b"\xff\xff",
        "surrogate": b"\xed\xa0\x80",
        "cut": b"ok\xe2\x82",
        "every-byte": bytes(range(256)),
    }
    for version in ("3.1", "3.1.1", "5.0"):
        rules = rule(version, "U8-3", "U8-4")
        for name, raw in odd.items():
            book.accept(
                version,
                base(version, "CONNECT", will=will(version, payload=raw)),
                f"will-payload-{name}",
                "A will payload is binary.",
                rules,
                file=FILE,
            )
            book.accept(
                version,
                base(version, "CONNECT", user_name="u", password=raw),
                f"password-{name}",
                "A password is binary.",
                rules,
                file=FILE,
            )
            book.accept(
                version,
                base(version, "PUBLISH", payload=raw),
                f"payload-{name}",
                "A payload is binary.",
                ["PB-11"] if not raw else [],
                file=FILE,
            )
    for name, raw in odd.items():
        for scope, label in (
            ("PUBLISH", "Correlation Data"),
            ("will", "Correlation Data"),
            ("CONNECT", "Authentication Data"),
            ("CONNACK", "Authentication Data"),
            ("AUTH", "Authentication Data"),
        ):
            book.accept(
                "5.0",
                carrier(scope, label, raw),
                f"{slug_of(scope, label)}-{name}",
                f"{label} is binary.",
                ["U8-4"],
                file=FILE,
            )
    for name in ("ff", "cut"):
        packet = base("5.0", "PUBLISH", properties=[prop("Payload Format Indicator", 1)], payload=odd[name])
        book.accept(
            "5.0",
            packet,
            f"payload-format-1-{name}",
            "A decoder does not test the payload; the receiver may, later.",
            ["PB-12"],
            file=FILE,
        )

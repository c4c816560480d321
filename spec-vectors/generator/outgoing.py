"""Encoding: what the bytes must be, and what an encoder must refuse."""

from .book import Huge
from .packets import base, carrier, companions, in_scope, kinds, prop, rich, subscription, will
from .tables import (
    ACKS,
    CLIENT_DISCONNECT,
    CLIENT_ONLY,
    DUPLICATE_RULE,
    NOT_ZERO,
    PROPERTIES,
    REASON_RULE,
    REASONS,
    SCOPES,
    SERVER_DISCONNECT,
    SERVER_ONLY,
    VALUE_RULE,
    VERSIONS,
    ZERO_OR_ONE,
    empty_rules,
    filter_rules,
    packet_id_rules,
    rule,
    wildcard_rules,
)
from .text import text_nul_rules
from .topics import BROKEN_INNER, BROKEN_SHARES, judge

V = "5.0"


def build(book):
    for version in VERSIONS:
        exact(book, version)
        text_fields(book, version)
        topics_and_filters(book, version)
        publish(book, version)
        packet_ids(book, version)
        empty_lists(book, version)
        old_and_new_fields(book, version)
        wrong_sides(book, version)
    shares(book)
    codes(book)
    properties(book)
    senders(book)


def exact(book, version):
    """One right answer for each packet: shortest lengths, shortest forms, fixed flags."""
    flags = rule(version, "MQTT-2.2.2-1", "")
    for kind in kinds(version):
        book.encodes(version, base(version, kind), "basic", f"A plain {kind}.", [] if kind == "PUBLISH" else flags)
        book.encodes(
            version,
            rich(version, kind),
            "rich",
            f"A {kind} with every field in use.",
            [] if kind == "PUBLISH" else flags,
        )
    no_id = rule(version, "MQTT-2.3.1-5", "MQTT-2.2.1-2")
    book.encodes(
        version,
        base(version, "PUBLISH", payload=b"\0\1"),
        "qos-0-no-packet-id",
        "At QoS 0 no packet identifier stands before the payload.",
        no_id,
    )
    book.encodes(
        version,
        base(version, "PUBLISH", payload=b"x"),
        "qos-0-flags",
        "QoS 0 goes out with QoS and DUP 0.",
        ["MQTT-4.3.1-1"],
    )
    book.encodes(
        version,
        base(version, "PUBLISH", payload=b"x", retain=True),
        "qos-0-retain",
        "QoS 0 with RETAIN still has DUP 0.",
        ["MQTT-4.3.1-1"],
    )
    for qos in (1, 2):
        for dup in (False, True):
            packet = base(version, "PUBLISH", qos=qos, dup=dup, packet_id=65535, payload=b"x")
            book.encodes(version, packet, f"qos-{qos}{'-dup' if dup else ''}", f"A PUBLISH at QoS {qos}.")
    for size in (127, 128, 16383, 16384, 2097151, 2097152):
        packet = base(version, "PUBLISH", payload=b"x" * (size - 3 - (version == V)))
        book.encodes(
            version,
            packet,
            f"length-{size}",
            f"Remaining Length {size} in the fewest bytes.",
            rule(version, "", "MQTT-1.5.5-1"),
        )
    long = "t" * 65535
    book.encodes(
        version, base(version, "PUBLISH", topic=long), "longest-topic", "A topic of 65535 bytes.", ["MQTT-4.7.3-3"]
    )
    book.encodes(
        version,
        base(version, "SUBSCRIBE", filters=[subscription(version, long)]),
        "longest-filter",
        "A filter of 65535 bytes.",
        ["MQTT-4.7.3-3"],
    )
    book.encodes(
        version,
        base(version, "UNSUBSCRIBE", filters=[long]),
        "longest-filter",
        "A filter of 65535 bytes.",
        ["MQTT-4.7.3-3"],
    )
    book.encodes(
        version,
        base(version, "PUBLISH", topic="\ufeffa"),
        "feff",
        "U+FEFF is not dropped.",
        rule(version, "MQTT-1.5.3-3", "MQTT-1.5.4-3"),
    )
    full = base(version, "CONNECT", will=will(version), user_name="u", password=b"p")
    book.encodes(version, full, "all-payload-fields", "The payload fields in their order.", ["MQTT-3.1.3-1"])
    empty = base(version, "CONNECT", client_id="", clean_start=True)
    if version == "3.1":
        book.refuses(version, empty, "client_id", "client-id", [], "client-id-empty", "3.1 has no empty client identifier.")
    else:
        book.encodes(version, empty, "client-id-empty", "An empty client identifier with a clean session.")
    if version == V:
        forms(book)


def forms(book):
    for kind in ACKS:
        error = "0x87" if kind in ("PUBACK", "PUBREC") else "0x92"
        book.encodes(V, base(V, kind, reason=error), "error", "A code without properties takes three bytes.", ["SF-2"])
        book.encodes(
            V,
            base(V, kind, properties=[prop("Reason String")]),
            "success-properties",
            "Properties need the full form.",
            ["SF-3"],
        )
    book.encodes(
        V, base(V, "DISCONNECT", reason="0x04"), "reason-only", "A code without properties takes one byte.", ["SF-4"]
    )
    book.encodes(
        V,
        base(V, "DISCONNECT", properties=[prop("Reason String")]),
        "success-properties",
        "Properties need the full form.",
        ["SF-4"],
    )
    book.encodes(
        V,
        base(V, "CONNECT", client_id="", clean_start=False),
        "client-id-empty-resume",
        "5.0 allows an empty client identifier with Clean Start 0.",
        ["CN-4"],
    )
    book.encodes(V, base(V, "CONNECT", password=b"p"), "password-only", "5.0 allows a password alone.", ["CN-1"])
    book.encodes(
        V,
        base(V, "PUBLISH", topic="", properties=[prop("Topic Alias")]),
        "alias-only",
        "An alias stands in for the topic.",
        ["PB-2"],
    )
    for _, name, _, where in PROPERTIES:
        for scope in where.split():
            slug = name.lower().replace(" ", "-")
            book.encodes(
                V, carrier(scope, name, None), f"{'will-' if scope == 'will' else ''}{slug}", f"{scope} with {name}."
            )
    for value in (127, 128, 16383, 16384, 2097151, 2097152, 268435455):
        book.encodes(
            V,
            carrier("SUBSCRIBE", "Subscription Identifier", value),
            f"subscription-identifier-{value}",
            "The fewest bytes for the identifier.",
            ["MQTT-1.5.5-1"],
        )
    for size in (127, 128, 16383, 16384):
        packet = base(V, "PUBLISH", properties=[prop("User Property", ["k", "v" * (size - 6)])])
        book.encodes(V, packet, f"property-length-{size}", "The fewest bytes for Property Length.", ["MQTT-1.5.5-1"])
    entries = [prop("User Property", ["b", "1"]), prop("Content Type"), prop("User Property", ["a", "2"])]
    book.encodes(
        V, base(V, "PUBLISH", properties=entries), "property-order", "User properties keep their order.", ["PR-13"]
    )


def string_fields(version):
    def pick(kind, **fields):
        return base(version, kind, **fields)

    yield "CONNECT", "client_id", "client_id", lambda t: pick("CONNECT", client_id=t)
    yield "CONNECT", "will_topic", "will_topic", lambda t: pick("CONNECT", will=will(version, topic=t))
    yield "CONNECT", "user_name", "user_name", lambda t: pick("CONNECT", user_name=t)
    yield "PUBLISH", "topic", "topic", lambda t: pick("PUBLISH", topic=t)
    yield "SUBSCRIBE", "filter", "filter", lambda t: pick("SUBSCRIBE", filters=[subscription(version, t)])
    yield "UNSUBSCRIBE", "filter", "filter", lambda t: pick("UNSUBSCRIBE", filters=[t])
    if version == V:
        for _, name, kind, where in PROPERTIES:
            for scope in where.split():
                if kind == "text":
                    yield scope, name, snake(name), lambda t, s=scope, n=name: carrier(s, n, t)
                if kind == "pair":
                    yield scope, name, snake(name), lambda t, s=scope, n=name: carrier(s, n, ["k", t])


def snake(name):
    return name.lower().replace(" ", "_")


def text_fields(book, version):
    for scope, label, field, make in string_fields(version):
        slug = ("will-" if scope == "will" else "") + field.replace("_", "-")
        book.refuses(
            version,
            make("a\0b"),
            field,
            "nul",
            text_nul_rules(version, scope, label),
            f"{slug}-nul",
            f"{label} holds U+0000.",
        )
        named = label in ("topic", "will_topic", "filter", "Response Topic")
        book.refuses(
            version,
            make("t" * 65536),
            field,
            "too-long",
            ["MQTT-4.7.3-3"] if named else [],
            f"{slug}-too-long",
            f"{label} of 65536 bytes.",
        )
        # 21846 characters of three bytes: short enough by characters, too long by bytes.
        if label in ("topic", "client_id"):
            book.refuses(
                version,
                make("\u20ac" * 21846),
                field,
                "too-long",
                ["MQTT-4.7.3-3"] if named else [],
                f"{slug}-too-long-in-bytes",
                f"{label} of 65538 bytes in 21846 characters.",
            )
    if version == V:
        packet = carrier("PUBLISH", "User Property", ["a\0b", "v"])
        book.refuses(
            V,
            packet,
            "user_property",
            "nul",
            text_nul_rules(V, "PUBLISH", "User Property"),
            "user-property-name-nul",
            "A user property's name holds U+0000.",
        )
        packet = carrier("PUBLISH", "User Property", ["t" * 65536, "v"])
        book.refuses(
            V,
            packet,
            "user_property",
            "too-long",
            [],
            "user-property-name-too-long",
            "A user property's name of 65536 bytes.",
        )
        for scope, name in (
            ("PUBLISH", "Correlation Data"),
            ("will", "Correlation Data"),
            ("CONNECT", "Authentication Data"),
            ("CONNACK", "Authentication Data"),
            ("AUTH", "Authentication Data"),
        ):
            slug = ("will-" if scope == "will" else "") + name.lower().replace(" ", "-")
            book.refuses(
                V,
                carrier(scope, name, b"d" * 65536),
                snake(name),
                "too-long",
                [],
                f"{slug}-too-long",
                f"{name} of 65536 bytes.",
            )
    book.refuses(
        version,
        base(version, "CONNECT", will=will(version, payload=b"m" * 65536)),
        "will_payload",
        "too-long",
        [],
        "will-payload-too-long",
        "A will payload of 65536 bytes.",
    )
    book.refuses(
        version,
        base(version, "CONNECT", user_name="u", password=b"p" * 65536),
        "password",
        "too-long",
        [],
        "password-too-long",
        "A password of 65536 bytes.",
    )
    book.refuses(
        version,
        base(version, "PUBLISH", payload=Huge("00", 268435456)),
        "payload",
        "too-long",
        ["FR-1"],
        "packet-too-long",
        "The packet does not fit Remaining Length.",
    )


def topics_and_filters(book, version):
    names = [
        ("PUBLISH", "topic", lambda t: base(version, "PUBLISH", topic=t)),
        ("CONNECT", "will_topic", lambda t: base(version, "CONNECT", will=will(version, topic=t))),
    ]
    if version == V:
        names += [
            ("PUBLISH", "Response Topic", lambda t: carrier("PUBLISH", "Response Topic", t)),
            ("CONNECT", "will Response Topic", lambda t: carrier("will", "Response Topic", t)),
        ]
    for _, label, make in names:
        field = snake(label.replace("will Response", "Response"))
        slug = label.lower().replace(" ", "-").replace("_", "-")
        book.refuses(
            version,
            make(""),
            field,
            "empty-topic",
            empty_rules(version, label.replace("will Response", "Response")),
            f"{slug}-empty",
            f"{label} is empty.",
        )
        for tag, text in (("plus", "a/+"), ("hash", "#"), ("inner-hash", "a#b"), ("inner-plus", "a+b")):
            book.refuses(
                version,
                make(text),
                field,
                "wildcard-in-topic",
                wildcard_rules(version, label),
                f"{slug}-{tag}",
                f"{label} is {text}.",
            )
    for kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        book.refuses(
            version,
            one_filter(version, kind, ""),
            "filter",
            "empty-topic",
            ["MQTT-4.7.3-1"],
            "filter-empty",
            "The filter is empty.",
        )
        for tag, text in (
            ("hash-not-last", "a/#/b"),
            ("hash-in-level", "a#"),
            ("hash-twice", "##"),
            ("plus-in-level", "a+"),
            ("plus-twice", "++"),
            ("plus-in-last-level", "a/+b"),
        ):
            error = judge(text).pop()
            book.refuses(
                version,
                one_filter(version, kind, text),
                "filter",
                error,
                filter_rules(version, error),
                f"filter-{tag}",
                f"{text} is no legal filter.",
            )


def one_filter(version, kind, text, **options):
    return base(version, kind, filters=[text if kind == "UNSUBSCRIBE" else subscription(version, text, **options)])


def publish(book, version):
    book.refuses(
        version,
        base(version, "PUBLISH", dup=True),
        "dup",
        "dup",
        ["MQTT-3.3.1-2", "MQTT-4.3.1-1"],
        "dup-qos-0",
        "DUP at QoS 0.",
    )
    book.refuses(
        version, base(version, "PUBLISH", qos=3, packet_id=1), "qos", "qos", ["MQTT-3.3.1-4"], "qos-3", "QoS 3."
    )
    book.refuses(
        version,
        base(version, "PUBLISH", packet_id=1),
        "packet_id",
        "packet-id",
        rule(version, "MQTT-2.3.1-5", "MQTT-2.2.1-2"),
        "qos-0-packet-id",
        "A packet identifier at QoS 0.",
    )
    for qos in (1, 2):
        book.refuses(
            version,
            base(version, "PUBLISH", qos=qos),
            "packet_id",
            "packet-id",
            packet_id_rules(version, "PUBLISH"),
            f"qos-{qos}-no-packet-id",
            f"No packet identifier at QoS {qos}.",
        )
    book.refuses(
        version,
        base(version, "CONNECT", will=will(version, qos=3)),
        "will_qos",
        "qos",
        rule(version, "MQTT-3.1.2-14", "MQTT-3.1.2-12"),
        "will-qos-3",
        "A will at QoS 3.",
    )
    book.refuses(
        version,
        base(version, "SUBSCRIBE", filters=[subscription(version, qos=3)]),
        "qos",
        "qos",
        rule(version, "MQTT-3.8.3-4", "SB-1"),
        "qos-3",
        "A subscription at QoS 3.",
    )


def packet_ids(book, version):
    for kind in ACKS + ("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK"):
        book.refuses(
            version,
            base(version, kind, packet_id=0),
            "packet_id",
            "packet-id",
            packet_id_rules(version, kind),
            "packet-id-0",
            "Packet identifier 0.",
        )
    for qos in (1, 2):
        book.refuses(
            version,
            base(version, "PUBLISH", qos=qos, packet_id=0),
            "packet_id",
            "packet-id",
            packet_id_rules(version, "PUBLISH"),
            f"qos-{qos}-packet-id-0",
            "Packet identifier 0.",
        )


def empty_lists(book, version):
    rules = {
        "SUBSCRIBE": rule(version, "MQTT-3.8.3-3", "MQTT-3.8.3-2"),
        "UNSUBSCRIBE": ["MQTT-3.10.3-2"],
        "SUBACK": rule(version, "FR-11", "FR-12"),
        "UNSUBACK": ["FR-12"],
    }
    for kind, ids in rules.items():
        if kind != "UNSUBACK" or version == V:
            field = "reasons" if kind.endswith("ACK") else "filters"
            book.refuses(
                version,
                base(version, kind, **{field: []}),
                field,
                "empty-list",
                ids,
                f"no-{field}",
                f"{kind} without {field}.",
            )


def old_and_new_fields(book, version):
    """3.x: what the version forbids, and 5.0 data that it has no place for."""
    if version == V:
        return
    book.refuses(
        version,
        base(version, "CONNECT", password=b"p"),
        "password",
        "password-without-user-name",
        ["MQTT-3.1.2-22"],
        "password-only",
        "A password without a user name.",
    )
    for value in (6, 128, 255):
        book.refuses(
            version,
            base(version, "CONNACK", return_code=value),
            "return_code",
            "reason-code",
            ["FR-8"],
            f"code-{value}",
            f"Return code {value} is reserved.",
        )
    for value in ("0x03", "0x87") + (("0x80",) if version == "3.1" else ()):
        book.refuses(
            version,
            base(version, "SUBACK", reasons=[value]),
            "reasons",
            "reason-code" if value == "0x03" else "not-in-version",
            ["MQTT-3.9.3-2"],
            f"code-{value}",
            f"SUBACK has no code {value}." if value == "0x03" else f"SUBACK has {value} only in later versions.",
        )
    if version == "3.1":
        book.refuses(
            version,
            base(version, "CONNACK", session_present=True),
            "session_present",
            "not-in-version",
            ["FR-8"],
            "session-present",
            "3.1 has no Session Present.",
        )
    else:
        for value in range(1, 6):
            book.refuses(
                version,
                base(version, "CONNACK", session_present=True, return_code=value),
                "session_present",
                "session-present",
                ["MQTT-3.2.2-4"],
                f"session-present-code-{value}",
                "Session Present goes with success only.",
            )
        book.refuses(
            version,
            base(version, "CONNECT", client_id="", clean_start=False),
            "client_id",
            "client-id",
            ["MQTT-3.1.3-7"],
            "client-id-empty-clean-off",
            "An empty client identifier needs CleanSession 1.",
        )
    for kind in ("CONNECT", "PUBLISH", "PUBACK", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "DISCONNECT"):
        rules = {"PUBACK": ["FR-7"], "DISCONNECT": ["FR-6"]}.get(kind, [])
        book.refuses(
            version,
            base(version, kind, properties=[prop("User Property")]),
            "properties",
            "not-in-version",
            rules,
            "properties",
            f"{version} has no properties.",
        )
    for kind, code in (("PUBACK", "0x87"), ("PUBREC", "0x87"), ("PUBREL", "0x92"), ("PUBCOMP", "0x92")):
        book.refuses(
            version,
            base(version, kind, reason=code),
            "reason",
            "not-in-version",
            ["FR-7"],
            "reason",
            f"{version} has no reason code in {kind}.",
        )
    book.refuses(
        version,
        base(version, "DISCONNECT", reason="0x04"),
        "reason",
        "not-in-version",
        ["FR-6"],
        "reason",
        f"{version} has no reason code in DISCONNECT.",
    )
    book.refuses(
        version,
        base(V, "CONNACK", reason="0x97"),
        "reason",
        "not-in-version",
        ["FR-8"],
        "reason",
        f"{version} has no return code for this reason.",
    )
    # Codes that an old SUBACK has, and no CONNACK.
    for code in ("0x01", "0x02"):
        book.refuses(
            version,
            base(V, "CONNACK", reason=code),
            "reason",
            "reason-code",
            ["FR-8"],
            f"reason-{code}",
            f"CONNACK has no {code} in any version.",
        )
    for sender in (None, "client", "server"):
        book.refuses(
            version,
            base(V, "AUTH"),
            "type",
            "not-in-version",
            ["FR-4"],
            "auth",
            f"{version} has no AUTH.",
            sender=sender,
        )
    for field, value in (("no_local", True), ("retain_as_published", True), ("retain_handling", 1)):
        entry = {**subscription(version), field: value}
        book.refuses(
            version,
            base(version, "SUBSCRIBE", filters=[entry]),
            field,
            "not-in-version",
            ["MQTT-3.8.3-4"],
            field.replace("_", "-"),
            f"{version} has no such subscription option.",
        )


def shares(book):
    for kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        for text, error, rules, _ in BROKEN_SHARES[:2] + BROKEN_SHARES[3:6] + BROKEN_SHARES[10:12]:
            book.refuses(
                V,
                one_filter(V, kind, text),
                "filter",
                error,
                rules,
                f"filter-{word(text)}",
                f"{text} is no legal shared filter.",
            )
        for text in BROKEN_INNER[:5]:
            error = judge(text[len("$share/g/") :]).pop()
            book.refuses(
                V,
                one_filter(V, kind, text),
                "filter",
                error,
                filter_rules(V, error, True),
                f"filter-{word(text)}",
                f"The filter part of {text} is not legal.",
            )
    for text in ("$share/g/a", "$share/g/#"):
        book.refuses(
            V,
            one_filter(V, "SUBSCRIBE", text, no_local=True),
            "no_local",
            "no-local",
            ["MQTT-3.8.3-4"],
            f"no-local-{word(text)}",
            f"No Local on {text}.",
        )
    book.refuses(
        V,
        base(V, "SUBSCRIBE", filters=[subscription(V, retain_handling=3)]),
        "retain_handling",
        "retain-handling",
        ["SB-2"],
        "retain-handling-3",
        "Retain Handling 3.",
    )


def word(text):
    names = {"/": "s", "+": "p", "#": "h", "$": ""}
    return "".join(names.get(letter, letter) for letter in text)


def codes(book):
    for kind, rules in REASON_RULE.items():
        legal = {code for code, where in REASONS.items() if kind in where.split()}
        field = "reasons" if kind in ("SUBACK", "UNSUBACK") else "reason"
        for value in sorted({0x01, 0x03, 0x10, 0x11, 0x18, 0x84, 0x92, 0xA0, 0xA3, 0xFF} - legal):
            code = f"0x{value:02X}"
            book.refuses(
                V,
                base(V, kind, **{field: [code] if field == "reasons" else code}),
                field,
                "reason-code",
                [rules],
                f"reason-{code}",
                f"{kind} has no reason code {code}.",
            )
    book.refuses(
        V,
        base(V, "DISCONNECT", reason="0x8C"),
        "reason",
        "reason-code",
        ["MQTT-3.14.2-1", "SF-6"],
        "reason-0x8C",
        "DISCONNECT's own table lacks 0x8C, so it is never sent.",
    )
    for value in (0x80, 0x87, 0x9F):
        packet = base(V, "CONNACK", session_present=True, reason=f"0x{value:02X}")
        book.refuses(
            V,
            packet,
            "session_present",
            "session-present",
            ["MQTT-3.2.2-6"],
            f"session-present-reason-0x{value:02X}",
            "Session Present goes with success only.",
        )


def properties(book):
    for scope in SCOPES:
        tag = "will-" if scope == "will" else ""
        mates = companions(scope, "") if scope == "AUTH" else []
        for number, name, _, where in PROPERTIES:
            slug = tag + name.lower().replace(" ", "-")
            if scope not in where.split():
                if (number + SCOPES.index(scope)) % 3:
                    continue  # the decode vectors have the whole matrix
                book.refuses(
                    V,
                    in_scope(scope, mates + [prop(name)]),
                    snake(name),
                    "property-not-allowed",
                    (["PR-2"] if tag else []) + ["PR-1"],
                    f"{slug}-not-here",
                    f"{scope} has no {name}.",
                )
                continue
            for value in [0] if name in NOT_ZERO else [2, 255] if name in ZERO_OR_ONE else []:
                book.refuses(
                    V,
                    carrier(scope, name, value),
                    snake(name),
                    "property-value",
                    VALUE_RULE[name],
                    f"{slug}-{value}",
                    f"{name} may not be {value}.",
                )
            if name != "User Property" and (scope, name) != ("PUBLISH", "Subscription Identifier"):
                more = {"reason": "0x9C"} if name == "Server Reference" else {}
                packet = in_scope(scope, companions(scope, name) + [prop(name), prop(name)], **more)
                book.refuses(
                    V,
                    packet,
                    snake(name),
                    "duplicate-property",
                    [DUPLICATE_RULE.get(scope, "PR-10")],
                    f"{slug}-twice",
                    f"{name} stands twice.",
                )
    for scope in ("PUBLISH", "SUBSCRIBE"):
        book.refuses(
            V,
            carrier(scope, "Subscription Identifier", 268435456),
            "subscription_identifier",
            "property-value",
            ["PR-16", "MQTT-1.5.5-1"],
            "subscription-identifier-268435456",
            "More than four bytes can hold.",
        )
    for scope in ("CONNECT", "CONNACK"):
        book.refuses(
            V,
            in_scope(scope, [prop("Authentication Data")]),
            "authentication_method",
            "missing-property",
            ["PR-22"],
            "authentication-data-alone",
            "Authentication data without a method.",
        )
    for slug, entries in (("no-method", []), ("reason-string-only", [prop("Reason String")])):
        for code in ("0x00", "0x18", "0x19"):
            book.refuses(
                V,
                base(V, "AUTH", reason=code, properties=entries),
                "authentication_method",
                "missing-property",
                ["PR-23"],
                f"{slug}-{code}",
                "AUTH without an authentication method.",
            )


def wrong_sides(book, version):
    """Packets that one side never sends."""
    for kind in kinds(version):
        one_way = kind == "DISCONNECT" and version != V
        if kind in CLIENT_ONLY or one_way:
            side, other = "server", "client"
        elif kind in SERVER_ONLY:
            side, other = "client", "server"
        else:
            continue
        packet = base(version, kind)
        rules = ["DR-2"] if one_way else ["DR-1"]
        book.refuses(version, packet, "type", "sender", rules, "wrong-side", f"A {side} sends no {kind}.", side)
        book.encodes(version, packet, "right-side", f"A {other} sends {kind}.", sender=other)
    if version != V:
        book.refuses(
            version,
            {**base(version, "UNSUBACK"), "reasons": ["0x00"]},
            "reasons",
            "not-in-version",
            ["FR-7"],
            "reasons",
            f"{version} has no codes in UNSUBACK.",
        )


def senders(book):
    packet = carrier("PUBLISH", "Subscription Identifier", 1)
    book.refuses(
        V,
        packet,
        "subscription_identifier",
        "sender",
        ["MQTT-3.3.4-6"],
        "subscription-identifier",
        "A client publishes without subscription identifiers.",
        "client",
    )
    book.encodes(V, packet, "subscription-identifier", "A server may send a subscription identifier.", sender="server")
    packet = carrier("DISCONNECT", "Session Expiry Interval", 5)
    book.refuses(
        V,
        packet,
        "session_expiry_interval",
        "sender",
        ["MQTT-3.14.2-2"],
        "session-expiry-interval",
        "A server sends no session expiry in DISCONNECT.",
        "server",
    )
    book.encodes(V, packet, "session-expiry-interval", "A client may change the session's expiry.", sender="client")
    packet = in_scope("DISCONNECT", [prop("Server Reference")])
    book.refuses(
        V,
        packet,
        "server_reference",
        "sender",
        ["SF-8"],
        "server-reference",
        "A client names no other server.",
        "client",
    )
    for value in SERVER_DISCONNECT:
        book.refuses(
            V,
            base(V, "DISCONNECT", reason=f"0x{value:02X}"),
            "reason",
            "sender",
            ["SF-7"],
            f"reason-0x{value:02X}",
            "A code for servers.",
            "client",
        )
    for value in CLIENT_DISCONNECT:
        book.refuses(
            V,
            base(V, "DISCONNECT", reason=f"0x{value:02X}"),
            "reason",
            "sender",
            ["SF-7"],
            f"reason-0x{value:02X}",
            "A code for clients.",
            "server",
        )
    for sender, value in (("client", "0x00"), ("server", "0x19")):
        book.refuses(
            V,
            base(V, "AUTH", reason=value),
            "reason",
            "sender",
            ["SF-9", "MQTT-3.15.2-1"],
            f"reason-{value}",
            "A code for the other side.",
            sender,
        )
        other = "server" if sender == "client" else "client"
        book.encodes(V, base(V, "AUTH", reason=value), f"reason-{value}", "A code for this side.", sender=other)

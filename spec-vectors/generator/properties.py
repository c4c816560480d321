"""5.0 properties: where they may stand, how often, and with which values."""

from .encode import encode, first_byte, items, join, one_property, property_bytes, value_bytes, variable
from .packets import base, carrier, companions, in_scope, prop, will
from .tables import (
    CLIENT_ONLY,
    DUPLICATE_RULE,
    EXAMPLE,
    FOUR,
    NOT_ZERO,
    PROPERTIES,
    PROPERTY,
    SCOPES,
    SERVER_ONLY,
    TWO,
    VALUE_RULE,
    VARIABLE,
    ZERO_OR_ONE,
)

V = "5.0"
ZERO_IS_FINE = (
    "Session Expiry Interval",
    "Topic Alias Maximum",
    "Server Keep Alive",
    "Message Expiry Interval",
    "Will Delay Interval",
)


ONE_SIDE = {
    ("PUBLISH", "Subscription Identifier"): "server",
    ("DISCONNECT", "Session Expiry Interval"): "client",
    ("DISCONNECT", "Server Reference"): "server",
}
UNKNOWN = [number for number in range(0x40) if number not in {number for number, _, _, _ in PROPERTIES}]
UNKNOWN = UNKNOWN[:21] + [0x40, 0x7F, 0x80, 0x81, 0xA6, 0xFF, 0x3FFF, 0x4000, 0x0FFFFFFF]


def build(book):
    for scope in SCOPES:
        matrix(book, scope)
        unknown(book, scope)
        lengths(book, scope)
        repeated_user_properties(book, scope)
    for _, name, kind, where in PROPERTIES:
        for scope in where.split():
            values(book, scope, name, kind)
            duplicates(book, scope, name)
            cut(book, scope, name)
    subscription_identifiers(book)
    senders(book)
    authentication(book)
    order(book)


def slug_of(scope, name):
    slug = name.lower().replace(" ", "-")
    return "will-" + slug if scope == "will" else slug


def kind_of(scope):
    return "CONNECT" if scope == "will" else scope


def section_item(scope):
    return "will_properties" if scope == "will" else "properties"


def with_section(packet, scope, raw):
    """The packet with the bytes of a property section, Property Length included, put in by hand."""
    form = (
        None
        if kind_of(scope) in ("CONNECT", "CONNACK", "PUBLISH", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK")
        else "full"
    )
    fields = [(name, raw if name == section_item(scope) else old) for name, old in items(V, packet, form)]
    return join(first_byte(packet), fields)


def at_section(packet, scope):
    """Where the first property identifier stands when Property Length takes one byte."""
    before = b""
    for name, raw in items(V, packet, None):
        if name == section_item(scope):
            total = sum(len(piece) for _, piece in items(V, packet, None))
            return 1 + len(variable(total)) + len(before) + 1
        before += raw
    raise KeyError(scope)


def plain(book, scope, *entries):
    packet = in_scope(scope, (companions(scope, "") if scope == "AUTH" else []) + list(entries))
    if not entries and scope not in ("AUTH", "will"):
        full = "full" if kind_of(scope) in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "DISCONNECT") else None
        return book.near(
            V, packet, "full-form" if full else "basic", f"{kind_of(scope)} without properties.", form=full
        )
    return book.near(V, packet, "will" if scope == "will" else "basic", f"A plain {kind_of(scope)}.")


def matrix(book, scope):
    """Every property in every section."""
    near = plain(book, scope)
    for _, name, _, where in PROPERTIES:
        if scope in where.split():
            book.accept(
                V, carrier(scope, name, EXAMPLE[name]), f"with-{slug_of(scope, name)}", f"{scope} may carry {name}."
            )
            continue
        packet = in_scope(scope, (companions(scope, "") if scope == "AUTH" else []) + [prop(name)])
        skip = len(one_property(prop("Authentication Method"))) if scope == "AUTH" else 0
        book.reject(
            V,
            kind_of(scope),
            encode(V, packet),
            f"with-{slug_of(scope, name)}",
            f"{scope} has no {name}.",
            "property-not-allowed",
            (["PR-2"] if scope == "will" else []) + ["PR-1"],
            near,
            offset=at_section(packet, scope) + skip,
        )


def unknown(book, scope):
    near = plain(book, scope)
    mates = property_bytes(companions(scope, "")) if scope == "AUTH" else b""
    packet = in_scope(scope, companions(scope, "") if scope == "AUTH" else [])
    for number in UNKNOWN if scope == "PUBLISH" else (0x00, 0x04, 0x2B, 0x7F, 0xA6):
        raw = mates + variable(number) + b"\0"
        book.reject(
            V,
            kind_of(scope),
            with_section(packet, scope, variable(len(raw)) + raw),
            f"{'will-' if scope == 'will' else ''}unknown-property-0x{number:02X}",
            f"No property has the number 0x{number:02X}.",
            "unknown-property",
            ["PR-3"],
            near,
        )
    for name in ("User Property",):
        raw = mates + variable(PROPERTY[name][0], 2) + value_bytes(name, EXAMPLE[name])
        mate = book.near(V, carrier(scope, name, EXAMPLE[name]), f"with-{slug_of(scope, name)}", "")
        book.reject(
            V,
            kind_of(scope),
            with_section(packet, scope, variable(len(raw)) + raw),
            f"{'will-' if scope == 'will' else ''}property-id-in-2-bytes",
            "The property identifier takes two bytes where one is enough.",
            "length-not-shortest",
            ["PR-4", "MQTT-1.5.5-1"],
            mate,
        )
        for width in (3, 4) if scope in ("PUBLISH", "CONNECT") else ():
            raw = mates + variable(PROPERTY[name][0], width) + value_bytes(name, EXAMPLE[name])
            book.reject(
                V,
                kind_of(scope),
                with_section(packet, scope, variable(len(raw)) + raw),
                f"{'will-' if scope == 'will' else ''}property-id-in-{width}-bytes",
                f"The property identifier takes {width} bytes where one is enough.",
                "length-not-shortest",
                ["PR-4", "MQTT-1.5.5-1"],
                mate,
            )


def lengths(book, scope):
    """Property Length: the forms that are not allowed, and the sizes at which it grows."""
    near = plain(book, scope)
    mates = property_bytes(companions(scope, "")) if scope == "AUTH" else b""
    packet = in_scope(scope, companions(scope, "") if scope == "AUTH" else [])
    tag = "will-" if scope == "will" else ""
    for width in (2, 3, 4) if scope in ("CONNECT", "PUBLISH") else (2,):
        book.reject(
            V,
            kind_of(scope),
            with_section(packet, scope, variable(len(mates), width) + mates),
            f"{tag}property-length-in-{width}-bytes",
            f"Property Length takes {width} bytes where one is enough.",
            "length-not-shortest",
            ["MQTT-1.5.5-1"],
            near,
        )
    book.reject(
        V,
        kind_of(scope),
        with_section(packet, scope, variable(len(mates), 5) + mates),
        f"{tag}property-length-in-5-bytes",
        "Property Length takes five bytes.",
        "length-too-long",
        ["FR-1", "MQTT-1.5.5-1"],
        near,
    )
    if scope in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "CONNACK", "DISCONNECT"):
        for count in (1, 4, 127, 128):
            book.reject(
                V,
                scope,
                with_section(packet, scope, variable(count)),
                f"property-length-{count}-too-much",
                f"Property Length announces {count} bytes that are not there.",
                "truncated",
                ["PR-5", "FR-9"],
                near,
            )
    for size in (127, 128, 16383, 16384):
        body = size - len(mates) - 5 - 1
        entries = (companions(scope, "") if scope == "AUTH" else []) + [prop("User Property", ["k", "v" * body])]
        book.accept(V, in_scope(scope, entries), f"{tag}property-length-{size}", f"Property Length is exactly {size}.")
    if scope in ("PUBLISH", "CONNECT", "will"):
        for size in (2097151, 2097152):
            entries = [prop("User Property", ["k" * 65535, "v" * 65535])] * 15
            rest = size - len(property_bytes(entries))
            entries = entries + [prop("User Property", ["k" * (rest - 5 - 65535), "v" * 65535])]
            book.accept(
                V, in_scope(scope, entries), f"{tag}property-length-{size}", f"Property Length is exactly {size}."
            )


def repeated_user_properties(book, scope):
    mates = companions(scope, "") if scope == "AUTH" else []
    tag = "will-" if scope == "will" else ""
    for slug, pairs in (
        ("twice-the-same", [["k", "v"], ["k", "v"]]),
        ("same-name", [["k", "1"], ["k", "2"]]),
        ("empty", [["", ""], ["", ""]]),
        ("several", [["a", "1"], ["b", "2"], ["a", "3"], ["", "4"]]),
    ):
        book.accept(
            V,
            in_scope(scope, mates + [prop("User Property", pair) for pair in pairs]),
            f"{tag}user-property-{slug}",
            "User Property may be repeated.",
            ["PR-13"],
        )
    if scope == "AUTH":
        return
    # Property order is free, also around user properties.
    single = [
        name
        for _, name, kind, where in PROPERTIES
        if scope in where.split() and name not in ("User Property", "Server Reference", "Authentication Data")
    ]
    if single:
        entries = [prop("User Property", ["1", ""])]
        for index, name in enumerate(reversed(single)):
            entries += [prop(name), prop("User Property", [str(index + 2), ""])]
        book.accept(
            V, in_scope(scope, entries), f"{tag}all-properties-reversed", "Properties may come in any order.", ["PR-25"]
        )
        book.accept(
            V,
            in_scope(scope, [prop(name) for name in single]),
            f"{tag}all-properties",
            "All single properties at once.",
        )


def edges(name, kind):
    if kind == "byte":
        legal = [0, 1]
    elif kind in ("two", "four"):
        legal = TWO if kind == "two" else FOUR
    else:
        legal = VARIABLE
    return [value for value in legal if value or name not in NOT_ZERO]


def values(book, scope, name, kind):
    slug = slug_of(scope, name)
    if kind in ("byte", "two", "four", "variable"):
        for value in edges(name, kind):
            zero = (
                ["PR-24"]
                if value == 0 and name in ZERO_IS_FINE or name == "Session Expiry Interval" and value == 0xFFFFFFFF
                else []
            )
            book.accept(V, carrier(scope, name, value), f"{slug}-{value}", f"{name} {value}.", zero)
        bad = [0] if name in NOT_ZERO else [2, 3, 127, 128, 255] if name in ZERO_OR_ONE else []
        for value in bad:
            mate = EXAMPLE[name]
            near = book.near(V, carrier(scope, name, mate), f"{slug}-{mate}", f"{name} {mate}.")
            reasons = (
                ["0x94"] if name == "Topic Alias" else ["0x82", "0x81"] if name == "Payload Format Indicator" else None
            )
            book.reject(
                V,
                kind_of(scope),
                encode(V, carrier(scope, name, value)),
                f"{slug}-{value}",
                f"{name} may not be {value}.",
                "property-value",
                VALUE_RULE[name],
                near,
                reasons=reasons,
            )
        return
    longest = {"text": "t" * 65535, "binary": b"t" * 65535, "pair": None}[kind]
    shortest = 1 if name in ("Response Topic", "Assigned Client Identifier", "Server Reference") else 0
    for size in (shortest, 1, 127, 128, 255, 256, 65535) if scope in ("CONNECT", "PUBLISH") else (shortest, 128, 65535):
        if kind == "pair":
            book.accept(
                V, carrier(scope, name, ["t" * size, "v"]), f"{slug}-name-{size}-bytes", f"A name of {size} bytes."
            )
            book.accept(
                V, carrier(scope, name, ["k", "t" * size]), f"{slug}-value-{size}-bytes", f"A value of {size} bytes."
            )
        else:
            book.accept(V, carrier(scope, name, longest[:size]), f"{slug}-{size}-bytes", f"{name} of {size} bytes.")


def duplicates(book, scope, name):
    if name == "User Property":
        return
    slug = slug_of(scope, name)
    once = carrier(scope, name, EXAMPLE[name])
    near = book.near(V, once, f"with-{slug}", f"{scope} may carry {name}.")
    if (scope, name) == ("PUBLISH", "Subscription Identifier"):
        return
    rules = [DUPLICATE_RULE.get(scope, "PR-10")]
    other = {"byte": 0, "two": 2, "four": 2, "variable": 2, "text": "y", "binary": b"y"}[PROPERTY[name][1]]
    for tag, entries in (
        ("twice", [prop(name), prop(name)]),
        ("twice-apart", [prop(name, other), prop("User Property"), prop(name)]),
    ):
        first = companions(scope, name)
        packet = in_scope(scope, first + entries, **({"reason": "0x9C"} if name == "Server Reference" else {}))
        book.reject(
            V,
            kind_of(scope),
            encode(V, packet),
            f"{slug}-{tag}",
            f"{name} stands twice.",
            "duplicate-property",
            rules,
            near,
        )


def cut(book, scope, name):
    """A property that its section ends too early for: the rest of the packet stays whole."""
    packet = carrier(scope, name, EXAMPLE[name])
    slug = slug_of(scope, name)
    near = book.near(V, packet, f"with-{slug}", f"{scope} may carry {name}.")
    first = property_bytes(companions(scope, name))
    whole = one_property(prop(name))
    for size in sorted({1, len(whole) - 1} & set(range(1, len(whole)))):
        raw = first + whole[:size]
        book.reject(
            V,
            kind_of(scope),
            with_section(packet, scope, variable(len(raw)) + raw),
            f"{slug}-cut-after-{size}",
            f"The section ends after {size} of {len(whole)} bytes of {name}.",
            "truncated",
            ["PR-5", "FR-9"],
            near,
        )


def subscription_identifiers(book):
    for slug, values_ in (("two", [1, 2]), ("twice-the-same", [1, 1, 268435455]), ("many", list(range(1, 40)))):
        entries = [prop("Subscription Identifier", value) for value in values_]
        for sender in (None, "server"):
            book.accept(
                V,
                base(V, "PUBLISH", properties=entries),
                f"subscription-identifiers-{slug}",
                "A server may send several subscription identifiers.",
                ["PR-12"],
                sender=sender,
            )
    for scope in ("PUBLISH", "SUBSCRIBE"):
        packet = carrier(scope, "Subscription Identifier", 1)
        near = book.near(V, packet, "subscription-identifier-1", "Subscription Identifier 1.")
        for width in (2, 3, 4):
            for value in (0, 1) if scope == "SUBSCRIBE" and width == 2 else (1,):
                if value == 0:
                    continue
                raw = b"\x0b" + variable(value, width)
                book.reject(
                    V,
                    scope,
                    with_section(packet, scope, variable(len(raw)) + raw),
                    f"subscription-identifier-in-{width}-bytes",
                    f"The identifier takes {width} bytes where one is enough.",
                    "length-not-shortest",
                    ["MQTT-1.5.5-1"],
                    near,
                )
        raw = b"\x0b" + variable(1, 5)
        book.reject(
            V,
            scope,
            with_section(packet, scope, variable(len(raw)) + raw),
            "subscription-identifier-in-5-bytes",
            "The identifier takes five bytes.",
            "length-too-long",
            ["MQTT-1.5.5-1"],
            near,
        )


def senders(book):
    """Properties that only one side may use."""
    plain_publish = book.near(V, base(V, "PUBLISH"), "basic", "", sender="client")
    for value in (1, 127, 268435455):
        packet = carrier("PUBLISH", "Subscription Identifier", value)
        book.accept(
            V,
            packet,
            f"subscription-identifier-{value}",
            "A server may send a subscription identifier.",
            sender="server",
        )
        book.reject(
            V,
            "PUBLISH",
            encode(V, packet),
            f"subscription-identifier-{value}",
            "A client publishes without subscription identifiers.",
            "sender",
            ["MQTT-3.3.4-6"],
            plain_publish,
            sender="client",
        )
    from_server = book.near(
        V, base(V, "DISCONNECT"), "full-form", "DISCONNECT without properties.", form="full", sender="server"
    )
    for value in (0, 5, 0xFFFFFFFF):
        packet = carrier("DISCONNECT", "Session Expiry Interval", value)
        book.accept(
            V, packet, f"session-expiry-interval-{value}", "A client may change the session's expiry.", sender="client"
        )
        book.reject(
            V,
            "DISCONNECT",
            encode(V, packet),
            f"session-expiry-interval-{value}",
            "A server sends no session expiry in DISCONNECT.",
            "sender",
            ["MQTT-3.14.2-2"],
            from_server,
            sender="server",
            reasons=["0x82", "0x81"],
        )
    packet = in_scope("DISCONNECT", [prop("Server Reference")])
    from_client = book.near(
        V, base(V, "DISCONNECT"), "full-form", "DISCONNECT without properties.", form="full", sender="client"
    )
    book.accept(V, packet, "server-reference", "A server may name another server.", sender="server")
    book.reject(
        V,
        "DISCONNECT",
        encode(V, packet),
        "server-reference",
        "A client names no other server.",
        "sender",
        ["SF-8"],
        from_client,
        sender="client",
    )
    for sender in ("client", "server"):
        packet = in_scope("DISCONNECT", [prop("Reason String"), prop("User Property")])
        book.accept(V, packet, "reports", "Either side may explain its DISCONNECT.", sender=sender)
        for scope in SCOPES:
            if kind_of(scope) not in (SERVER_ONLY if sender == "client" else CLIENT_ONLY):
                every_property(book, scope, sender)


def every_property(book, scope, sender):
    """All at once that one side may send."""
    names = [name for _, name, _, where in PROPERTIES if scope in where.split()]
    names = [name for name in names if ONE_SIDE.get((scope, name), sender) == sender]
    extra = {"reason": "0x9C"} if "Server Reference" in names else {}
    will = "-will" if scope == "will" else ""
    book.accept(
        V,
        in_scope(scope, [prop(name) for name in names], **extra),
        f"every{will}-property",
        f"Every property of {scope} that a {sender} may send.",
        sender=sender,
    )


def authentication(book):
    for scope in ("CONNECT", "CONNACK"):
        near = book.near(V, carrier(scope, "Authentication Data", b"d"), "with-authentication-data", "")
        book.reject(
            V,
            scope,
            encode(V, in_scope(scope, [prop("Authentication Data")])),
            "authentication-data-alone",
            "Authentication data without a method.",
            "missing-property",
            ["PR-22"],
            near,
        )
        late = [prop("Authentication Data"), prop("Authentication Method")]
        book.accept(
            V, in_scope(scope, late), "authentication-data-first", "The data may come before the method.", ["PR-25"]
        )
    near = book.near(V, base(V, "AUTH"), "basic", "")
    for slug, raw in (
        ("empty", "F0 00"),
        ("reason-only", "F0 01 18"),
        ("no-properties", "F0 02 18 00"),
        ("success-no-properties", "F0 02 00 00"),
        ("success-reason-only", "F0 01 00"),
        ("again-reason-only", "F0 01 19"),
        ("user-property-only", "F0 09 18 07 26 00 01 6B 00 01 76"),
        ("reason-string-only", "F0 06 18 04 1F 00 01 78"),
    ):
        book.reject(
            V,
            "AUTH",
            bytes.fromhex(raw),
            slug,
            "AUTH without an authentication method.",
            "missing-property",
            ["PR-23"],
            near,
        )
    packet = base(V, "AUTH", properties=[prop("Authentication Data")])
    book.reject(
        V,
        "AUTH",
        encode(V, packet),
        "data-only",
        "AUTH with data but no method.",
        "missing-property",
        ["PR-23", "PR-22"],
        near,
    )
    packet = base(
        V, "AUTH", properties=[prop("Authentication Data"), prop("Reason String"), prop("Authentication Method")]
    )
    book.accept(V, packet, "method-last", "The method may come last.", ["PR-25"])


def order(book):
    entries = [prop("Topic Alias Maximum"), prop("Session Expiry Interval")]
    book.accept(V, in_scope("CONNECT", entries), "two-properties", "Two properties.", ["PR-25"])
    book.accept(
        V,
        in_scope("CONNECT", entries[::-1]),
        "two-properties-reversed",
        "Two properties the other way round.",
        ["PR-25"],
    )
    packet = base(
        V,
        "CONNECT",
        properties=[prop("Session Expiry Interval")],
        will=will(V, properties=[prop("Will Delay Interval"), prop("User Property")]),
    )
    book.accept(V, packet, "properties-and-will-properties", "Both property sections in use.")
    for name in ("User Property",):
        packet = base(V, "CONNECT", properties=[prop(name)], will=will(V, properties=[prop(name), prop(name)]))
        book.accept(
            V, packet, "user-properties-in-both-sections", "Both sections have their own user properties.", ["PR-13"]
        )

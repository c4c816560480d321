"""Fields that are cut, missing or too many, packet identifiers, sizes of fields, and the short forms."""

from .encode import encode, first_byte, items, join, offset, swap, text, two
from .packets import base, kinds, prop, rich, subscription, will
from .tables import ACKS, PROTOCOL, VERSIONS, nul_rules, packet_id_rules, rule, utf8_rules


def build(book):
    for version in VERSIONS:
        # 3.1 frames its packets as 3.1.1 does; two of them are enough.
        for kind in kinds(version) if version != "3.1" else ("CONNECT", "SUBSCRIBE"):
            cuts(book, version, kind)
            trailing(book, version, kind)
        optional_fields(book, version)
        packet_ids(book, version)
        empty_lists(book, version)
        sizes(book, version)
        protocols(book, version)
        client_ids(book, version)
    short_forms(book)
    no_short_forms(book)


def presence_rules(version, kind, field, absent):
    """What a missing or cut field breaks besides the general rule."""
    new = version == "5.0"
    if not new and kind in ACKS + ("UNSUBACK",):
        return ["FR-7"]
    if not new and kind == "CONNACK":
        return ["FR-8"]
    table = {
        ("CONNECT", "client_id"): ("MQTT-3.1.3-3", "MQTT-3.1.3-3"),
        ("CONNECT", "will_topic"): ("MQTT-3.1.2-9", "MQTT-3.1.2-9"),
        ("CONNECT", "will_payload"): ("MQTT-3.1.2-9", "MQTT-3.1.2-9"),
        ("CONNECT", "user_name"): ("MQTT-3.1.2-19", "MQTT-3.1.2-17"),
        ("CONNECT", "password"): ("MQTT-3.1.2-21", "MQTT-3.1.2-19"),
        ("PUBLISH", "topic"): ("MQTT-3.3.2-1", "MQTT-3.3.2-1"),
        ("PUBLISH", "packet_id"): ("MQTT-2.3.1-1", ""),
        ("SUBSCRIBE", "packet_id"): ("MQTT-2.3.1-1", ""),
        ("UNSUBSCRIBE", "packet_id"): ("MQTT-2.3.1-1", ""),
        ("SUBSCRIBE", "filter"): ("MQTT-3.8.3-1", "MQTT-3.8.3-1"),
        ("SUBSCRIBE", "options"): ("SB-3", "SB-3"),
        ("UNSUBSCRIBE", "filter"): ("MQTT-3.10.3-1", "MQTT-3.10.3-1"),
    }
    if field == "properties":
        if not absent:
            return ["PR-5"]
        return (["SF-5"] if kind in ("CONNACK", "SUBACK", "UNSUBACK") else []) + ["MQTT-2.2.2-1"]
    if field == "will_properties":
        return ["MQTT-3.1.2-9", "MQTT-2.2.2-1"] if absent else ["PR-5"]
    return rule(version, *table.get((kind, field), ("", "")))


def may_end(version, kind, fields, index, size):
    """True where a packet that ends here is legal or breaks another rule than the one about cut fields."""
    field = fields[index][0]
    if field in ("payload", "reasons"):
        return True
    if size:
        return False
    if version == "5.0" and kind in ACKS + ("DISCONNECT", "AUTH") and field in ("reason", "properties"):
        return True
    return kind in ("SUBSCRIBE", "UNSUBSCRIBE") and field == "filter"


def cuts(book, version, kind):
    """The packet ends inside each of its fields, with Remaining Length to match."""
    packet = rich(version, kind)
    form = "full" if version == "5.0" and kind in ACKS + ("DISCONNECT", "AUTH") else None
    fields = items(version, packet, form)
    near = book.near(version, packet, "rich", "")
    for index, (field, raw) in enumerate(fields):
        for size in sorted({0, 1, 2, 3, len(raw) - 1} & set(range(len(raw)))):
            if may_end(version, kind, fields, index, size):
                continue
            short = join(first_byte(packet), fields[:index] + [(field, raw[:size])])
            slug = f"{field.replace('_', '-')}-{index}-{'absent' if size == 0 else f'first-{size}'}"
            rules = presence_rules(version, kind, field, size == 0)
            book.reject(
                version,
                kind,
                short,
                slug,
                f"Only {size} of the {len(raw)} bytes of {field} are there.",
                "truncated",
                rules + ["FR-9"],
                near,
            )
    if kind != "CONNECT":
        return
    # Optional tail fields one by one, so that each is the last of its packet.
    for slug, change, last in (
        ("user-name", {"user_name": "u"}, "user_name"),
        ("will", {"will": will(version)}, "will_payload"),
        ("user-and-password", {"user_name": "u", "password": b"p"}, "password"),
    ):
        packet = base(version, kind, **change)
        near = book.near(version, packet, slug, f"A CONNECT with {slug}.")
        fields = items(version, packet)
        for size in range(len(fields[-1][1])):
            short = join(first_byte(packet), fields[:-1] + [(last, fields[-1][1][:size])])
            book.reject(
                version,
                kind,
                short,
                f"{slug}-cut-after-{size}",
                f"Only {size} bytes of {last} are there.",
                "truncated",
                presence_rules(version, kind, last, size == 0) + ["FR-9"],
                near,
            )


def tail_rules(version, kind):
    old = {"DISCONNECT": "FR-6", "CONNACK": "FR-8", "UNSUBACK": "FR-7", **{ack: "FR-7" for ack in ACKS}}
    if kind in ("PINGREQ", "PINGRESP"):
        return ["FR-5"]
    return rule(version, old.get(kind, ""), "")


def trailing(book, version, kind):
    """Bytes after the last field."""
    if kind in ("PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", "SUBACK") or kind == "UNSUBACK" and version == "5.0":
        return
    form = "full" if version == "5.0" and kind in ACKS + ("DISCONNECT",) else None
    for name, packet in (("basic", base(version, kind)), ("rich", rich(version, kind))):
        fields = items(version, packet, form)
        slug = "full-form" if form and name == "basic" else name
        near = book.near(version, packet, slug, f"{kind} in its full form.", form=form)
        end = len(join(first_byte(packet), fields))
        for tag, extra in (("zero", b"\0"), ("string", b"\0\1a")):
            book.reject(
                version,
                kind,
                join(first_byte(packet), fields + [("extra", extra)]),
                f"{name}-trailing-{tag}",
                "Bytes are left over after the last field.",
                "trailing",
                tail_rules(version, kind) + ["FR-9"],
                near,
                offset=end,
            )


def optional_fields(book, version):
    """Fields whose flag is 0 but which are there all the same."""
    plain = base(version, "CONNECT")
    near = book.near(version, plain, "basic", "")
    named = base(version, "CONNECT", user_name="u")
    near_named = book.near(version, named, "user-name", "A CONNECT with user-name.")
    willed = base(version, "CONNECT", will=will(version))
    near_willed = book.near(version, willed, "will", "A CONNECT with will.")
    no_user = rule(version, "MQTT-3.1.2-18", "MQTT-3.1.2-16")
    no_password = rule(version, "MQTT-3.1.2-20", "MQTT-3.1.2-18")
    cases = [
        (plain, near, "user-name-unannounced", text("u"), no_user),
        (plain, near, "long-user-name-unannounced", text("user name"), no_user),
        (willed, near_willed, "will-and-user-name-unannounced", text("u"), no_user),
        (named, near_named, "password-unannounced", text("p"), no_password),
        (named, near_named, "empty-password-unannounced", text(""), no_password),
    ]
    if version != "5.0":
        cases.append((plain, near, "will-unannounced", text("w") + text("m"), ["MQTT-3.1.2-11"]))
    for packet, mate, slug, extra, rules in cases:
        raw = join(first_byte(packet), items(version, packet) + [("extra", extra)])
        book.reject(
            version,
            "CONNECT",
            raw,
            slug,
            "A field is there though its flag is 0.",
            "trailing",
            rules + ["FR-9"],
            mate,
            offset=len(encode(version, packet)),
        )
    if version == "5.0":
        book.accept(
            version, base(version, "CONNECT", password=b"p"), "password-only", "5.0 allows a password alone.", ["CN-1"]
        )
        book.accept(
            version,
            base(version, "CONNECT", password=b""),
            "empty-password-only",
            "5.0 allows an empty password alone.",
            ["CN-1", "U8-4"],
        )
        book.accept(
            version,
            base(version, "CONNECT", password=b"p", will=will(version)),
            "password-only-with-will",
            "5.0 allows a password alone, next to a will.",
            ["CN-1"],
        )
    full = base(version, "CONNECT", will=will(version), user_name="u", password=b"p")
    book.accept(version, full, "all-payload-fields", "The payload fields in their order.", ["MQTT-3.1.3-1"])
    mixed = base(
        version,
        "CONNECT",
        will=will(version, "topic", b"payload", 2, True),
        user_name="user",
        password=b"secret",
        client_id="client",
    )
    book.accept(version, mixed, "all-payload-fields-longer", "The payload fields in their order.", ["MQTT-3.1.3-1"])
    empty = base(version, "CONNECT", will=will(version, payload=b"", retain=True), user_name="", password=b"")
    book.accept(
        version,
        empty,
        "empty-payload-fields",
        "Will payload, user name and password may be empty.",
        rule(version, "U8-3 CN-7", "U8-4 CN-7"),
    )


def packet_ids(book, version):
    packets = [base(version, kind) for kind in ACKS + ("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK")]
    packets += [
        base(version, "PUBLISH", qos=1, packet_id=1),
        base(version, "PUBLISH", qos=2, packet_id=1),
        base(version, "PUBLISH", qos=1, dup=True, packet_id=1, payload=b"x"),
    ]
    for packet in packets:
        kind = packet["type"]
        tag = f"qos-{packet['qos']}-{'dup-' if packet['dup'] else ''}" if kind == "PUBLISH" else ""
        for number in (1, 255, 256, 32768, 65535) if version != "3.1" else (1, 65535):
            book.accept(
                version, {**packet, "packet_id": number}, f"{tag}packet-id-{number}", f"Packet identifier {number}."
            )
        near = book.near(version, packet, f"{tag}packet-id-1", "Packet identifier 1.")
        zero = {**packet, "packet_id": 0}
        book.reject(
            version,
            kind,
            encode(version, zero),
            f"{tag}packet-id-0",
            "Packet identifier 0.",
            "packet-id",
            packet_id_rules(version, kind),
            near,
            offset=offset(version, zero, "packet_id"),
        )
        if kind == "PUBLISH":
            for sender in ("client", "server"):
                near = book.near(version, packet, f"{tag}packet-id-1", "Packet identifier 1.", sender=sender)
                book.reject(
                    version,
                    kind,
                    encode(version, zero),
                    f"{tag}packet-id-0",
                    "Packet identifier 0.",
                    "packet-id",
                    packet_id_rules(version, kind, sender),
                    near,
                    sender=sender,
                    offset=offset(version, zero, "packet_id"),
                )
    if version == "5.0":
        for kind in ACKS:
            packet = base(version, kind)
            near = book.near(version, packet, "full-form", "", form="full")
            book.reject(
                version,
                kind,
                encode(version, {**packet, "packet_id": 0}, "full"),
                "full-form-packet-id-0",
                "Packet identifier 0.",
                "packet-id",
                ["FR-10"],
                near,
                offset=2,
            )


def empty_lists(book, version):
    rules = {
        "SUBSCRIBE": rule(version, "MQTT-3.8.3-3", "MQTT-3.8.3-2"),
        "UNSUBSCRIBE": ["MQTT-3.10.3-2"],
        "SUBACK": rule(version, "FR-11", "FR-12"),
        "UNSUBACK": ["FR-12"],
    }
    for kind, ids in rules.items():
        if kind == "UNSUBACK" and version != "5.0":
            continue
        field = "reasons" if kind.endswith("ACK") else "filters"
        for tag, packet in (("", base(version, kind)), ("rich-", rich(version, kind))):
            near = book.near(version, packet, tag.strip("-") or "basic", "")
            book.reject(
                version,
                kind,
                encode(version, {**packet, field: []}),
                f"{tag}no-{field}",
                f"{kind} without {field}.",
                "empty-list",
                ids,
                near,
            )


def sizes(book, version):
    """Lengths of the variable fields at their edges."""
    for size in (0, 1, 128, 65535) if version == "3.1" else (0, 1, 24, 127, 128, 255, 256, 16383, 16384, 65535):
        book.accept(
            version,
            base(version, "CONNECT", client_id="c" * size),
            f"client-id-{size}-bytes",
            f"A client identifier of {size} bytes.",
        )
        book.accept(
            version,
            base(version, "CONNECT", user_name="u" * size),
            f"user-name-{size}-bytes",
            f"A user name of {size} bytes.",
        )
        book.accept(
            version,
            base(version, "CONNECT", user_name="u", password=b"p" * size),
            f"password-{size}-bytes",
            f"A password of {size} bytes.",
        )
        book.accept(
            version,
            base(version, "CONNECT", will=will(version, payload=b"m" * size)),
            f"will-payload-{size}-bytes",
            f"A will payload of {size} bytes.",
        )
        book.accept(
            version,
            base(version, "PUBLISH", payload=b"m" * size),
            f"payload-{size}-bytes",
            f"A payload of {size} bytes.",
            [] if size else ["PB-11"],
        )
        if size == 0:
            continue
        book.accept(
            version,
            base(version, "CONNECT", will=will(version, topic="w" * size)),
            f"will-topic-{size}-bytes",
            f"A will topic of {size} bytes.",
        )
        book.accept(
            version, base(version, "PUBLISH", topic="t" * size), f"topic-{size}-bytes", f"A topic of {size} bytes."
        )
        book.accept(
            version,
            base(version, "SUBSCRIBE", filters=[subscription(version, "f" * size)]),
            f"filter-{size}-bytes",
            f"A filter of {size} bytes.",
        )
        book.accept(
            version,
            base(version, "UNSUBSCRIBE", filters=["f" * size]),
            f"filter-{size}-bytes",
            f"A filter of {size} bytes.",
        )
    for seconds in (0, 1, 255, 256, 32767, 32768, 65535):
        book.accept(
            version, base(version, "CONNECT", keep_alive=seconds), f"keep-alive-{seconds}", f"Keep Alive {seconds}."
        )
    for clean in (False, True):
        book.accept(
            version,
            base(version, "CONNECT", clean_start=clean),
            f"clean-{'on' if clean else 'off'}",
            f"Clean flag {'1' if clean else '0'}.",
        )
    for qos in (1, 2):
        for retain in (False, True):
            tail = "-retain" if retain else ""
            book.accept(
                version,
                base(version, "PUBLISH", qos=qos, packet_id=1, retain=retain),
                f"qos-{qos}{tail}",
                f"A PUBLISH at QoS {qos}.",
                ["PB-11"],
            )
    for count in (2, 3, 10, 100):
        many = [subscription(version, f"t/{index}", index % 3) for index in range(count)]
        book.accept(version, base(version, "SUBSCRIBE", filters=many), f"{count}-filters", f"{count} filters.")
        book.accept(
            version,
            base(version, "UNSUBSCRIBE", filters=[entry["filter"] for entry in many]),
            f"{count}-filters",
            f"{count} filters.",
        )
        codes = [("0x00", "0x01", "0x02")[index % 3] for index in range(count)]
        book.accept(version, base(version, "SUBACK", reasons=codes), f"{count}-codes", f"{count} codes.")
        if version == "5.0":
            codes = [("0x00", "0x11")[index % 2] for index in range(count)]
            book.accept(version, base(version, "UNSUBACK", reasons=codes), f"{count}-codes", f"{count} codes.")
    if version == "5.0":
        for kind in ("SUBACK", "UNSUBACK"):
            packet = base(version, kind, reasons=["0x91", "0x91"])
            book.accept(
                version, packet, "code-for-all", "A code about the whole request stands once per filter.", ["SB-11"]
            )


def protocols(book, version):
    packet = base(version, "CONNECT")
    near = book.near(version, packet, "basic", "")
    level = PROTOCOL[version][1]
    for number in sorted({0, 1, 2, 3, 4, 5, 6, 7, 127, 128 + level, 255} - {level}):
        book.reject(
            version,
            "CONNECT",
            swap(version, packet, level=bytes([number])),
            f"level-{number}",
            f"Protocol level {number} in a packet read as {version}.",
            "protocol-level",
            ["MQTT-3.1.2-2"],
            near,
            offset=offset(version, packet, "level"),
        )
    wrong = ["MQTX", "mqtt", "Mqtt", "MQTt", "MQT", "MQTTT", "MQIsdq", "", "M", "XXXX", "HTTP", "MQIsd", "MQTT "]
    wrong += ["MQTT"] if version == "3.1" else ["MQIsdp"]
    for name in wrong:
        book.reject(
            version,
            "CONNECT",
            swap(version, packet, protocol_name=text(name)),
            f"protocol-name-{name.replace(' ', '-blank') or 'empty'}",
            f"The protocol name is '{name}'.",
            "protocol-name",
            ["MQTT-3.1.2-1"],
            near,
        )
    # A name that is no text is not even compared.
    name = PROTOCOL[version][0]
    for error, byte, rules in (("nul", b"\0", nul_rules(version)), ("utf8", b"\xff", utf8_rules(version))):
        book.reject(
            version,
            "CONNECT",
            swap(version, packet, protocol_name=two(len(name)) + name[:-1] + byte),
            f"protocol-name-{error}",
            f"The protocol name ends in {byte[0]:02X}.",
            error,
            rules + ["MQTT-3.1.2-1"],
            near,
            reasons=["0x81", "0x84"],
        )
    # Whole packets of the sister version: the level decides before the rest is read.
    sister = {"3.1.1": "5.0", "5.0": "3.1.1"}.get(version)
    if sister:
        for slug, other in (("basic", base(sister, "CONNECT")), ("rich", rich(sister, "CONNECT"))):
            mate = book.near(version, rich(version, "CONNECT") if slug == "rich" else packet, slug, "")
            book.reject(
                version,
                "CONNECT",
                encode(sister, other),
                f"{slug}-of-{sister}",
                f"A {sister} CONNECT read as {version}.",
                "protocol-level",
                ["MQTT-3.1.2-2"],
                mate,
                offset=offset(sister, other, "level"),
            )


def client_ids(book, version):
    for clean in (False, True):
        rules = rule(version, "CN-3", "CN-4") if not clean else []
        book.accept(
            version,
            base(version, "CONNECT", client_id="", clean_start=clean),
            f"client-id-empty-clean-{'on' if clean else 'off'}",
            "A client identifier of zero length is for the server to judge.",
            rules,
        )
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for size in (1, 2, 8, 16, 22, 23):
        book.accept(
            version,
            base(version, "CONNECT", client_id=(alphabet * 2)[size * 3 :][:size]),
            f"client-id-{size}-common",
            f"{size} letters and digits.",
            ["MQTT-3.1.3-5"],
        )
    book.accept(
        version,
        base(version, "CONNECT", client_id=alphabet[:23]),
        "client-id-digits-first",
        "Every server allows 23 letters and digits.",
        ["MQTT-3.1.3-5"],
    )
    book.accept(
        version, base(version, "CONNECT", client_id="a/b+c#d $e"), "client-id-odd", "Signs in a client identifier."
    )


def short_forms(book):
    version = "5.0"
    for kind in ACKS:
        error = "0x87" if kind in ("PUBACK", "PUBREC") else "0x92"
        book.accept(version, base(version, kind), "short-2", "Remaining Length 2 means success.", ["SF-1"])
        book.accept(
            version, base(version, kind), "short-3-success", "Remaining Length 3 with success.", ["SF-2"], form="code"
        )
        book.accept(
            version, base(version, kind, reason=error), "short-3-error", "Remaining Length 3 with an error.", ["SF-2"]
        )
        book.accept(
            version, base(version, kind), "full-form", "Remaining Length 4 with nothing new.", ["SF-3"], form="full"
        )
        book.accept(
            version,
            base(version, kind, reason=error),
            "full-form-error",
            "Remaining Length 4 with an error.",
            ["SF-3"],
            form="full",
        )
        book.accept(
            version,
            base(version, kind, reason=error, properties=[prop("Reason String"), prop("User Property")]),
            "full-form-properties",
            "The full form with properties.",
            ["SF-3"],
        )
    for slug, form, reason in (
        ("short-0", None, "0x00"),
        ("short-1-success", "code", "0x00"),
        ("short-1-error", "code", "0x81"),
        ("short-1-will", "code", "0x04"),
        ("full-form", "full", "0x00"),
        ("full-form-error", "full", "0x81"),
    ):
        book.accept(
            version, base(version, "DISCONNECT", reason=reason), slug, "A form of DISCONNECT.", ["SF-4"], form=form
        )
        for sender in ("client", "server"):
            if slug != "short-1-will" or sender == "client":
                book.accept(
                    version,
                    base(version, "DISCONNECT", reason=reason),
                    slug,
                    "A form of DISCONNECT.",
                    ["SF-4"],
                    form=form,
                    sender=sender,
                )


def no_short_forms(book):
    """Packets that may not leave Property Length out: here it is missing and all the rest is there."""
    version = "5.0"
    for kind in ("CONNACK", "SUBACK", "UNSUBACK"):
        packet = base(version, kind)
        near = book.near(version, packet, "basic", "")
        fields = [(name, raw) for name, raw in items(version, packet) if name not in ("properties", "reasons")]
        book.reject(
            version,
            kind,
            join(first_byte(packet), fields),
            "properties-left-out",
            "Property Length is not there.",
            "truncated",
            ["SF-5", "MQTT-2.2.2-1", "FR-9"],
            near,
        )
    for kind in ("CONNECT", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"):
        # The next field's length bytes are read as Property Length 0 and the start of a string that is too long.
        packet = base(version, kind)
        near = book.near(version, packet, "basic", "")
        book.reject(
            version,
            kind,
            swap(version, packet, properties=None),
            "properties-left-out",
            "Property Length is not there.",
            "truncated",
            ["MQTT-2.2.2-1", "FR-9"],
            near,
        )
    packet = base(version, "CONNECT", will=will(version))
    near = book.near(version, packet, "will", "A CONNECT with will.")
    book.reject(
        version,
        "CONNECT",
        swap(version, packet, will_properties=None),
        "will-properties-left-out",
        "The will's Property Length is not there.",
        "truncated",
        ["MQTT-3.1.2-9", "MQTT-2.2.2-1", "FR-9"],
        near,
    )
    for kind in ACKS:
        packet = base(version, kind)
        near = book.near(version, packet, "full-form", "", form="full")
        raw = join(first_byte(packet), [("packet_id", two(1)), ("reason", b"\0"), ("length", b"\x80")])
        book.reject(
            version,
            kind,
            raw,
            "property-length-unfinished",
            "Property Length stops in its first byte.",
            "truncated",
            ["PR-5", "FR-9"],
            near,
        )

"""Fixed header: types, flags, Remaining Length, direction, and packets that are not all there yet."""

from .encode import encode, first_byte, items, variable
from .packets import base, kinds, rich
from .tables import ACKS, CLIENT_ONLY, SERVER_ONLY, TYPES, VERSIONS, flag_rules, fixed_flags, rule


def build(book):
    for version in VERSIONS:
        plain(book, version)
        flags(book, version)
        publish_flags(book, version)
        reserved_types(book, version)
        lengths(book, version)
        boundaries(book, version)
        senders(book, version)
        incomplete(book, version)


def plain(book, version):
    for kind in kinds(version):
        book.accept(version, base(version, kind), "basic", f"The smallest plain {kind}.")
        book.accept(version, rich(version, kind), "rich", f"A {kind} with every field in use.")


def flags(book, version):
    for kind in kinds(version):
        if kind == "PUBLISH":
            continue
        packet = base(version, kind)
        near = book.near(version, packet, "basic", "")
        for nibble in range(16):
            if nibble == fixed_flags(kind):
                continue
            if version == "3.1" and fixed_flags(kind) == 0 and nibble not in (1, 2, 4, 8, 15):
                continue  # as in 3.1.1
            raw = bytes([TYPES[kind] << 4 | nibble]) + encode(version, packet)[1:]
            if version == "3.1" and nibble == 10 and fixed_flags(kind) == 2:
                book.accept(version, packet, "dup", f"MQTT 3.1 allows the DUP bit on {kind}.", raw=raw)
                continue
            book.reject(
                version,
                kind,
                raw,
                f"flags-{nibble:04b}",
                f"{kind} with header flags {nibble:04b}.",
                "flags",
                flag_rules(version, kind),
                near,
                offset=0,
            )


def publish_flags(book, version):
    def one(dup, qos, retain):
        return base(version, "PUBLISH", dup=dup, qos=qos, retain=retain, packet_id=1 if qos else None)

    for dup in (False, True):
        for retain in (False, True):
            tail = ("-dup" if dup else "") + ("-retain" if retain else "")
            for qos in (0, 1, 2):
                if dup and qos == 0:
                    near = book.near(
                        version, one(False, 0, retain), "qos-0" + tail.replace("-dup", ""), "A PUBLISH at QoS 0."
                    )
                    book.reject(
                        version,
                        "PUBLISH",
                        encode(version, one(True, 0, retain)),
                        "qos-0" + tail,
                        "DUP is set though the QoS is 0.",
                        "dup",
                        ["MQTT-3.3.1-2"],
                        near,
                        offset=0,
                    )
                else:
                    book.accept(version, one(dup, qos, retain), f"qos-{qos}{tail}", f"A PUBLISH at QoS {qos}.")
            near = book.near(version, one(dup, 2, retain), f"qos-2{tail}", "A PUBLISH at QoS 2.")
            book.reject(
                version,
                "PUBLISH",
                encode(version, one(dup, 3, retain)),
                f"qos-3{tail}",
                "Both QoS bits are set.",
                "qos",
                ["MQTT-3.3.1-4"],
                near,
                offset=0,
            )


def reserved_types(book, version):
    near = book.near(version, base(version, "PINGREQ"), "basic", "")
    numbers = {0: rule(version, "FR-3", "FR-3 MQTT-2.1.3-1")}
    if version != "5.0":
        numbers[15] = ["FR-4", "FR-3"]
    for number, rules in numbers.items():
        for nibble in range(16):
            book.reject(
                version,
                f"type-{number}",
                bytes([number << 4 | nibble, 0]),
                f"flags-{nibble:04b}",
                f"Packet type {number} is reserved.",
                "packet-type",
                rules,
                near,
                offset=0,
                file="framing",
            )
        book.reject(
            version,
            f"type-{number}",
            bytes([number << 4, 2, 0x18, 0]),
            "with-body",
            f"Packet type {number} is reserved, whatever follows.",
            "packet-type",
            rules,
            near,
            offset=0,
            file="framing",
        )


def lengths(book, version):
    """Remaining Length in more bytes than needed, and in too many."""
    for kind in kinds(version) if version != "3.1" else ("CONNECT", "PUBLISH", "PINGREQ"):
        packet = base(version, kind)
        near = book.near(version, packet, "basic", "")
        for width in (2, 3, 4):
            raw, slug = encode(version, packet, width=width), f"length-in-{width}-bytes"
            if version == "5.0":
                book.reject(
                    version,
                    kind,
                    raw,
                    slug,
                    f"Remaining Length takes {width} bytes where 1 is enough.",
                    "length-not-shortest",
                    ["MQTT-1.5.5-1"],
                    near,
                )
            else:
                book.accept(
                    version,
                    packet,
                    slug,
                    f"Remaining Length may take {width} bytes where 1 is enough.",
                    ["FR-2"],
                    raw=raw,
                )
        raw = encode(version, packet, width=5)
        book.reject(
            version,
            kind,
            raw,
            "length-in-5-bytes",
            "Remaining Length takes five bytes.",
            "length-too-long",
            ["FR-1"] + rule(version, "", "MQTT-1.5.5-1"),
            near,
        )
    near = book.near(version, base(version, "PUBLISH"), "basic", "")
    for slug, tail in (
        ("four-continuations", "80 80 80 80 01"),
        ("five-bytes-all-ones", "FF FF FF FF 7F"),
        ("header-of-continuations", "FF FF FF FF"),
    ):
        book.reject(
            version,
            "PUBLISH",
            bytes.fromhex("30" + tail),
            f"length-{slug}",
            "The fourth length byte announces a fifth.",
            "length-too-long",
            ["FR-1"] + rule(version, "", "MQTT-1.5.5-1"),
            near,
        )
    if version == "5.0":
        # Four bytes, like the usual acknowledgement.
        for kind in ACKS:
            book.reject(
                version,
                kind,
                bytes([first_byte(base(version, kind))]) + bytes.fromhex("81 00 01"),
                "length-1-in-2-bytes",
                "A length of 1 takes two bytes.",
                "length-not-shortest",
                ["MQTT-1.5.5-1"],
                book.near(version, base(version, kind), "basic", ""),
            )
        packet = base(version, "PUBLISH", payload=b"x" * 124)
        near = book.near(version, packet, "length-128", "Remaining Length is exactly 128.")
        book.reject(
            version,
            "PUBLISH",
            encode(version, packet, width=3),
            "length-128-in-3-bytes",
            "A length of 128 takes three bytes where two are enough.",
            "length-not-shortest",
            ["MQTT-1.5.5-1"],
            near,
        )


def boundaries(book, version):
    """The sizes at which Remaining Length grows by a byte."""
    for size in (127, 128, 16383, 16384, 2097151, 2097152):
        packet = base(version, "PUBLISH")
        packet["payload"] = b"x" * (size - sum(len(raw) for _, raw in items(version, packet)))
        book.accept(version, packet, f"length-{size}", f"Remaining Length is exactly {size}.")
    for size in (127, 128):
        packet = base(version, "SUBACK")
        packet["reasons"] = ["0x01"] * (size - len(items(version, packet)[0][1]) - (version == "5.0"))
        book.accept(version, packet, f"length-{size}", f"Remaining Length is exactly {size}.")


def senders(book, version):
    """Each packet from either side."""
    for kind in kinds(version):
        packet = base(version, kind)
        if kind == "AUTH":
            book.accept(version, packet, "basic", "An AUTH that either side may send.", sender="client")
            book.accept(version, packet, "basic", "An AUTH that either side may send.", sender="server")
            continue
        one_way = kind == "DISCONNECT" and version != "5.0"
        right = "client" if kind in CLIENT_ONLY or one_way else "server" if kind in SERVER_ONLY else None
        for sender in ("client", "server"):
            if right in (None, sender):
                book.accept(version, packet, "basic", f"A {sender} may send {kind}.", sender=sender)
        if right:
            wrong = "server" if right == "client" else "client"
            near = book.near(version, packet, "basic", "", sender=right)
            book.reject(
                version,
                kind,
                encode(version, packet),
                "wrong-way",
                f"A {wrong} never sends {kind}.",
                "sender",
                ["DR-2"] if one_way else ["DR-1"],
                near,
                sender=wrong,
            )


def incomplete(book, version):
    book.incomplete(version, "framing", b"", 2, "nothing", "No byte yet.")
    for kind in kinds(version) if version != "3.1" else ("CONNECT",):
        packet = rich(version, kind)
        raw = encode(version, packet)
        book.incomplete(version, kind, raw[:1], 1, "first-byte-only", f"Only the first byte of a {kind}.")
        for end in sorted({2, len(raw) // 2, len(raw) - 1}):
            if 2 <= end < len(raw):
                book.incomplete(
                    version,
                    kind,
                    raw[:end],
                    len(raw) - end,
                    f"first-{end}-bytes",
                    f"The first {end} bytes of a {kind}.",
                )
    for size in (127, 128, 16383, 16384, 2097151, 2097152, 268435455):
        header = b"\x30" + variable(size)
        book.incomplete(
            version, "framing", header, size, f"header-{size}", f"A fixed header that announces {size} bytes."
        )
        for end in range(2, len(header)):
            book.incomplete(
                version,
                "framing",
                header[:end],
                1,
                f"header-{size}-cut-after-{end}",
                "The length goes on in the next byte.",
            )

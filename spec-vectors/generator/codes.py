"""Reason codes, return codes, flag bytes: every value of every one-byte field."""

from .encode import encode, first_byte, items, join, offset, swap, text
from .packets import base, subscription, will
from .tables import ACKS, CLIENT_DISCONNECT, REASON_RULE, REASONS, SERVER_DISCONNECT, TOLERATED, rule


def build(book):
    for kind in REASON_RULE:
        reasons(book, kind)
    for version in ("3.1", "3.1.1"):
        old_connack(book, version)
        old_suback(book, version)
    for sender in ("client", "server"):
        reasons_from(book, sender)
    for version in ("3.1", "3.1.1", "5.0"):
        session_present(book, version)
        connect_flags(book, version)
        subscription_options(book, version)


def with_code(kind, value):
    text = f"0x{value:02X}"
    if kind in ("SUBACK", "UNSUBACK"):
        return base("5.0", kind, reasons=[text])
    return base("5.0", kind, reason=text)


def where(kind):
    return {"CONNACK": "code", "SUBACK": "reasons", "UNSUBACK": "reasons"}.get(kind, "reason")


def reasons(book, kind):
    legal = min(code for code, names in REASONS.items() if kind in names.split() and code)
    near = book.near("5.0", with_code(kind, legal), f"reason-0x{legal:02X}", f"{kind} with reason code 0x{legal:02X}.")
    at = offset("5.0", with_code(kind, legal), where(kind))
    for value in range(256):
        packet, slug = with_code(kind, value), f"reason-0x{value:02X}"
        if kind in REASONS.get(value, "").split():
            form = "code" if value == 0 and kind in ACKS + ("DISCONNECT",) else None
            book.accept("5.0", packet, slug, f"{kind} with reason code 0x{value:02X}.", form=form)
        elif (kind, value) in TOLERATED:
            book.accept(
                "5.0", packet, slug, f"0x{value:02X} is not in {kind}'s own table, but a receiver takes it.", ["SF-6"]
            )
        else:
            book.reject(
                "5.0",
                kind,
                encode("5.0", packet),
                slug,
                f"{kind} has no reason code 0x{value:02X}.",
                "reason-code",
                [REASON_RULE[kind]],
                near,
                offset=at,
            )
    if kind in ACKS + ("DISCONNECT",):
        near = book.near(
            "5.0", base("5.0", kind), "full-form", f"{kind} in its full form with nothing in it.", form="full"
        )
        for value in (0x03, 0x18, 0x7F, 0xA3, 0xFF):
            raw = encode("5.0", with_code(kind, value), "full")
            book.reject(
                "5.0",
                kind,
                raw,
                f"full-form-reason-0x{value:02X}",
                f"{kind} in its full form has no reason code 0x{value:02X}.",
                "reason-code",
                [REASON_RULE[kind]],
                near,
                offset=at,
            )
    if kind in ("SUBACK", "UNSUBACK"):
        packet = base("5.0", kind, reasons=["0x00", "0x80", "0x00", "0x87"])
        near = book.near("5.0", packet, "several-reasons", "One reason code per filter.")
        start = offset("5.0", packet, "reasons")
        for index in range(4):
            for value in (0x03, 0x81):
                bad = base("5.0", kind, reasons=list(packet["reasons"]))
                bad["reasons"][index] = f"0x{value:02X}"
                book.reject(
                    "5.0",
                    kind,
                    encode("5.0", bad),
                    f"reason-{index}-of-4-0x{value:02X}",
                    f"Reason code {index} of four is 0x{value:02X}.",
                    "reason-code",
                    [REASON_RULE[kind]],
                    near,
                    offset=start + index,
                )


def old_connack(book, version):
    near = book.near(version, base(version, "CONNACK"), "basic", "")
    # 3.1.1 gets the whole range; 3.1 only the values around the edge, as its rule is the same.
    for value in range(256) if version == "3.1.1" else [0, 1, 2, 3, 4, 5, 6, 7, 127, 128, 132, 254, 255]:
        packet = base(version, "CONNACK", return_code=value)
        if value <= 5:
            book.accept(version, packet, f"code-{value}", f"CONNACK with return code {value}.")
        else:
            book.reject(
                version,
                "CONNACK",
                encode(version, packet),
                f"code-{value}",
                f"Return code {value} is reserved.",
                "reason-code",
                ["FR-8"],
                near,
                offset=3,
            )


def old_suback(book, version):
    near = book.near(version, base(version, "SUBACK"), "basic", "")
    for value in range(256) if version == "3.1.1" else [0, 1, 2, 3, 4, 127, 128, 129, 130, 254, 255]:
        packet = base(version, "SUBACK", reasons=[f"0x{value:02X}"])
        if value < 3 or value == 0x80 and version == "3.1.1":
            book.accept(version, packet, f"code-0x{value:02X}", f"SUBACK with code 0x{value:02X}.")
        else:
            book.reject(
                version,
                "SUBACK",
                encode(version, packet),
                f"code-0x{value:02X}",
                f"SUBACK has no code 0x{value:02X}.",
                "reason-code",
                ["MQTT-3.9.3-2"],
                near,
                offset=4,
            )
    packet = base(version, "SUBACK", reasons=["0x00", "0x01", "0x02", "0x01"])
    near = book.near(version, packet, "several-codes", "One code per filter.")
    for index in range(4):
        for value in (0x03, 0x87):
            bad = base(version, "SUBACK", reasons=list(packet["reasons"]))
            bad["reasons"][index] = f"0x{value:02X}"
            book.reject(
                version,
                "SUBACK",
                encode(version, bad),
                f"code-{index}-of-4-0x{value:02X}",
                f"Code {index} of four is 0x{value:02X}.",
                "reason-code",
                ["MQTT-3.9.3-2"],
                near,
                offset=4 + index,
            )


def reasons_from(book, sender):
    """Codes that only one side may use, with the side known."""
    other = "client" if sender == "server" else "server"
    for kind in REASON_RULE:
        if kind in ("CONNACK", "SUBACK", "UNSUBACK") and sender == "client":
            continue
        near = book.near(
            "5.0",
            with_code(kind, 0x18 if kind == "AUTH" else 0),
            "basic",
            f"A {kind} that a {sender} may send.",
            sender=sender,
        )
        for value in sorted(REASONS) + [0x8C]:
            tolerated = (kind, value) in TOLERATED
            if kind not in REASONS[value].split() and not (tolerated and sender == "server"):
                continue
            packet, slug = with_code(kind, value), f"reason-0x{value:02X}"
            form = "code" if value == 0 and kind in ACKS + ("DISCONNECT",) else None
            wrong = (
                kind == "DISCONNECT"
                and value in (SERVER_DISCONNECT if sender == "client" else CLIENT_DISCONNECT)
                or kind == "AUTH"
                and value == (0x00 if sender == "client" else 0x19)
            )
            if not wrong:
                book.accept(
                    "5.0",
                    packet,
                    slug,
                    f"A {sender} may send {kind} 0x{value:02X}, or is let off.",
                    sender=sender,
                    form=form,
                )
                continue
            auth = kind == "AUTH"
            book.reject(
                "5.0",
                kind,
                encode("5.0", packet, form),
                slug,
                f"{kind} 0x{value:02X} comes from a {other} only.",
                "sender",
                ["SF-9", "MQTT-3.15.2-1"] if auth else ["SF-7"],
                near,
                sender=sender,
                reasons=["0x82", "0x81"] if auth else ["0x82"],
                offset=offset("5.0", packet, "reason", form),
            )


def session_present(book, version):
    """The acknowledge flags byte of CONNACK."""
    new = version == "5.0"
    plain = base(version, "CONNACK")
    near = book.near(version, plain, "basic", "")
    for value in range(256):
        if value == 1 and version != "3.1":
            book.accept(
                version,
                base(version, "CONNACK", session_present=True),
                "session-present",
                "Success with Session Present.",
            )
            continue
        bits = bin(value).count("1")
        if value == 0 or bits > 2 or bits == 2 and not value & 1:
            continue
        mate = near
        if value & 1 and value > 1 and version != "3.1":
            mate = book.near(version, base(version, "CONNACK", session_present=True), "session-present", "")
        book.reject(
            version,
            "CONNACK",
            swap(version, plain, flags=bytes([value])),
            f"flags-0x{value:02X}",
            f"Acknowledge flags 0x{value:02X}.",
            "reserved-bit",
            rule(version, "FR-8", "MQTT-3.2.2-1"),
            mate,
            offset=2,
        )
    if version == "3.1":
        return
    for value in (
        [code for code, names in REASONS.items() if code and "CONNACK" in names.split()] if new else range(1, 6)
    ):
        change = {"reason": f"0x{value:02X}"} if new else {"return_code": value}
        name = f"reason-0x{value:02X}" if new else f"code-{value}"
        near = book.near(version, base(version, "CONNACK", **change), name, f"CONNACK with {name}.")
        packet = base(version, "CONNACK", session_present=True, **change)
        book.reject(
            version,
            "CONNACK",
            encode(version, packet),
            f"session-present-{name}",
            "Session Present goes with success only.",
            "session-present",
            rule(version, "MQTT-3.2.2-4", "MQTT-3.2.2-6"),
            near,
        )


# 3.1 has the rules of 3.1.1 here, so a few of each sort are enough.
OLD_CONNECT_FLAGS = (
    0x00,
    0x02,
    0x03,
    0x04,
    0x06,
    0x07,
    0x08,
    0x0A,
    0x0E,
    0x12,
    0x16,
    0x1E,
    0x20,
    0x22,
    0x26,
    0x2A,
    0x36,
    0x40,
    0x42,
    0x46,
    0x80,
    0x82,
    0xC0,
    0xC2,
    0xC3,
    0xF6,
)


def connect_flags(book, version):
    """Every value of the connect flags, with the payload fields the flags announce."""
    new = version == "5.0"
    for value in range(256):
        reserved, clean, has_will = value & 1, value >> 1 & 1, value >> 2 & 1
        qos, retain, password, user = value >> 3 & 3, value >> 5 & 1, value >> 6 & 1, value >> 7
        loose = not has_will and (qos or retain)
        lonely = password and not user and not new
        if bool(reserved) + bool(loose) + (qos == 3) + bool(lonely) > 1:
            continue
        if version == "3.1" and value not in OLD_CONNECT_FLAGS:
            continue
        packet = base(
            version,
            "CONNECT",
            clean_start=bool(clean),
            user_name="u" if user and not lonely else None,
            password=b"p" if password and not lonely else None,
        )
        if has_will:
            packet["will"] = will(version, qos=qos % 3, retain=bool(retain))
        if (reserved or loose or qos == 3) and not clean and value & 0xE0 and version != "3.1":
            continue  # the clean bit makes no difference
        slug = f"flags-0x{value:02X}"
        wording = f"Connect flags 0x{value:02X}."
        if not (reserved or loose or qos == 3 or lonely):
            book.accept(version, packet, slug, wording)
            continue
        legal = encode(version, packet)[offset(version, packet, "flags")]
        near = book.near(version, packet, f"flags-0x{legal:02X}", f"Connect flags 0x{legal:02X}.")
        at = offset(version, packet, "flags")
        if lonely:
            raw = append_password(version, packet, value)
            book.reject(
                version,
                "CONNECT",
                raw,
                slug,
                "A password without a user name.",
                "password-without-user-name",
                ["MQTT-3.1.2-22"],
                near,
            )
            continue
        if reserved:
            error, rules = "reserved-bit", ["MQTT-3.1.2-3"]
        elif qos == 3:
            error, rules = "qos", rule(version, "MQTT-3.1.2-14", "MQTT-3.1.2-12")
        else:
            error, rules = "will-flags", will_flag_rules(version, qos, retain)
        book.reject(
            version,
            "CONNECT",
            swap(version, packet, flags=bytes([value])),
            slug,
            wording,
            error,
            rules,
            near,
            offset=at,
        )


def will_flag_rules(version, qos, retain):
    on_qos, on_retain = rule(version, "MQTT-3.1.2-13", "MQTT-3.1.2-11"), rule(version, "MQTT-3.1.2-15", "MQTT-3.1.2-13")
    return (on_qos if qos else []) + (on_retain if retain else []) + rule(version, "MQTT-3.1.2-11", "")


def append_password(version, packet, value):
    """The packet with these connect flags and a password after all its other fields."""
    fields = [(name, bytes([value]) if name == "flags" else raw) for name, raw in items(version, packet)]
    return join(first_byte(packet), fields + [("password", text(b"p"))])


def subscription_options(book, version):
    """Every options byte that is legal or breaks exactly one rule."""
    for value in range(256):
        qos, handling = value & 3, value >> 4 & 3
        high = value >> 6 if version == "5.0" else value >> 2
        broken = (qos == 3) + (version == "5.0" and handling == 3) + bool(high)
        if broken > 1 or version == "3.1" and value > 8 or version == "3.1.1" and bin(high).count("1") > 1:
            continue
        if version == "5.0" and high and bin(value & 0x3F).count("1") > 1:
            continue
        entry = subscription(version, qos=qos % 3)
        if version == "5.0":
            entry.update(no_local=bool(value & 4), retain_as_published=bool(value & 8), retain_handling=handling % 3)
        packet = base(version, "SUBSCRIBE", filters=[entry])
        at = offset(version, packet, "options")
        legal = encode(version, packet)[at]
        near = book.near(version, packet, f"options-0x{legal:02X}", f"Subscription options 0x{legal:02X}.")
        if not broken:
            continue
        if qos == 3:
            error, rules, reasons = "qos", rule(version, "MQTT-3.8.3-4", "SB-1"), ["0x82"]
        elif high:
            error, rules, reasons = "reserved-bit", rule(version, "MQTT-3.8.3-4", "MQTT-3.8.3-5"), None
        else:
            error, rules, reasons = "retain-handling", ["SB-2"], None
        book.reject(
            version,
            "SUBSCRIBE",
            swap(version, packet, options=bytes([value])),
            f"options-0x{value:02X}",
            f"Subscription options 0x{value:02X}.",
            error,
            rules,
            near,
            reasons=reasons,
            offset=at,
        )

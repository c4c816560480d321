"""Topic names and topic filters: wildcards, empty text, and the grammar of shared subscriptions."""

from itertools import product

from .encode import encode, offset
from .packets import base, carrier, prop, subscription, will
from .tables import VERSIONS, empty_rules, filter_rules, rule, wildcard_rules


def build(book):
    for version in VERSIONS:
        empty(book, version)
        for field in NAME_FIELDS[version]:
            wildcard_names(book, version, *field)
        legal_filters(book, version)
        sweep_names(book, version)
        sweep_filters(book, version)
    small_filters(book)
    shared(book)
    old_shares(book)
    aliases(book)


def names(version):
    out = [
        ("PUBLISH", "topic", lambda t: base(version, "PUBLISH", topic=t)),
        ("CONNECT", "will_topic", lambda t: base(version, "CONNECT", will=will(version, topic=t))),
    ]
    if version == "5.0":
        out += [
            ("PUBLISH", "Response Topic", lambda t: carrier("PUBLISH", "Response Topic", t)),
            ("CONNECT", "will Response Topic", lambda t: carrier("will", "Response Topic", t)),
        ]
    return out


NAME_FIELDS = {version: names(version) for version in VERSIONS}


def slug_of(label):
    return label.lower().replace(" ", "-").replace("_", "-")


def filter_packet(version, kind, text, **options):
    if kind == "UNSUBSCRIBE":
        return base(version, kind, filters=[text])
    return base(version, kind, filters=[subscription(version, text, **options)])


def empty(book, version):
    for kind, label, make in NAME_FIELDS[version]:
        near = book.near(version, make("a"), f"{slug_of(label)}-a", f"{label} of one letter.")
        own = label.replace("will Response", "Response")
        book.reject(
            version,
            kind,
            encode(version, make("")),
            f"{slug_of(label)}-empty",
            f"{label} is empty.",
            "empty-topic",
            empty_rules(version, own),
            near,
        )
    for qos in (1, 2):
        packet = base(version, "PUBLISH", qos=qos, packet_id=1, payload=b"x")
        near = book.near(version, packet, f"qos-{qos}-payload", f"A QoS {qos} PUBLISH with a payload.")
        book.reject(
            version,
            "PUBLISH",
            encode(version, {**packet, "topic": ""}),
            f"topic-empty-qos-{qos}",
            "The topic is empty.",
            "empty-topic",
            empty_rules(version, "topic"),
            near,
        )
    for kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        near = book.near(version, base(version, kind), "basic", "")
        book.reject(
            version,
            kind,
            encode(version, filter_packet(version, kind, "")),
            "filter-empty",
            "The filter is empty.",
            "empty-topic",
            empty_rules(version, "filter"),
            near,
        )
        three = [filter_packet(version, kind, text)["filters"][0] for text in ("a", "b", "c")]
        near = book.near(version, base(version, kind, filters=three), "three-filters", "Three filters in one packet.")
        for index in range(3):
            bad = [filter_packet(version, kind, "" if at == index else "abc"[at])["filters"][0] for at in range(3)]
            book.reject(
                version,
                kind,
                encode(version, base(version, kind, filters=bad)),
                f"filter-{index}-of-3-empty",
                f"Filter {index} of three is empty.",
                "empty-topic",
                empty_rules(version, "filter"),
                near,
            )


def wildcard_names(book, version, kind, label, make):
    for name, text in {
        "plus": "+",
        "hash": "#",
        "last-level-plus": "a/+",
        "last-level-hash": "w/#",
        "inner-hash": "a#b",
        "inner-plus": "a+b",
        "first-level-plus": "+/a",
        "slash-hash": "/#",
    }.items():
        legal = text.replace("+", "x").replace("#", "x")
        near = book.near(version, make(legal), f"{slug_of(label)}-{slug_text(legal)}", f"{label} is {legal}.")
        book.reject(
            version,
            kind,
            encode(version, make(text)),
            f"{slug_of(label)}-{name}",
            f"{label} is {text}.",
            "wildcard-in-topic",
            wildcard_rules(version, label),
            near,
        )
    for name, text in {
        "slash": "/",
        "slashes": "//",
        "dollar": "$SYS/x",
        "share": "$share/g/a",
        "blank": "a b",
        "trailing-slash": "a/",
    }.items():
        book.accept(version, make(text), f"{slug_of(label)}-{name}", f"{label} is {text}.")


def slug_text(text):
    words = {"/": "s", "+": "p", "#": "h", "$": "d"}
    return "".join(words.get(letter, letter) for letter in text)


def sweep_names(book, version):
    """A wildcard at every position of a topic name of up to 20 letters."""
    sizes = range(1, 21) if version != "3.1" else (1, 8, 16)
    for size in sizes:
        packet = base(version, "PUBLISH", topic="a" * size)
        near = book.near(version, packet, f"topic-{size}-letters", f"topic of {size} letters.")
        for at in range(size):
            if version != "3.1" and (size + at) % 2 == (version == "5.0"):
                continue  # the two versions share the work
            sign = "+#"[(size + at // 2) % 2]
            bad = base(version, "PUBLISH", topic="a" * at + sign + "a" * (size - at - 1))
            book.reject(
                version,
                "PUBLISH",
                encode(version, bad),
                f"topic-{size}-wildcard-at-{at}",
                f"{sign} at {at} of {size} characters.",
                "wildcard-in-topic",
                wildcard_rules(version, "topic"),
                near,
            )


def sweep_filters(book, version):
    """A wildcard at every position of a one-level filter; legal only when it is all there is."""
    plan = {
        ("5.0", "SUBSCRIBE"): ("#", 20),
        ("5.0", "UNSUBSCRIBE"): ("+", 6),
        ("3.1.1", "SUBSCRIBE"): ("+", 20),
        ("3.1.1", "UNSUBSCRIBE"): ("#", 6),
        ("3.1", "SUBSCRIBE"): ("#", 4),
        ("3.1", "UNSUBSCRIBE"): ("+", 4),
    }
    for kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        sign, longest = plan[version, kind]
        error = "misplaced-hash" if sign == "#" else "misplaced-plus"
        for size in range(2, longest + 1):
            near = book.near(
                version,
                filter_packet(version, kind, "a" * size),
                f"filter-{size}-letters",
                f"filter of {size} letters.",
            )
            for at in range(size):
                if longest > 10 and (size + at) % 2 == (version == "5.0"):
                    continue  # the two versions share the work
                text = "a" * at + sign + "a" * (size - at - 1)
                book.reject(
                    version,
                    kind,
                    encode(version, filter_packet(version, kind, text)),
                    f"filter-{size}-{error[10:]}-at-{at}",
                    f"{sign} inside a level, at {at} of {size}.",
                    error,
                    filter_rules(version, error),
                    near,
                )


def judge(text):
    """Which wildcards of a filter stand wrong: the grammar of section 4.7.1, one character at a time."""
    wrong = set()
    for at, letter in enumerate(text):
        opens = at == 0 or text[at - 1] == "/"
        closes = at + 1 == len(text) or text[at + 1] == "/"
        if letter == "#" and not (opens and at + 1 == len(text)):
            wrong.add("misplaced-hash")
        if letter == "+" and not (opens and closes):
            wrong.add("misplaced-plus")
    return wrong


def small_filters(book):
    """Every filter of up to 2 or 3 characters over a, /, + and #."""
    for version, kind, longest in (
        ("5.0", "SUBSCRIBE", 3),
        ("3.1.1", "SUBSCRIBE", 3),
        ("5.0", "UNSUBSCRIBE", 2),
        ("3.1.1", "UNSUBSCRIBE", 2),
        ("3.1", "SUBSCRIBE", 2),
        ("3.1", "UNSUBSCRIBE", 1),
    ):
        for size in range(1, longest + 1):
            for letters in product("a/+#", repeat=size):
                one_filter(book, version, kind, "".join(letters))


def one_filter(book, version, kind, text, name=None):
    wrong = judge(text)
    if len(wrong) > 1:
        return
    slug = f"filter-{name or slug_text(text)}"
    if not wrong:
        book.accept(version, filter_packet(version, kind, text), slug, f"{text} is a legal filter.")
        return
    error = wrong.pop()
    legal = text.replace("#" if error == "misplaced-hash" else "+", "a")
    near = book.near(
        version, filter_packet(version, kind, legal), f"filter-{slug_text(legal)}", f"{legal} is a legal filter."
    )
    book.reject(
        version,
        kind,
        encode(version, filter_packet(version, kind, text)),
        slug,
        f"{text} is no legal filter.",
        error,
        filter_rules(version, error),
        near,
    )


def legal_filters(book, version):
    for kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        for text in (
            "sport/+/player1",
            "sport/#",
            "+/+/+/+/+",
            "/+/#",
            "$SYS/#",
            "$SYS/+/a",
            "a//b",
            "//#",
            "a/b/c/d/e/#",
            "sport/tennis/#/ranking",
            "sport+",
            "sport/+x",
            "sport/x+/y",
            "sport/tennis#",
            "a/#/b",
            "##",
            "#/",
            "++",
            "a/++",
            "a/b+",
            "#a",
            "a/#b",
            "$SYS/#/x",
            "finance/a+b/c",
        ):
            if version != "3.1" or len(text) < 5:
                one_filter(book, version, kind, text)
        for size in range(3, 21):
            if size > (5 if version == "3.1" or kind == "UNSUBSCRIBE" else 20):
                break
            text = "x" * (size - 2) + "/#"
            book.accept(
                version, filter_packet(version, kind, text), f"filter-{size}-hash-last", "# after the last slash."
            )
            text = "x" * (size - 2) + "/+"
            book.accept(version, filter_packet(version, kind, text), f"filter-{size}-plus-last", "+ as the last level.")
    texts = ["/", "//", "+", "#", "+/#", "/+", "+/+", " ", "a//b"]
    packet = base(version, "SUBSCRIBE", filters=[subscription(version, text) for text in texts])
    book.accept(version, packet, "many-legal-filters", "Nine unusual but legal filters.", rule(version, "SB-7", "SB-8"))
    three = base(version, "SUBSCRIBE", filters=[subscription(version, text, 1) for text in ("a", "b/#", "+")])
    near = book.near(version, three, "three-legal", "Three legal filters.")
    for index, text in ((0, "#/x"), (1, "b#"), (2, "b/#/c")):
        entries = [subscription(version, text if at == index else ("a", "b/#", "+")[at], 1) for at in range(3)]
        book.reject(
            version,
            "SUBSCRIBE",
            encode(version, base(version, "SUBSCRIBE", filters=entries)),
            f"filter-{index}-of-3-misplaced",
            f"Filter {index} of three has a misplaced #.",
            "misplaced-hash",
            filter_rules(version, "misplaced-hash"),
            near,
        )


LEGAL_SHARES = [
    "$share/g/a",
    "$share/g/#",
    "$share/g/+",
    "$share/g/+/x",
    "$share/g//",
    "$share/g//x",
    "$share/g//finance",
    "$share/g/$x/a",
    "$share/consumer one/a/b",
    "$share/$g/a",
    "$share/g/a//#",
    "$share/share/$share/g/a",
    "$share/\u00e9/\u20ac",
]
NOT_SHARES = [
    "$share",
    "$SHARE/g/a",
    "$Share/g/a",
    "$shared/g/a",
    "$shar/g/a",
    "share/g/a",
    "/$share/g/a",
    "$sharex",
    "$",
    "a/$share//b",
]
# filter, error, rules, legal neighbour
BROKEN_SHARES = [
    ("$share//a", "empty-share-name", ["MQTT-4.8.2-1"], "$share/g/a"),
    ("$share//a/b/#", "empty-share-name", ["MQTT-4.8.2-1"], "$share/g/a/b/#"),
    ("$share//#", "empty-share-name", ["MQTT-4.8.2-1"], "$share/g/#"),
    ("$share/+/a", "share-name", ["MQTT-4.8.2-2"], "$share/x/a"),
    ("$share/#/a", "share-name", ["MQTT-4.8.2-2"], "$share/x/a"),
    ("$share/g+/a", "share-name", ["MQTT-4.8.2-2"], "$share/gx/a"),
    ("$share/+g/a", "share-name", ["MQTT-4.8.2-2"], "$share/xg/a"),
    ("$share/g#/a", "share-name", ["MQTT-4.8.2-2"], "$share/gx/a"),
    ("$share/a+b/a", "share-name", ["MQTT-4.8.2-2"], "$share/axb/a"),
    ("$share/g+/#", "share-name", ["MQTT-4.8.2-2"], "$share/gx/#"),
    ("$share/g", "share-filter", ["MQTT-4.8.2-2"], "$share/g/a"),
    ("$share/g/", "share-filter", ["MQTT-4.8.2-2"], "$share/g/a"),
    ("$share/group", "share-filter", ["MQTT-4.8.2-2"], "$share/group/a"),
    ("$share/group/", "share-filter", ["MQTT-4.8.2-2"], "$share/group/a"),
]
BROKEN_INNER = [
    "$share/g/a#",
    "$share/g/a/#/b",
    "$share/g/#/",
    "$share/g/##",
    "$share/g/a+",
    "$share/g/a/+b",
    "$share/g/++",
    "$share/g//a+b",
    "$share/g//#/x",
]


def share_slug(text):
    rest = {"$share": "alone", "$share/": "slash"}.get(text) or slug_text(text[len("$share/") :])
    return "share-" + rest.encode("ascii", "backslashreplace").decode().replace("\\", "").replace(" ", "-")


def shared(book):
    version = "5.0"
    for kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        for text in LEGAL_SHARES:
            book.accept(
                version,
                filter_packet(version, kind, text),
                share_slug(text),
                f"{text} is a shared filter.",
                ["SB-4"] if kind == "SUBSCRIBE" else ["SB-12"],
            )
        for text in NOT_SHARES:
            book.accept(
                version,
                filter_packet(version, kind, text),
                f"not-{slug_text(text)}",
                f"{text} is an ordinary filter.",
                ["SB-5"] if kind == "SUBSCRIBE" else (),
            )
        for text, error, rules, legal in BROKEN_SHARES:
            near = book.near(
                version, filter_packet(version, kind, legal), share_slug(legal), f"{legal} is a shared filter."
            )
            book.reject(
                version,
                kind,
                encode(version, filter_packet(version, kind, text)),
                share_slug(text),
                f"{text} is no legal shared filter.",
                error,
                rules,
                near,
            )
        for text in BROKEN_INNER:
            error = judge(text[len("$share/g/") :]).pop()
            legal = text.replace("#" if error == "misplaced-hash" else "+", "a")
            near = book.near(
                version, filter_packet(version, kind, legal), share_slug(legal), f"{legal} is a shared filter."
            )
            book.reject(
                version,
                kind,
                encode(version, filter_packet(version, kind, text)),
                share_slug(text),
                f"The filter part of {text} is not legal.",
                error,
                filter_rules(version, error, True),
                near,
                reasons=["0x81", "0x82", "0x8F"],
            )
    for text in ("$share/g/a", "$share/g/#", "$share/g//x"):
        for more in ({}, {"qos": 2}, {"retain_as_published": True}, {"retain_handling": 2}):
            tail = "".join(f"-{name.replace('_', '-')}" for name in more)
            packet = filter_packet(version, "SUBSCRIBE", text, **more)
            near = book.near(version, packet, share_slug(text) + tail, f"{text} without No Local.")
            bad = filter_packet(version, "SUBSCRIBE", text, no_local=True, **more)
            book.reject(
                version,
                "SUBSCRIBE",
                encode(version, bad),
                share_slug(text) + tail + "-no-local",
                f"No Local on {text}.",
                "no-local",
                ["MQTT-3.8.3-4"],
                near,
                offset=offset(version, bad, "options"),
            )
    for text in ("$share", "$SHARE/g/a", "$shared/g/a", "a"):
        book.accept(
            version,
            filter_packet(version, "SUBSCRIBE", text, no_local=True),
            f"no-local-{slug_text(text)}",
            f"No Local on {text}, which is not shared.",
            ["SB-5"] if "$" in text else (),
        )


def old_shares(book):
    """Before 5.0 these are ordinary filters, the odd ones included."""
    for version in ("3.1", "3.1.1"):
        for text in LEGAL_SHARES[:6] + ["$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/", "$share"]:
            book.accept(
                version,
                filter_packet(version, "SUBSCRIBE", text),
                share_slug(text),
                f"{text} is an ordinary filter.",
                ["SB-6"],
            )
            book.accept(
                version, filter_packet(version, "UNSUBSCRIBE", text), share_slug(text), f"{text} is an ordinary filter."
            )


def aliases(book):
    """An empty topic needs an alias."""
    for alias in (1, 65535):
        for qos in (0, 1, 2):
            packet = base(
                "5.0",
                "PUBLISH",
                topic="",
                qos=qos,
                packet_id=1 if qos else None,
                properties=[prop("Topic Alias", alias)],
            )
            book.accept(
                "5.0", packet, f"alias-{alias}-no-topic-qos-{qos}", "An alias stands in for the topic.", ["PB-2"]
            )
    packet = base("5.0", "PUBLISH", topic="", properties=[prop("Topic Alias"), prop("User Property")])
    near = book.near("5.0", packet, "alias-and-more-no-topic", "An alias stands in for the topic.")
    bad = base("5.0", "PUBLISH", topic="", properties=[prop("User Property")])
    book.reject(
        "5.0",
        "PUBLISH",
        encode("5.0", bad),
        "no-topic-no-alias",
        "Neither topic nor alias, but other properties.",
        "empty-topic",
        empty_rules("5.0", "topic"),
        near,
    )

#!/usr/bin/env python3
"""Writes a corpus for each fuzz target, made of the vectors of spec-vectors/: fuzz/corpus/TARGET/NAME.

Python 3.9 or newer, standard library only. What is there already stays. Long vectors are left out: they slow the
fuzzer down and show it nothing that short ones do not.
"""

import hashlib
import json
from itertools import chain
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
VERSIONS = ["3.1", "3.1.1", "5.0"]
LONGEST = 4000


def raw(value):
    """Hex text, or parts of it with runs: ["30 04", {"byte": "61", "count": 9}]."""
    if isinstance(value, list):
        return b"".join(map(raw, value))
    if isinstance(value, dict):
        return raw(value["byte"]) * value["count"]
    return bytes.fromhex(value)


def vectors():
    for file in sorted((HERE.parent / "spec-vectors" / "codec").glob("*.json")):
        for vector in json.loads(file.read_text(encoding="utf-8")):
            if vector["direction"] == "decode":
                yield vector, raw(vector["bytes"])


def streams():
    """Five vectors of a version in a row, behind the eleven bytes that the target reads first."""
    for number, version in enumerate(VERSIONS):
        packets = [packet for vector, packet in vectors() if vector["version"] == version and len(packet) <= 200]
        for at in range(0, len(packets), 5):
            lengths = bytes((at * 7 + i * i) % 20 for i in range(8))
            limit = b"\xff\xff" if at % 4 else bytes([0, at % 256])
            yield bytes([number]) + limit + lengths + b"".join(packets[at : at + 5])


def packets():
    """No seed can be made for packets that grow from random bytes; but texts and numbers are worth having."""
    for number, (vector, packet) in enumerate(vectors()):
        if vector["verdict"] == "accept" and number % 3 == 0:
            yield bytes([number % 2, VERSIONS.index(vector["version"]), number % 2]) + packet * 2


# By version: a CONNECT and the CONNACK to it.
OPENING = {
    "3.1": ("100F00064D514973647003 02003C000161", "20020000"),
    "3.1.1": ("100D00044D51545404 02003C000161", "20020000"),
    "5.0": ("100E00044D51545405 02003C 00000161", "2003000000"),
}


def given(*fields):
    """A step: the peer sends this."""
    packet = b"".join(bytes.fromhex(field) if isinstance(field, str) else bytes(field) for field in fields)
    return bytes([27, len(packet)]) + packet


def head(role, store, version, stream_above=0, flags=0, times=0, topics=0, maximum_packet_size=2):
    """What a script begins with: a Receive Maximum of 4, a Topic Alias Maximum of 3, no headroom."""
    return bytes([role, store, version, 2, 0, maximum_packet_size, 0, stream_above, flags, times, topics])


def connections():
    """A script that makes a connection, sends a message of QoS 1 and one of QoS 2, and is given a packet."""

    messages = bytes([4, 0, 9, 0, 0, 4, 1, 9, 0, 0])
    for number, (vector, packet) in enumerate(vectors()):
        if vector["verdict"] == "accept" and number % 3 == 0 and len(packet) < 200:
            version = vector["version"]
            connect, connack = OPENING[version]
            beginning = [number // 3 % 5, VERSIONS.index(version)]
            client = head(0, *beginning) + bytes([0, 10, 0, 2, 0]) + given(connack)
            yield client + messages + given(packet)
            # With acknowledgements by hand, and the last of them behind the DISCONNECT.
            by_hand, late = bytes([15, 2]), bytes([11, 0, 0, 0, 9, 0])
            yield head(1, *beginning) + by_hand + given(connect) + bytes([0, 5, 0]) + messages + given(packet) + late


def stories():
    """Scripts of a dozen steps that mean something, in any order: a fuzzer rarely finds a whole exchange by itself."""

    for number in range(1200):
        random = Random(number)
        five = "" if (version := number % 3) < 2 else "00"
        connack = ["20020000", "20020100", "2003010000"]
        connect = [
            "100F00064D514973647003 00003C000161",
            "100D00044D51545404 00003C000161",
            "101300044D51545405 00003C 0511000000 3C000161",
        ][version]
        opening = [
            # A client connects, for a while; there is a session, or is none.
            bytes([0, 10, 0, 2, 0])
            + given(connack[version] if random.random() < 0.7 else OPENING[VERSIONS[version]][1]),
            # A client comes; its session goes on if it can.
            given(connect) + bytes([0, 4, 0, 0, 5, 0]),
        ][number // 3 % 2]

        def step():
            n, id = random.randrange(4), [0, random.randrange(1, 4)]
            length = 6 + len(five) // 2
            return random.choice(
                [
                    bytes([4, n % 2, n, n, 0]),
                    bytes([4, n % 2, n, 4, 0]),
                    given([0x32, length, 0, 1, 0x61], id, five, [0x78]),
                    given([0x34, length, 0, 1, 0x61], id, five, [0x78]),
                    given([0x3C, length, 0, 1, 0x61], id, five, [0x78]),
                    given("4002", id),
                    given("5002", id),
                    given("6202", id),
                    given("6202", id),
                    given("7002", id),
                    bytes([12, n, 0]) + opening,
                    bytes([12, n, 0]) + opening,
                    bytes([15, 1 + n]),
                    bytes([15, 6, 36]),
                    bytes([8, n, n, 36]),
                    bytes([9, 0, 36]),
                    bytes([13, n * 3, 36]),
                    bytes([13, 10, 36]),
                    bytes([10, 0, 0, 36]),
                    bytes([10, 4, 0, 36]),
                    bytes([11, 0, 0, 0]),
                    bytes([14, 3, 0, n]),
                ]
            )

        yield head(number // 3 % 2, number // 6 % 5, version) + opening + b"".join(step() for _ in range(12))


def large_stories():
    """The same about messages in pieces, both ways, those that are too large, aliases, and words that may not fit."""

    for number in range(2400):
        random = Random(-1 - number)
        version = random.choice([1, 2, 2, 2])
        five = "" if version < 2 else "00"
        role = number % 2
        size = random.choice(["", "", "27 0000003C", "27 00000014"])
        wants = random.choice(["", "", "17 00"])
        limits = bytes.fromhex("11 0000003C 22 0003" + size)
        connack = bytes.fromhex("0100") + bytes([len(limits)]) + limits
        limits += bytes.fromhex(wants)
        # With a will, sometimes, that waits for five seconds.
        will = bytes.fromhex("05 18 00000005 0001 77 0000") if random.random() < 0.3 else b""
        flags = random.choice([0, 2]) | (4 if will else 0)
        connect = bytes.fromhex("00044D51545405") + bytes([flags & ~2, 0, 60, len(limits)]) + limits
        connect += bytes.fromhex("000161") + will
        if version < 2:
            connack, connect = bytes.fromhex("0100"), bytes.fromhex("00044D51545404 00003C000161")
        ask = random.choice([0, 0, 1, 2])
        opening = [
            bytes([0, 10, 0, 2, ask]) + given([0x20, len(connack)], connack),
            given([0x10, len(connect)], connect) + bytes([0, 4, 0, 0, 5, 0]),
        ][role]

        def step():
            n, id = random.randrange(4), random.randrange(1, 4)
            topic = random.randrange(6)
            alias = random.choice([0, 0, 4, 4, 6, 12, 14, 20, 22, 28, 44]) | random.randrange(4) << 6
            return random.choice(
                [
                    # A head and its payload, in steps or as far as it goes.
                    bytes([7, n, n, n, topic, n, 30, 0]),
                    bytes([7, n, n, n, topic, n, 30, 2, 36]),
                    bytes([7, n % 2, n, 0, topic, n]),
                    bytes([30, n]),
                    bytes([30, 0, 36]),
                    bytes([10, 8 | 16 * n, 0, 30, 2, 36]),
                    bytes([10, 0, 0, 36]),
                    bytes([4, n, n, 0, topic]),
                    bytes([4, n, n, 0, topic]),
                    bytes([4, 2, 70, 0, topic]),
                    bytes([31, topic, 4, n, n, 0, topic]),
                    # The peer's, with and without an end, in one and in pieces.
                    bytes([34, n, id - 1, alias, random.randrange(6)]),
                    bytes([34, n | 16, id - 1, alias, random.randrange(6)]),
                    bytes([34, n | 8, id - 1, alias, n, 9]),
                    bytes([32, random.choice([0, 0, 1, 2, 3, 4])]),
                    bytes([17, 6, id - 1, 0, alias]),
                    bytes([17, 22, id - 1, 0, alias]),
                    bytes([17, 23, id - 1, 0, alias]),
                    given("4002", [0, id]),
                    given("5002", [0, id]),
                    given("6202", [0, id]),
                    given("7002", [0, id]),
                    given("E000"),
                    # Words: in a PUBREC and PUBACK that come, in what is said.
                    bytes([17, random.choice([0x84, 0x86, 0xE8]), id - 1, n, random.randrange(5)]),
                    bytes([8, 128 | n, n, random.randrange(5)]),
                    bytes([9, 0, 36]),
                    bytes([16, 67, 0, 0, 9, 1, random.randrange(5)]),
                    bytes([11, 0, 0, 6, random.randrange(5)]),
                    # What comes between.
                    bytes([15, 2]),
                    bytes([15, 3]),
                    bytes([13, random.randrange(11), 36]),
                    bytes([13, 10, 36]),
                    bytes([14, n + 1, 1, n]),
                    bytes([14, 0, 0, n]),
                    bytes([12, 3, 0]) + opening,
                    bytes([12, n, 0]) + opening,
                    bytes([12, n, 0, 14, 3, 1, 0, 15, 7]) + opening,
                ]
            )

        topics = random.choice([4 + 5 * 4, 1 + 5 * 1, 2 + 5 * 2, 3 + 5 * 3, 2 + 5 * 1])
        beginning = head(
            role,
            random.randrange(5),
            version,
            stream_above=random.choice([0, 1, 1, 2, 2, 3]),
            flags=random.choice([0, 1, 2, 3, 3]),
            times=random.choice([0, 1, 0x22]),
            topics=topics,
            maximum_packet_size=random.randrange(3),
        )
        yield beginning + opening + b"".join(step() for _ in range(14))


def main():
    corpora = {
        "decode": (packet for _, packet in vectors()),
        "roundtrip": packets(),
        "framing": streams(),
        "connection": chain(connections(), stories(), large_stories()),
    }
    for target, seeds in corpora.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        written = {seed for seed in seeds if len(seed) <= LONGEST}
        for seed in written:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        print(f"{target}: {len(written)} seeds")


if __name__ == "__main__":
    main()

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


def connections():
    """A script that makes a connection, sends a message of QoS 1 and one of QoS 2, and is given a packet."""

    def given(packet):
        return bytes([27, len(packet)]) + packet

    messages = bytes([4, 0, 9, 0, 4, 1, 9, 0])
    for number, (vector, packet) in enumerate(vectors()):
        if vector["verdict"] == "accept" and number % 3 == 0 and len(packet) < 200:
            version = vector["version"]
            connect, connack = map(bytes.fromhex, OPENING[version])
            head = bytes([number // 3 % 5, VERSIONS.index(version), 2, 2, 0])
            yield b"\0" + head + bytes([0, 10, 0, 2]) + given(connack) + messages + given(packet)
            # With acknowledgements by hand, and the last of them behind the DISCONNECT.
            by_hand, late = bytes([15, 2]), bytes([11, 0, 0, 0, 9, 0])
            yield b"\1" + head + by_hand + given(connect) + bytes([0, 5, 0]) + messages + given(packet) + late


def stories():
    """Scripts of a dozen steps that mean something, in any order: a fuzzer rarely finds a whole exchange by itself."""

    def given(*fields):
        packet = b"".join(bytes.fromhex(field) if isinstance(field, str) else bytes(field) for field in fields)
        return bytes([27, len(packet)]) + packet

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
            bytes([0, 10, 0, 2]) + given(connack[version] if random.random() < 0.7 else OPENING[VERSIONS[version]][1]),
            # A client comes; its session goes on if it can.
            given(connect) + bytes([0, 4, 0, 0, 5, 0]),
        ][number // 3 % 2]

        def step():
            n, id = random.randrange(4), [0, random.randrange(1, 4)]
            length = 6 + len(five) // 2
            return random.choice(
                [
                    bytes([4, n % 2, n, n]),
                    bytes([4, n % 2, n, 4]),
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
                    bytes([15, 6, 30]),
                    bytes([8, n, n, 30]),
                    bytes([9, 0, 30]),
                    bytes([13, n * 3, 30]),
                    bytes([13, 10, 30]),
                    bytes([10, 0, 0, 30]),
                    bytes([10, 4, 0, 30]),
                    bytes([11, 0, 0, 0]),
                    bytes([14, 3, 0, n]),
                ]
            )

        head = bytes([number // 3 % 2, number // 6 % 5, version, 2, 2, 0])
        yield head + opening + b"".join(step() for _ in range(12))


def main():
    corpora = {
        "decode": (packet for _, packet in vectors()),
        "roundtrip": packets(),
        "framing": streams(),
        "connection": chain(connections(), stories()),
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

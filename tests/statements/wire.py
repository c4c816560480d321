#!/usr/bin/env python3
"""Whether the player sees on the wire what a server does wrong: servers that speak just enough to be wrong in one way."""

import asyncio
import base64
import hashlib
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "spec-vectors"))

from generator.encode import encode
from generator.packets import base
from player.network import Network
from player.stage import Failed, Stage

CONNACK = encode("3.1.1", base("3.1.1", "CONNACK"))
PINGRESP = encode("3.1.1", base("3.1.1", "PINGRESP"))
EMPTY = bytes([0x82, 0])


def scenario(kind, last):
    hello = {"type": "CONNECT", "clean_start": True, "keep_alive": 0, "client_id": "{run}a"}
    hello |= {"will": None, "user_name": None, "password": None}
    steps = [{"open": kind}, {"send": hello}, {"expect": {"type": "CONNACK", "return_code": 0}}, *last]
    return {"id": "wire", "version": "3.1.1", "rules": [], "steps": steps}


def accept(key):
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def upgrade(status="101 Switching Protocols", protocol="mqtt", wrong=""):
    """The answer to a handshake."""

    def answer(request):
        key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        lines = [
            f"HTTP/1.1 {status}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept(key + wrong)}",
        ]
        lines += [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
        return "\r\n".join([*lines, "", ""]).encode()

    return answer


# What a server says when it is spoken to, piece by piece; `None` closes. And what the player has to make of it.
CASES = {
    "tcp: as it should be": ("tcp", None, [CONNACK, PINGRESP], [], None),
    "tcp: in pieces": ("tcp", None, [CONNACK[:1], CONNACK[1:3], CONNACK[3:], PINGRESP], [], None),
    "tcp: closed": ("tcp", None, [None], [], "the connection was closed"),
    "tcp: silent": ("tcp", None, [], [], "came: nothing"),
    "tcp: reserved flags": ("tcp", None, [b"\x21" + CONNACK[1:]], [], "flags"),
    "tcp: a packet of clients": ("tcp", None, [b"\xc0\x00"], [], "sender"),
    "tcp: closed where it should be": ("tcp", None, [CONNACK, None], [{"closed": True}], None),
    "tcp: not closed": ("tcp", None, [CONNACK], [{"closed": True}], "came: nothing"),
    "tcp: something where nothing is due": ("tcp", None, [CONNACK, PINGRESP], [{"nothing": 0.2}], "PINGRESP"),
    "tcp: one too many": ("tcp", None, [CONNACK + CONNACK], [], "CONNACK"),
    "web: as it should be": ("websocket", upgrade(), [b"\x82\x04" + CONNACK, b"\x82\x02" + PINGRESP], [], None),
    "web: long form of length": (
        "websocket",
        upgrade(),
        [b"\x82\x7e\x00\x04" + CONNACK, b"\x82\x02" + PINGRESP],
        [],
        None,
    ),
    "web: in fragments": (
        "websocket",
        upgrade(),
        [b"\x02\x01\x20\x00\x01\x02\x80\x02\x00\x00", b"\x82\x02" + PINGRESP],
        [],
        None,
    ),
    "web: empty frames": (
        "websocket",
        upgrade(),
        [EMPTY + b"\x82\x04" + CONNACK + EMPTY, b"\x82\x02" + PINGRESP],
        [],
        None,
    ),
    "web: a ping before": ("websocket", upgrade(), [b"\x89\x00\x82\x04" + CONNACK, b"\x82\x02" + PINGRESP], [], None),
    "web: a frame of text": ("websocket", upgrade(), [b"\x81\x04" + CONNACK], [], "a text frame"),
    "web: a close frame": ("websocket", upgrade(), [b"\x88\x00"], [], "the connection was closed"),
    "web: a close frame where it should be": (
        "websocket",
        upgrade(),
        [b"\x82\x04" + CONNACK, b"\x88\x00"],
        [{"closed": True}],
        None,
    ),
    "web: not taken": ("websocket", upgrade("404 Not Found"), [], [], "404"),
    "web: a wrong accept": ("websocket", upgrade(wrong="x"), [], [], "a wrong Sec-WebSocket-Accept"),
    "web: another subprotocol": ("websocket", upgrade(protocol="chat"), [], [], "selected chat"),
    "web: no subprotocol": ("websocket", upgrade(protocol=None), [], [], "selected None"),
    "web: no handshake": ("websocket", lambda request: b"", [], [], "the handshake failed"),
}


def server(greeting, pieces):
    async def serve(reader, writer):
        if greeting:
            writer.write(greeting((await reader.readuntil(b"\r\n\r\n")).decode()))
        await reader.read(1)
        for piece in pieces:
            if piece is None:
                break
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        if None not in pieces:
            await reader.read()
        writer.close()

    return serve


async def judge(name, kind, greeting, pieces, last, wanted):
    listener = await asyncio.start_server(server(greeting, pieces), "127.0.0.1", 0)
    address = listener.sockets[0].getsockname()[:2]
    failure = None
    try:
        await Stage(scenario(kind, last), Network(address, address, patience=0.4), "run").play()
    except Failed as failed:
        failure = str(failed)
    listener.close()
    right = failure is None if wanted is None else failure and wanted in failure
    return None if right else f"{name}: {failure or 'passes'}, and not: {wanted or 'passes'}"


async def main():
    wrong = [one for one in await asyncio.gather(*(judge(name, *case) for name, case in CASES.items())) if one]
    print("\n".join([*wrong, f"{len(CASES)} servers, {len(wrong)} misjudged"]))
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    asyncio.run(main())

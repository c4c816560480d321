"""As much of WebSocket (RFC 6455) as a client of MQTT needs, and a bit more, to send frames that are unusual."""

import base64
import hashlib
import os

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL = 0x80


class Refused(Exception):
    """The server did not take the handshake; args[0] says how."""


async def handshake(reader, writer, address, offers):
    """The subprotocol that the server chose, or None."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /mqtt HTTP/1.1",
        f"Host: {address[0]}:{address[1]}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    if offers:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(offers)}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = await reader.read(1)
        if not byte:
            raise Refused("closed during the handshake")
        head += byte
    status, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    if status.split(" ")[1:2] != ["101"]:
        raise Refused(status)
    accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    if headers.get("sec-websocket-accept") != accept:
        raise Refused("a wrong Sec-WebSocket-Accept")
    return headers.get("sec-websocket-protocol")


def frame(opcode, payload, final=True):
    """A frame with a mask, as a client has to send it."""
    size, mask = len(payload), os.urandom(4)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([FINAL * final | opcode]) + length + mask + masked


def cut(data, how):
    """The bytes as frames: one; one for each byte; one message with a fragment for each byte; or one of text."""
    if how == "one":
        return [frame(BINARY, data)]
    if how == "text":
        return [frame(TEXT, data)]
    pieces, last = [data[i : i + 1] for i in range(len(data))], len(data) - 1
    if how == "bytes":
        return [frame(BINARY, piece) for piece in pieces]
    return [frame(CONTINUATION if i else BINARY, piece, i == last) for i, piece in enumerate(pieces)]


class Frames:
    """Takes frames out of what a server sends."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        while (parts := self.first()) is not None:
            opcode, start, end = parts
            payload, self.buffer = self.buffer[start:end], self.buffer[end:]
            yield opcode, payload

    def first(self):
        """Opcode, beginning and end of the first payload, once it is whole."""
        if len(self.buffer) < 2:
            return None
        size, start = self.buffer[1] & 0x7F, 2
        if size > 125:
            width = 2 if size == 126 else 8
            start += width
            if len(self.buffer) < start:
                return None
            size = int.from_bytes(self.buffer[2:start], "big")
        return (self.buffer[0] & 0x0F, start, start + size) if len(self.buffer) >= start + size else None

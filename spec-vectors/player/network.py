"""Connections over TCP and WebSocket."""

import asyncio

from . import websocket


class Network:
    """Where the broker listens, and real time."""

    def __init__(self, tcp, web=None, patience=3.0):
        self.tcp, self.web, self.patience = tcp, web, patience

    def before(self, step, stage):
        """For networks that want to know what the scenario asks for next."""

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)

    async def open(self, kind, link, offers):
        """A channel, and the subprotocol that was chosen on it."""
        reader, writer = await asyncio.open_connection(*(self.web if kind == "websocket" else self.tcp))
        if kind == "tcp":
            return Channel(reader, writer, link), None
        try:
            chosen = await asyncio.wait_for(websocket.handshake(reader, writer, self.web, offers), self.patience)
        except BaseException:
            writer.close()
            raise
        return WebChannel(reader, writer, link), chosen


class Channel:
    def __init__(self, reader, writer, link):
        self.reader, self.writer, self.link = reader, writer, link
        self.task = asyncio.create_task(self.read())

    async def read(self):
        try:
            while data := await self.reader.read(65536):
                self.take(data)
        except OSError:
            pass
        self.link.ended()

    def take(self, data):
        self.link.feed(data)

    async def send(self, data, frames):
        try:
            for piece in [data[i : i + 1] for i in range(len(data))] if frames == "bytes" else [data]:
                self.writer.write(piece)
                await self.writer.drain()
                if frames == "bytes":
                    await asyncio.sleep(0)
        except OSError:
            pass  # the broker has closed, which the next expectation tells

    async def close(self):
        """Ends the connection, and waits until it is over."""
        self.task.cancel()
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass


class WebChannel(Channel):
    def __init__(self, reader, writer, link):
        self.frames = websocket.Frames()
        super().__init__(reader, writer, link)

    def take(self, data):
        for opcode, payload in self.frames.feed(data):
            if opcode == websocket.PING:
                self.writer.write(websocket.frame(websocket.PONG, payload))
            elif opcode == websocket.CLOSE:
                self.link.ended()
            elif opcode == websocket.TEXT:
                self.link.fault("a text frame")
            elif opcode != websocket.PONG:
                self.link.feed(payload)

    async def send(self, data, frames):
        await super().send(b"".join(websocket.cut(data, frames)), "one")

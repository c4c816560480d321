"""A relay between the player and a broker, in which one of the broker's packets, or one for it, may be falsified."""

import asyncio

from generator.encode import encode
from generator.strict import Bad, decode, frame

CUT = object()  # in place of a packet: the connection to the broker is closed without it
LEVELS = {3: "3.1", 4: "3.1.1", 5: "5.0"}


class Connection:
    """What a falsifier may want to know of a connection."""

    def __init__(self, relay, down):
        self.relay, self.writer = relay, down
        self.version, self.client, self.clean, self.resumed, self.left = "3.1.1", "", True, False, False
        self.filters, self.sent, self.held = [], [], []

    def learn(self, packet):
        kind = packet["type"]
        if kind == "CONNECT":
            self.client, self.clean = packet["client_id"], packet["clean_start"]
        elif kind == "CONNACK":
            self.resumed = packet["session_present"]
        elif kind == "SUBSCRIBE":
            self.filters += [entry["filter"] for entry in packet["filters"]]
        elif kind == "UNSUBSCRIBE":
            self.left = True

    def others(self):
        return [other for other in self.relay.connections if other is not self and not other.writer.is_closing()]

    def inject(self, packet):
        """Sends a packet to the client as if it came from the broker."""
        self.writer.write(encode(self.version, packet))


class Relay:
    def __init__(self, broker, falsifier):
        self.broker, self.falsifier, self.connections, self.memory = broker, falsifier, [], {}

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[:2]

    async def serve(self, reader, writer):
        connection = Connection(self, writer)
        self.connections.append(connection)
        try:
            from_broker, to_broker = await asyncio.open_connection(*self.broker)
        except OSError:
            writer.close()
            return
        pipes = [
            asyncio.create_task(self.pipe(connection, "client", reader, to_broker)),
            asyncio.create_task(self.pipe(connection, "server", from_broker, writer)),
        ]
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            self.falsifier.ends(connection)
            to_broker.close()
            await asyncio.wait(pipes, timeout=0.2)
        except asyncio.CancelledError:
            pass  # all is over
        writer.close()

    async def pipe(self, connection, sender, reader, writer):
        buffer = b""
        try:
            while data := await reader.read(65536):
                buffer += data
                while (parts := split(buffer, connection.version)) is not None:
                    one, buffer = parts
                    for packet in self.through(connection, sender, one):
                        if packet is CUT or writer.is_closing():
                            return
                        writer.write(packet)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass

    def through(self, connection, sender, one):
        """The bytes that go on in place of these of a whole packet."""
        if one[0] >> 4 == 1:
            at = next(i for i in range(1, 5) if one[i] < 0x80) + 1
            connection.version = LEVELS.get(one[at + 2 + one[at + 1]], "3.1.1")
        try:
            packet = decode(connection.version, sender, one)
        except Bad:
            return [one]
        connection.learn(packet)
        answer = self.falsifier.falsify(sender, packet, connection)
        answers = answer if isinstance(answer, list) else [answer]
        return [each if each is CUT else encode(connection.version, each) for each in answers if each is not None]


def split(buffer, version):
    try:
        start, end = frame(buffer, version)
    except Bad:
        return buffer, b""
    return None if start == "incomplete" else (buffer[:end], buffer[end:])

"""A link between a client and a broker that sees each packet, and can be cut at any of them."""

import socket
import threading

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
PINGREQ = 12
LOOPBACK = "127.0.0.1"


class Relay:
    def __init__(self, port):
        self.broker = (LOOPBACK, port)
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port = self.listener.getsockname()[1]
        self.was_cut = threading.Event()
        # What passed: ("client" or "server", first byte, the rest behind the fixed header).
        self.packets = []
        self._sockets = []
        self._trap = None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Cuts the link, as if somebody had pulled the plug: neither side is told why."""
        sockets, self._sockets = self._sockets, []
        for end in sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # that side was the first to close
        self.was_cut.set()

    def cut_at(self, sender, packet_type):
        """Cuts the link in place of the next packet of that type. It does not arrive."""
        self.was_cut.clear()
        self._trap = (sender, packet_type)

    def close(self):
        self.listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.broker)
            except OSError:
                return  # closed
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            threading.Thread(target=self._pass, args=("client", client, server), daemon=True).start()
            threading.Thread(target=self._pass, args=("server", server, client), daemon=True).start()

    def _pass(self, sender, source, sink):
        try:
            with source.makefile("rb") as stream:
                while (packet := read_packet(stream)) is not None:
                    first, body, whole = packet
                    if self._trap == (sender, first >> 4):
                        self._trap = None
                        self.cut()
                        return
                    self.packets.append((sender, first, body))
                    sink.sendall(whole)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut


def read_packet(stream):
    """The first byte, what is behind the fixed header, and everything; None at the end."""
    head = stream.read(1)
    while len(head) < 2 or len(head) < 5 and head[-1] & 0x80:
        byte = stream.read(1)
        if not byte:
            return None
        head += byte
    length = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(head[1:]))
    body = stream.read(length)
    return (head[0], body, head + body) if len(body) == length else None

"""One connection to a broker: bytes in, packets out."""

from collections import deque

from generator.strict import Bad, decode, frame

from .forms import shown

CLOSED = {"type": "(closed)"}
OLD_REFUSAL = b"\x20\x02\x00\x01"  # a server before 5.0 does not speak this version; it says so in its own


class Link:
    """What has come in on a connection and was not asked for yet. Ill-formed packets come in as that."""

    def __init__(self, version, only, wake):
        self.version, self.only, self.wake = version, only, wake
        self.buffer, self.inbox, self.over = b"", deque(), False
        self.accepted = False

    def feed(self, data):
        self.buffer += data
        while not self.over:
            try:
                start, end = frame(self.buffer, self.version)
                if start == "incomplete":
                    return
                one, self.buffer = self.buffer[:end], self.buffer[end:]
                version = "3.1.1" if one == OLD_REFUSAL else self.version
                self.put(shown(decode(version, "server", one)))
            except Bad as error:
                self.fault(f"{error.args[0]}: {self.buffer[:40].hex(' ')}")

    def put(self, packet):
        topic = packet.get("topic")
        if self.only and topic is not None and not any(part in topic for part in self.only):
            return
        self.inbox.append(packet)
        self.wake()

    def fault(self, what):
        """The broker has sent what no broker may send; nothing that follows can be made out."""
        if not self.over:
            self.over = True
            self.put({"type": "(malformed)", "error": what})

    def ended(self):
        if not self.over:
            self.over = True
            self.put(CLOSED)

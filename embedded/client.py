#!/usr/bin/env python3
"""Runs the weather station in an emulator, against a broker, over a line that is cut again and again.

    client.py BOARD=IMAGE... -- BROKER COMMAND...

The word PORT of the broker's command is replaced by a port. The emulator is a TCP client to a line of this program, which is a
client of the broker: it can cut the connection at any byte, or be dead. What arrives is watched by mosquitto_sub. The boards
run at the same time, each with a broker of its own. The exit status is 0 if everything arrived as its QoS promises.
"""
import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Whether a board sees a break, by which the line says then that a connection is new.
BOARDS = {"mps2-an386": False, "microbit": True}

CONNECT, PUBLISH, PUBREC, PUBREL, PUBCOMP, PINGRESP, DISCONNECT = 1, 3, 5, 6, 7, 13, 14

# Where an exchange at QoS 2 is cut: the direction, the packet, and how many of its bytes still arrive.
RAIN_CUTS = [("up", PUBLISH, 5), ("down", PUBREC, 0), ("up", PUBREL, 1), ("down", PUBCOMP, 0)]
COMMAND_CUTS = [("down", PUBLISH, 5), ("up", PUBREC, 0), ("down", PUBREL, 1), ("up", PUBCOMP, 0)]

PAINT = 0xCCCCCCCC  # what cortex-m-rt fills the stack with


class Failure(Exception):
    """What went wrong, in a sentence."""


class Packets:
    """Finds the packets in a stream, byte by byte."""

    def __init__(self):
        self.at = 0

    def feed(self, byte):
        """The packet type and QoS of the packet that the byte is in, and its place there."""
        at = self.at
        if at == 0:
            self.head, self.length, self.shift, self.end = byte, 0, 0, None
        elif self.end is None:
            self.length |= (byte & 127) << self.shift
            self.shift += 7
            if byte < 128:
                self.end = at + 1 + self.length
        self.at = 0 if self.end == at + 1 else at + 1
        return self.head >> 4, self.head >> 1 & 3, at


class Line:
    """What is between the emulator and the broker."""

    def __init__(self, broker_port, on_open):
        self.broker_port, self.on_open = broker_port, on_open
        self.knife, self.cuts, self.dead = None, 0, False
        self.connects_again = 0  # within a connection
        self.passed = {}  # how many packets of each type went to the broker, and came from it
        self.close = lambda: None

    async def listen(self):
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    def count(self, direction, kind):
        return self.passed.get((direction, kind), 0)

    async def cut(self, direction, kind, keep):
        """Waits for a packet, and cuts the line when `keep` bytes of it have passed."""
        self.knife = (direction, kind, keep)
        await until(lambda: self.knife is None, 15, f"no packet of type {kind} went {direction}")

    async def connected(self, reader, writer):
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.broker_port)
        except OSError:
            writer.close()
            return
        ends = [writer, broker_writer]
        self.close = lambda: [end.transport.abort() for end in ends]
        # What comes first is the rest of something that was cut, perhaps: in that nothing is looked for.
        self.known = False
        await self.on_open()
        pumps = [self.pump("up", reader, broker_writer), self.pump("down", broker_reader, writer)]
        pumps = [asyncio.create_task(pump) for pump in pumps]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self.close()
        await asyncio.wait(pumps)

    async def pump(self, direction, reader, writer):
        packets = Packets()
        with contextlib.suppress(OSError):
            while chunk := await reader.read(1024):
                end = self.look(direction, packets, chunk)
                if not self.dead:  # a dead line takes everything
                    writer.write(chunk[:end])
                    await writer.drain()
                if end < len(chunk):
                    return
        while self.dead:  # nor does it tell of an end
            await asyncio.sleep(0.1)

    def look(self, direction, packets, chunk):
        """How much of the chunk is to pass."""
        for i, byte in enumerate(chunk):
            kind, qos, at = packets.feed(byte)
            if at == 0 and direction == "up" and kind == CONNECT:
                self.connects_again += self.known and not self.dead
                self.known = True
            if not self.known:
                continue
            if at == 0:
                self.passed[direction, kind] = self.count(direction, kind) + 1
            if self.knife == (direction, kind, at) and (kind != PUBLISH or qos == 2):
                self.knife, self.cuts = None, self.cuts + 1
                return i
        return len(chunk)


async def until(condition, seconds, otherwise):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{otherwise}, in {seconds} seconds")
        await asyncio.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """The broker, and a client of it that writes down all messages of the station."""

    def __init__(self, command, processes):
        self.command, self.processes, self.port, self.seen = command, processes, free_port(), []

    async def start(self):
        command = [word.replace("PORT", str(self.port)) for word in self.command]
        broker = await self.processes.start(*command, stderr=subprocess.DEVNULL)

        def listens():
            if broker.returncode is not None:
                raise Failure(f"the broker ended: {' '.join(command)}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        await until(listens, 120, "the broker does not listen")
        self.watcher = await self.processes.start(
            *self.client("mosquitto_sub", 2, "roof/#"), "-v", "-F", "%t|%q|%D|%p"
        )
        asyncio.create_task(self.watch())

    def client(self, program, qos, topic):
        return [program, "-V", "5", "-p", str(self.port), "-q", str(qos), "-t", topic]

    async def watch(self):
        async for line in self.watcher.stdout:
            self.seen.append(tuple(line.decode().rstrip("\n").split("|", 3)))

    def messages(self, topic):
        return [payload for name, _, _, payload in self.seen if name == f"roof/{topic}"]

    def answers(self, number):
        return [payload for name, _, id, payload in self.seen if name == "roof/answer" and id == str(number)]

    async def order(self, number, text, qos):
        properties = ["response-topic", "roof/answer"], ["correlation-data", str(number)]
        flags = [word for pair in properties for word in ("-D", "publish", *pair)]
        client = await self.processes.start(*self.client("mosquitto_pub", qos, "roof/command"), "-m", text, *flags)
        if await client.wait() != 0:
            raise Failure("mosquitto_pub could not publish a command")


class Emulator:
    def __init__(self, board, image, folder, processes):
        self.board, self.image, self.folder, self.processes = board, image, folder, processes
        self.control = None
        # One question at a time, or it gets the answer to another.
        self.asking = asyncio.Lock()

    async def start(self, port):
        version = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True).stdout
        numbers = version.split()[3].split(".")
        again = "reconnect-ms=1000" if (int(numbers[0]), int(numbers[1])) >= (9, 2) else "reconnect=1"
        path = str(self.folder / "control")
        controls = asyncio.Queue()
        await asyncio.start_unix_server(lambda *control: controls.put_nowait(control), path)
        self.process = await self.processes.start(
            "qemu-system-arm", "-M", self.board, "-display", "none", "-kernel", self.image, "-qmp", f"unix:{path}",
            "-chardev", f"socket,id=line,host=127.0.0.1,port={port},{again}", "-serial", "chardev:line",
        )
        try:
            control = await asyncio.wait_for(controls.get(), 10)
        except TimeoutError:
            raise Failure("the emulator does not start") from None
        await control[0].readline()
        self.control = control
        await self.ask("qmp_capabilities")

    async def ask(self, command, **arguments):
        reader, writer = self.control
        async with self.asking:
            writer.write(json.dumps({"execute": command, "arguments": arguments}).encode())
            while True:
                answer = json.loads(await reader.readline())
                if "error" in answer:
                    raise Failure(f"the emulator refuses {command}: {answer['error']['desc']}")
                if "return" in answer:
                    return

    async def send_break(self):
        if BOARDS[self.board] and self.control:
            await self.ask("chardev-send-break", id="line")

    async def stack(self):
        """How many bytes of the stack were ever used, and how many there are."""
        symbols = subprocess.run(["nm", self.image], capture_output=True, text=True, check=True).stdout.split("\n")
        address = {line.split()[-1]: int(line.split()[0], 16) for line in symbols if len(line.split()) == 3}
        bottom, size = address["_stack_end"], address["_stack_start"] - address["_stack_end"]
        await self.ask("memsave", val=bottom, size=size, filename=str(self.folder / "stack"))
        words = struct.unpack(f"<{size // 4}I", (self.folder / "stack").read_bytes())
        unused = next((i for i, word in enumerate(words) if word != PAINT), len(words))
        return size - 4 * unused, size


class Processes:
    """All that was started, so that nothing is left."""

    def __init__(self):
        self.all = []

    async def start(self, *command, **options):
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options
            )
        except FileNotFoundError:
            raise Failure(f"there is no program {command[0]}") from None
        self.all.append(process)
        return process

    async def end(self):
        for process in self.all:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def scenario(board, broker, line, emulator, say):
    """What has to go well."""
    await until(lambda: len(broker.messages("temperature")) >= 3, 10, "three temperatures do not arrive")
    say("temperatures arrive")

    async def order(number, text, qos, answer):
        await broker.order(number, text, qos)
        await until(lambda: broker.answers(number), 15, f"no answer to '{text}'")
        if answer not in broker.answers(number)[0]:
            raise Failure(f"'{text}' is answered with '{broker.answers(number)[0]}'")

    for qos in range(3):
        await order(qos, "status", qos, " temperatures, ")
    await order(3, "jump", 1, "unknown command")
    say("commands are answered at each QoS")

    for cut in RAIN_CUTS:
        await line.cut(*cut)
        tips = len(broker.messages("rain"))
        await until(lambda: len(broker.messages("rain")) > tips + 1, 15, f"no rain after the cut at {cut}")
    say("messages that were cut off arrive")

    for number, cut in enumerate(COMMAND_CUTS, start=10):
        knife = asyncio.create_task(line.cut(*cut))
        await order(number, f"interval {number}", 2, f"interval {number}")
        await knife
    say("commands that were cut off are answered")

    # With nothing else to say, PINGREQ; and if that is not answered, another connection.
    await order(20, "pause 20", 2, "pause 20")
    await until(lambda: line.count("down", PINGRESP) > 0, 10, "no PINGREQ is answered")
    line.dead, ends = True, line.count("up", DISCONNECT)
    await until(lambda: line.count("up", DISCONNECT) > ends, 20, "a dead line is not noticed")
    line.dead = False
    line.close()
    await order(21, "status", 2, " temperatures, ")
    say("a line that is silent is noticed")


def verdict(broker, line):
    """Whether everything arrived as its QoS promises."""
    rain = [int(payload) for payload in broker.messages("rain")]
    if rain != list(range(1, len(rain) + 1)):
        raise Failure(f"tips of the rain gauge did not arrive once each and in order: {rain}")
    numbers = [int(payload.split()[0]) for payload in broker.messages("temperature")]
    if list(dict.fromkeys(numbers)) != list(range(1, max(numbers) + 1)):
        raise Failure(f"temperatures are missing or out of order: {numbers}")
    for number in [2, *range(10, 10 + len(COMMAND_CUTS)), 20, 21]:
        if len(broker.answers(number)) != 1:
            raise Failure(f"command {number} was answered {len(broker.answers(number))} times")
    if line.connects_again:
        raise Failure(f"{line.connects_again} CONNECTs came within a connection")
    again = len(numbers) - max(numbers)
    return f"{len(rain)} tips once each, {max(numbers)} temperatures ({again} twice), {line.cuts} cuts"


async def run(board, image, command):
    start = time.monotonic()

    def say(text):
        print(f"      {board}: {time.monotonic() - start:4.1f} s  {text}", flush=True)

    processes = Processes()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(command, processes)
        emulator = Emulator(board, image, Path(folder), processes)
        line = Line(broker.port, emulator.send_break)
        try:
            await broker.start()
            await emulator.start(await line.listen())
            await scenario(board, broker, line, emulator, say)
            used, size = await emulator.stack()
            emulator.process.kill()
            await until(lambda: broker.messages("state")[-1:] == ["offline"], 10, "no will")
            print(f"ok    {board}: {verdict(broker, line)}; {used} of {size} bytes of stack used", flush=True)
            return True
        except Failure as failure:
            print(f"FAIL  {board}: {failure}", file=sys.stderr, flush=True)
            return False
        finally:
            await processes.end()


async def main(arguments):
    if "--" not in arguments[1:-1]:
        raise SystemExit("usage: client.py BOARD=IMAGE... -- BROKER COMMAND, with the word PORT in it")
    split = arguments.index("--")
    boards = [argument.split("=", 1) for argument in arguments[:split]]
    if not all(len(board) == 2 and board[0] in BOARDS for board in boards):
        raise SystemExit(f"boards are {', '.join(BOARDS)}, each with =IMAGE")
    results = await asyncio.gather(*(run(*board, arguments[split + 1 :]) for board in boards))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))

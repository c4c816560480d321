"""The brokers that the scenarios are played against: how each is built, named and started."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 10


class Broker:
    """This project's broker."""

    def prepare(self):
        """What it is called, once it is there to be started."""
        subprocess.run(["cargo", "build", "--quiet", "-p", "broker"], cwd=ROOT, check=True)
        command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
        metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
        self.program = Path(metadata["target_directory"]) / "debug" / "broker"
        return "examples/broker"

    def command(self, tcp, web, folder):
        return [self.program, f"127.0.0.1:{tcp}", f"ws://127.0.0.1:{web}"]


class Mosquitto:
    def prepare(self):
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
        self.program = shutil.which("mosquitto", path=path)
        if self.program is None:
            raise SystemExit(
                "mosquitto is not installed (Debian: apt install mosquitto); --start broker does without it"
            )
        told = subprocess.run([self.program, "-h"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"mosquitto version (\S+)", told)
        return f"mosquitto {version[1] if version else 'of unknown version'}"

    def command(self, tcp, web, folder):
        lines = [
            f"listener {tcp} 127.0.0.1",
            f"listener {web} 127.0.0.1",
            "protocol websockets",
            "allow_anonymous true",
        ]
        config = Path(folder) / "mosquitto.conf"
        config.write_text("\n".join([*lines, ""]))
        return [self.program, "-c", config]


BROKERS = {"broker": Broker, "mosquitto": Mosquitto}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@asynccontextmanager
async def running(broker, folder):
    """Its addresses for TCP and for WebSocket; the latter is None if it does not listen there."""
    tcp, web = free_ports(2)
    with open(Path(folder) / "log", "wb") as log:
        process = subprocess.Popen(broker.command(tcp, web, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        if not await listens(tcp, process, START_SECONDS):
            raise SystemExit(f"{broker.program} does not start: {(Path(folder) / 'log').read_text()}")
        yield ("127.0.0.1", tcp), ("127.0.0.1", web) if await listens(web, process, 1) else None
        if process.poll() is not None:
            raise SystemExit(f"{broker.program} ended with {process.returncode}: {(Path(folder) / 'log').read_text()}")
    finally:
        process.kill()
        process.wait()


async def listens(port, process, seconds):
    for _ in range(int(seconds / 0.05)):
        if process.poll() is not None:
            return False
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            return True
        except OSError:
            await asyncio.sleep(0.05)
    return False

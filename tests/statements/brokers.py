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

# What 2.0.11 does wrong, by the beginning of the scenario's id without its version.
FAULTS_OF_MOSQUITTO = {
    "web-text-frame": "takes frames of text for binary ones",
    "expiry-behind-quota": "the message behind one that expires in the queue is not sent",
    "no-local-beside-local": "a new subscription with the same filter does not change No Local",
    "subscription-identifier-replaced": "a new subscription with the same filter does not change Retain As Published",
    "receive-maximum": "a PUBREC already makes room for another message of QoS 2",
    "retained-not-for-shared": "a shared subscription gets retained messages",
    "taken-over": "closes the older connection without DISCONNECT 0x8E",
    "will-delay-clean-start": "the will waits for its delay though the session has ended",
    "will-delay-session-ended": "the will waits for its delay though the session has ended",
    "will-delay-without-session": "the will waits for its delay though the session has ended",
    "will-on-error": "DISCONNECT with an error drops the will",
}


class Broker:
    """This project's broker."""

    faults = {}

    def prepare(self):
        """What it is called, once it is there to be started."""
        # The programs of all members, as other tests have them built.
        build = ["cargo", "build", "--quiet", "--workspace", "--exclude", "sans-mqtt", "--bins"]
        subprocess.run(build, cwd=ROOT, check=True)
        command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
        metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
        self.program = Path(metadata["target_directory"]) / "debug" / "broker"
        return "examples/broker"

    def command(self, tcp, web, folder):
        return [self.program, f"127.0.0.1:{tcp}", f"ws://127.0.0.1:{web}"]


class Mosquitto:
    faults = FAULTS_OF_MOSQUITTO

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


def fault(broker, id):
    """What is known to be wrong with a broker, where it fails a scenario; or nothing."""
    name = id.split("-", 1)[1]
    return next((reason for start, reason in broker.faults.items() if name.startswith(start)), "")


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

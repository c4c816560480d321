"""The broker that is tried: ours, or mosquitto for comparison. Both are told what to do as mosquitto's files say it."""

import pathlib
import shutil
import socket
import subprocess
import time

import configuration
from fetch import TARGET, Missing

BROKERS = ("broker", "mosquitto")


def program(name):
    if name == "broker":
        return TARGET / "debug/broker"
    # Debian has it where only root looks.
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise Missing("mosquitto is not installed")
    return pathlib.Path(found)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    """Until the process listens there."""
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
    raise Missing(f"nothing listens on port {port}")


class Server:
    """A broker that runs."""

    def __init__(self, name, folder, lines=(), port=None):
        self.port = port or free_port()
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", *lines]
        if name == "mosquitto":
            config = folder / f"{self.port}.conf"
            config.write_text("\n".join(lines) + "\n")
            command = [program(name), "-c", config]
        else:
            command = [program(name), *configuration.arguments(lines)]
        self.log = (folder / f"{self.port}.log").open("wb")
        self.process = subprocess.Popen([str(word) for word in command], stdout=self.log, stderr=self.log)
        try:
            wait_for(self.port, self.process)
        except Missing:
            self.stop()
            raise Missing(f"{name} does not listen; see {self.log.name}") from None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

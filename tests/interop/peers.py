"""The peers: how they are installed and started. What they can't do is in `holes.py`."""

import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from relay import LOOPBACK

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
INSTALLED = TARGET / "interop"
PYTHON = INSTALLED / "venv/bin/python"
MODULES = INSTALLED / "node_modules"

MOSQUITTO_CONF = """\
user {user}
allow_anonymous true
max_keepalive {max_keep_alive}
max_queued_messages 5000
listener {port} 127.0.0.1
listener {tls_port} 127.0.0.1
cafile {folder}/ca.crt
certfile {folder}/server.crt
keyfile {folder}/server.key
"""


class Missing(Exception):
    """A peer is not installed; says what is missing."""


def install():
    """Gets the peers, below the target directory; mosquitto by apt, if that is allowed."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    if not (mosquitto() and shutil.which("mosquitto_sub")) and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq")
        packages = ("mosquitto", "mosquitto-clients")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=quiet)
    if not PYTHON.exists():
        run(sys.executable, "-m", "venv", INSTALLED / "venv")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "requirements.txt")
    if shutil.which("npm"):
        shutil.copy(HERE / "package.json", INSTALLED)
        run("npm", "install", "--silent", "--no-audit", "--no-fund", cwd=INSTALLED)


def build():
    """Builds what is ours."""
    # The programs of all members, as other tests have them built: for some of them, libraries would be built anew.
    run("cargo", "build", "--quiet", "--workspace", "--exclude", "sans-mqtt", "--bins", cwd=ROOT)
    run("cargo", "build", "--quiet", "--example", "tiny_broker", cwd=ROOT)


def run(*command, **more):
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr, **more)


def mosquitto():
    # Debian has it where only root looks.
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def program(name):
    found = shutil.which(name)
    if not found:
        raise Missing(f"{name} is not installed")
    return found


def python(module):
    if not PYTHON.exists() or not list(PYTHON.parent.parent.glob(f"lib/*/site-packages/{module}")):
        raise Missing(f"the Python package {module} is not installed")
    return PYTHON


def node(module):
    if not (MODULES / module).exists():
        raise Missing(f"the npm package {module} is not installed")
    return program("node")


# Of each client, the command that starts its driver.
CLIENTS = {
    "sans-mqtt": lambda: [TARGET / "debug/sans"],
    "paho": lambda: [python("paho"), HERE / "drivers/paho_mqtt.py"],
    "mqtt.js": lambda: [node("mqtt"), HERE / "drivers/mqttjs.cjs"],
    "rumqttc": lambda: [TARGET / "debug/rumqttc"],
    "mosquitto_sub": lambda: [
        sys.executable, HERE / "drivers/mosquitto.py", program("mosquitto_sub"), program("mosquitto_pub"),
    ],  # fmt: skip
}

# Of each broker, the command that starts it on a port.
BROKERS = {
    "tiny_broker": lambda port: [TARGET / "debug/examples/tiny_broker", port],
    "broker": lambda port: [TARGET / "debug/broker", port],
    "mosquitto": lambda port: [mosquitto() or program("mosquitto"), "-c", "mosquitto.conf"],
    "aedes": lambda port: [node("aedes"), HERE / "brokers/aedes.cjs", port],
    "amqtt": lambda port: [python("amqtt"), HERE / "brokers/amqtt_broker.py", port],
}


def client_command(name):
    return [str(word) for word in CLIENTS[name]()]


def environment():
    return {**os.environ, "NODE_PATH": str(MODULES), "PYTHONUNBUFFERED": "1"}


class Broker:
    max_keep_alive = 300

    def __init__(self, name, folder, log):
        self.name, self.port, self.tls_port = name, free_port(), free_port()
        self.ca = folder / "ca.crt"
        command = [str(word) for word in BROKERS[name](self.port)]
        if name == "mosquitto":
            certify(folder)
            values = {"user": getpass.getuser(), "folder": folder, **vars(self), "max_keep_alive": self.max_keep_alive}
            (folder / "mosquitto.conf").write_text(MOSQUITTO_CONF.format(**values))
        self.process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=log)
        self.wait_until_it_listens()

    def wait_until_it_listens(self):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection((LOOPBACK, self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise Missing(f"{self.name} does not start")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.create_server((LOOPBACK, 0)) as listener:
        return listener.getsockname()[1]


def certify(folder):
    """Makes a certificate authority, and a certificate of it for localhost."""

    def openssl(*words):
        subprocess.run([program("openssl"), *words], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=interop CA")
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "extensions").write_text("subjectAltName=DNS:localhost\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "extensions", "-out", "server.crt",
    )  # fmt: skip

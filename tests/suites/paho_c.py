"""The tests of the paho C library against a server, over TCP and over WebSocket, as its own cmake files list them."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import fetch
import servers

# Most of the time is waiting.
JOBS, PATIENCE = 8, 120


def run(place):
    source = fetch.paho_c()
    built = build(source)
    command = [tool("ctest"), "--show-only=json-v1"]
    listed = json.loads(subprocess.run(command, cwd=built, check=True, capture_output=True).stdout)["tests"]
    tests = [(test["name"], test["command"]) for test in listed if place.wants(test["name"])]
    with ThreadPoolExecutor(JOBS) as pool:
        yield from pool.map(lambda test: (test[0], attempt(place, source / "test/mqttsas.py", *test)), tests)


def tool(name):
    return fetch.python().with_name(name)


def build(source):
    """The tests, with words where the addresses of the server and of their own proxy go."""
    built = fetch.CACHE / "paho-c-built"
    settings = {
        "PAHO_BUILD_STATIC": "OFF",
        "PAHO_BUILD_SHARED": "ON",
        "PAHO_BUILD_SAMPLES": "OFF",
        "PAHO_ENABLE_TESTING": "ON",
        "PAHO_WITH_SSL": "OFF",
        "CMAKE_RULE_MESSAGES": "OFF",
        "MQTT_TEST_BROKER": "tcp://TCP",
        "MQTT_TEST_PROXY": "tcp://PROXY",
        "MQTT_WS_TEST_BROKER": "ws://WEBSOCKET",
        "MQTT_WS_TEST_PROXY": "ws://PROXY",
    }
    defined = [f"-D{name}={value}" for name, value in settings.items()]
    fetch.run(tool("cmake"), "-S", source, "-B", built, "--log-level=WARNING", *defined)
    fetch.run(tool("cmake"), "--build", built, "--", "--quiet")
    return built


def attempt(place, proxy, name, command):
    """What went wrong, if anything did. Each test has a server of its own."""
    folder = place.folder / name
    folder.mkdir()
    sockets, between = servers.free_port(), servers.free_port()
    lines = [f"listener {sockets} 127.0.0.1", "protocol websockets"]
    with servers.Server(place.broker, folder, lines) as server, (folder / "log").open("wb") as log:
        # The proxy speaks WebSocket with the client alone.
        words = [fetch.python(), proxy, "127.0.0.1", str(server.port), str(between)]
        relay = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
        for word, port in {"TCP": server.port, "WEBSOCKET": sockets, "PROXY": between}.items():
            command = [part.replace(f"//{word}", f"//127.0.0.1:{port}") for part in command]
        try:
            servers.wait_for(between, relay)
            ran = subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return f"not done after {PATIENCE} s"
        finally:
            relay.kill()
            relay.wait()
    (folder / "output").write_bytes(ran.stdout + ran.stderr)
    if ran.returncode:
        said = ran.stdout.decode(errors="replace")
        failed = re.search(r"Assertion failed, file .*/(\S+), line (\d+), description: (.*)", said)
        return "{}:{}: {}".format(*failed.groups()) if failed else f"exit code {ran.returncode}"
    return None

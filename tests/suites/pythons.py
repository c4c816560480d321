"""The tests of Python's client libraries that want a server."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import fetch
import servers

# The tests that are about the server, too.
FILES = {fetch.GMQTT: "tests/test_mqtt5.py", fetch.AIOMQTT: "tests/test_client.py"}


def run(place):
    sources = [(fetch.sdist(package), file) for package, file in FILES.items()]
    # Most of the time is waiting.
    with ThreadPoolExecutor() as pool:
        for results in pool.map(lambda source: list(attempt(place, *source)), sources):
            yield from results


def attempt(place, source, file):
    """Each test with what went wrong, if anything did."""
    name = source.name.partition("-")[0]
    folder = place.folder / name
    folder.mkdir()
    sockets = servers.free_port()
    lines = [f"listener {sockets} 127.0.0.1", "protocol websockets"]
    with servers.Server(place.broker, folder, lines) as server, (folder / "log").open("wb") as log:
        environment = {
            **os.environ,
            "PYTHONPATH": str(fetch.HERE / "adapter"),
            "SUITES_PORTS": json.dumps({1883: server.port, 8080: sockets}),
            "PORT": str(server.port),
        }
        options = ["-p", "hosts", "-p", "no:cacheprovider", f"--junitxml={folder / 'results.xml'}"]
        command = [fetch.python(), "-m", "pytest", *options, file]
        subprocess.run(command, cwd=source, env=environment, stdout=log, stderr=log, timeout=300)
    for test, wrong in verdicts(folder / "results.xml"):
        full = f"{name}: {test.get('name')}"
        if place.wants(full):
            yield full, wrong


def verdicts(file):
    """Each test in a file of results, with the first line of what went wrong, if anything did."""
    for test in ElementTree.parse(file).iter("testcase"):
        # What is expected to fail, and does, is written down as skipped.
        bad = [part for part in test if part.tag in ("failure", "error", "skipped") and part.get("type") != "pytest.xfail"]
        yield test, bad[0].get("message").splitlines()[0] if bad else None

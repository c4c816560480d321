"""The tests of paho-mqtt against a server, which come from paho.mqtt.testing's interoperability tests."""

import os
import re
import subprocess

import fetch


def run(place):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path) for path in (place.paho / "src", fetch.HERE / "adapter", fetch.HERE)),
        "SUITES_NAME": place.broker,
        "SUITES_FOLDER": str(place.folder),
    }
    command = [fetch.python(), "-m", "unittest", "-v", "tests.test_mqttv5"]
    ran = subprocess.run(command, cwd=place.paho, env=environment, capture_output=True, text=True, timeout=600)
    (place.folder / "log").write_text(ran.stdout + ran.stderr)
    # `test_name (module.Class.test_name) ... ok`, or what it says itself in between.
    outcome = None
    for name, words in re.findall(r"^test_\w+ \(tests\.test_mqttv5\.(\S+)\) \.\.\. (.*?)(?=^test_|^=====|^-----|\Z)", ran.stderr, re.M | re.S):
        outcome = re.search(r"(ok|FAIL|ERROR|expected failure|unexpected success|skipped.*)\s*\Z", words)
        good = outcome and outcome[1] in ("ok", "expected failure")
        if place.wants(name):
            yield name, None if good else why(ran.stderr, name)
    if outcome is None:
        yield "everything", ran.stderr.strip().splitlines()[-1]


def why(log, name):
    """The error that the log has below the name."""
    found = re.search(rf"^(?:FAIL|ERROR): \w+ \(tests\.test_mqttv5\.{re.escape(name)}\)\n.*?^([\w.]+: [^\n]*)", log, re.M | re.S)
    return found[1] if found else "it did not end well"

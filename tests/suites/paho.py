"""The tests of paho-mqtt against a server, which come from paho.mqtt.testing's interoperability tests."""

import os
import subprocess

import fetch
import pythons


def run(place):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path) for path in (place.paho / "src", fetch.HERE / "adapter", fetch.HERE)),
        "SUITES_NAME": place.broker,
        "SUITES_FOLDER": str(place.folder),
    }
    results = place.folder / "results.xml"
    # Without the settings of the project, which ask for more of pytest than is here.
    options = ["-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider", f"--junitxml={results}"]
    command = [fetch.python(), "-m", "pytest", *options, "tests/test_mqttv5.py"]
    with (place.folder / "log").open("wb") as log:
        subprocess.run(command, cwd=place.paho, env=environment, stdout=log, stderr=log, timeout=600)
    for test, wrong in pythons.verdicts(results):
        name = f"{test.get('classname').rpartition('.')[2]}.{test.get('name')}"
        if place.wants(name):
            yield name, wrong

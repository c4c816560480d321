"""The tests of the npm package mqtt-packet, whose parser is ours there; `adapter/mqtt_packet.cjs` runs them."""

import json
import subprocess

import fetch


def run(place):
    command = ["node", fetch.HERE / "adapter/mqtt_packet.cjs", fetch.mqtt_packet(), fetch.TARGET / "debug/inspect"]
    with (place.folder / "log").open("wb") as log:
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, timeout=300)
    for line in ran.stdout.splitlines():
        test = json.loads(line)
        if place.wants(test["name"]):
            yield test["name"], test["problem"]
    if ran.returncode:
        yield "everything", f"exit code {ran.returncode}; see {place.folder / 'log'}"

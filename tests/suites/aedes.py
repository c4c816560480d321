"""The tests of the npm package aedes, a server for 3.1.1, with another server in its place."""

import json
import os
import pathlib
import shutil
import subprocess

import fetch
import servers

# The others are about what aedes is inside.
FILES = (
    "basic", "client-pub-sub", "connect", "keep-alive", "not-blocking", "prototype-keys", "qos1", "qos2", "retain", "topics",
)  # fmt: skip


def run(place):
    package, theirs = place.folder / "aedes", fetch.aedes()
    shutil.copytree(theirs, package)
    shutil.copy(fetch.HERE / "adapter/aedes.js", package / "aedes.js")
    (place.folder / "node_modules").symlink_to(theirs.parent)
    environment = {**os.environ, "SUITES_SERVER": json.dumps([str(servers.program(place.broker)), "-p", "PORT"])}
    reporter = fetch.HERE / "adapter/reporter.mjs"
    command = ["node", "--test", "--test-timeout=20000", f"--test-reporter={reporter}"]
    files = [f"test/{name}.js" for name in FILES]
    with (place.folder / "log").open("wb") as log:
        ran = subprocess.run(
            [*command, *files], cwd=package, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, timeout=900
        )
    for line in ran.stdout.splitlines():
        test = json.loads(line)
        name = f"{pathlib.Path(test['file']).stem}: {test['name']}"
        if place.wants(name):
            yield name, test["problem"]

#!/usr/bin/env python3
"""Runs suites that others have published for MQTT servers and clients. README.md says which, and where they come from.

    tests/suites/run.py [--broker NAME] [--mosquitto DIR] [--paho DIR] [--suite NAME] [PART...]
"""

import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import aedes
import clients
import exchanges
import fetch
import known
import mqtt_packet
import paho
import paho_c
import pythons
import scripts
import servers

SUITES = {
    "exchanges": exchanges,
    "scripts": scripts,
    "clients": clients,
    "paho": paho,
    "paho-c": paho_c,
    "aedes": aedes,
    "pythons": pythons,
    "mqtt-packet": mqtt_packet,
}
OK, FAIL, WRONG, HOLE = "ok", "FAIL", "wrong", "hole"


@dataclass(frozen=True)
class Place:
    """What a suite works with."""

    broker: str
    folder: pathlib.Path
    options: argparse.Namespace

    @property
    def mosquitto(self):
        return self.options.mosquitto or fetch.mosquitto()

    @property
    def paho(self):
        return self.options.paho or fetch.sdist(fetch.PAHO)

    def wants(self, name):
        return not self.options.parts or any(part in name for part in self.options.parts)


def judged(suite, name, problem, used):
    """The outcome, and what there is to say."""
    rule = known.rule(suite, name, problem)
    if problem and rule:
        used.add(rule)
        return (HOLE if rule.hole else WRONG), f"{rule.why} ({problem})"
    return (FAIL, problem) if problem else (OK, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--broker", choices=servers.BROKERS, default="broker")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--mosquitto", type=pathlib.Path, metavar="DIR", help="a checkout of mosquitto")
    parser.add_argument("--paho", type=pathlib.Path, metavar="DIR", help="a checkout of paho.mqtt.python")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="leave the logs there")
    parser.add_argument("--built", action="store_true", help="what is ours is built already")
    parser.add_argument("--quiet", action="store_true", help="show nothing that is not an error")
    parser.add_argument("parts", nargs="*", metavar="PART", help="a part of a test's name")
    options = parser.parse_args()
    if not options.built:
        build()
    if options.keep:
        options.keep.mkdir(parents=True)
        return run_all(options, options.keep.resolve())
    with tempfile.TemporaryDirectory() as folder:
        return run_all(options, pathlib.Path(folder))


def build():
    build = ["cargo", "build", "--quiet"]
    # The programs of all members, as other tests have them built.
    subprocess.run([*build, "--workspace", "--exclude", "sans-mqtt", "--bins"], check=True, cwd=fetch.ROOT)
    subprocess.run([*build, "--example", "scripted_client"], check=True, cwd=fetch.ROOT)


def run_all(options, folder):
    outcomes, used, start = collections.defaultdict(collections.Counter), set(), time.monotonic()
    chosen = [name for name in SUITES if not options.suite or name in options.suite]
    for suite in chosen:
        (folder / suite).mkdir()
        for name, problem in SUITES[suite].run(Place(options.broker, folder / suite, options)):
            outcome, why = judged(suite, name, problem, used)
            outcomes[suite][outcome] += 1
            if outcome == FAIL or not options.quiet:
                print(f"{outcome:5} {suite}: {name}{f' - {why}' if why else ''}", flush=True)
    # A line that explains nothing any more is to go.
    idle = [] if options.parts or options.broker != "broker" else known.idle(chosen, used)
    for rule in idle:
        print(f"FAIL  {rule.suite}: nothing is wrong any more with {rule.name}: {rule.why}")
    print(f"\n{'':20}" + "".join(f"{kind:>7}" for kind in (OK, FAIL, WRONG, HOLE)))
    for suite, counts in outcomes.items():
        print(f"{suite:20}" + "".join(f"{counts[kind] or '':>7}" for kind in (OK, FAIL, WRONG, HOLE)))
    total = sum(outcomes.values(), collections.Counter())
    print(f"{f'all, in {time.monotonic() - start:.0f} s':20}" + "".join(f"{total[k]:>7}" for k in (OK, FAIL, WRONG, HOLE)))
    if not total[OK]:
        print("nothing was tried")
    # Of mosquitto this only tells; what is explained is explained for ours.
    return 1 if not total[OK] or options.broker == "broker" and (total[FAIL] or idle) else 0


if __name__ == "__main__":
    sys.exit(main())

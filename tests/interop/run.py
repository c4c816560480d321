#!/usr/bin/env python3
"""Tries this library against other people's clients and brokers. README.md says what is tried, and how.

    tests/interop/run.py [--install] [--ci] [--client NAME] [--broker NAME] [--mqtt VERSION] [SCENARIO...]
"""

import argparse
import collections
import itertools
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import holes
import peers
import scenarios  # noqa: F401 - registers them
from driver import Driver, Failure
from scenario import SCENARIOS, VERSIONS, World

# Most of the time is waiting: so many pairs, and of each so many scenarios, at a time.
CELLS, JOBS = 4, 8
OK, FAIL, WRONG, HOLE, SKIP = "ok", "FAIL", "wrong", "hole", "skip"
# So that no two runs of a scenario meet.
numbers = itertools.count()


@dataclass(frozen=True)
class Cell:
    """A client and a broker, and how they talk."""

    client: str
    broker: str
    version: str
    tls: bool = False

    def __str__(self):
        return f"{self.client} > {self.broker}, {self.version}{' with TLS' if self.tls else ''}"

    @property
    def folder(self):
        return f"{self.client}-{self.broker}-{self.version}{'-tls' if self.tls else ''}"


def cells(options):
    """One of the two is ours, unless both are asked for by name."""
    for client, broker, version in itertools.product(peers.CLIENTS, peers.BROKERS, VERSIONS):
        if options.client and client not in options.client or options.broker and broker not in options.broker:
            continue
        if options.mqtt and version not in options.mqtt:
            continue
        both_named = options.client and options.broker
        if both_named or client == "sans-mqtt" or broker == "tiny_broker":
            yield Cell(client, broker, version)
            if broker == "mosquitto":
                yield Cell(client, broker, version, tls=True)


class Bench:
    """A cell with its processes, which all its scenarios share."""

    def __init__(self, cell, folder):
        self.cell = cell
        folder.mkdir()
        self.log = (folder / "log").open("wb")
        self.broker = peers.Broker(cell.broker, folder, self.log)
        try:
            self.driver = Driver(peers.client_command(cell.client), self.log, peers.environment())
        except BaseException:
            self.broker.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.stop()
        self.broker.stop()
        self.log.close()

    def attempt(self, scenario):
        """Runs a scenario. Gives the outcome, and what there is to say."""
        cell = self.cell
        sides = (cell.client, cell.broker)
        if why := holes.cannot(scenario.needs, sides, cell.version):
            return HOLE, why
        peer, known = holes.wrong(scenario.name, sides, cell.version)
        world = World(next(numbers), cell.version, self.driver, self.broker, cell.tls)
        try:
            scenario.run(world)
        except Failure as failure:
            return (WRONG, f"{peer}: {known}") if known else (FAIL, str(failure))
        except Exception as error:  # a peer that says nonsense, for example
            return FAIL, f"{type(error).__name__}: {error}"
        finally:
            world.close()
        if not known:
            return OK, ""
        return (OK if peer in holes.OF_THE_SYSTEM else FAIL), f"it works, though {peer} is known not to: {known}"


def wanted(cell, options):
    for scenario in SCENARIOS:
        fits = cell.version in scenario.versions and (scenario.tls or not cell.tls)
        if fits and (not options.scenarios or any(part in scenario.name for part in options.scenarios)):
            yield scenario


def run_cell(cell, options, folder):
    """Gives what there is to report: name, outcome, why."""
    chosen = list(wanted(cell, options))
    if not chosen:
        return []
    if why := holes.not_spoken(cell.client, cell.broker, cell.version):
        return [("everything", HOLE, why)]
    try:
        with Bench(cell, folder / cell.folder) as bench, ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(bench.attempt, chosen))
            for at, (outcome, why) in enumerate(results):
                # Perhaps the machine was too busy for a time limit of the peer's: once more, alone.
                if outcome == FAIL:
                    second, other = bench.attempt(chosen[at])
                    results[at] = (second, other if second == FAIL else f"at the second try; before: {why}")
            return [(scenario.name, *result) for scenario, result in zip(chosen, results)]
    except peers.Missing as missing:
        return [("everything", SKIP, str(missing))]


def run_all(options, folder, report):
    chosen = list(cells(options))
    with ThreadPoolExecutor(CELLS) as pool:
        for cell, results in zip(chosen, pool.map(lambda cell: run_cell(cell, options, folder), chosen)):
            for result in results:
                report(cell, *result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="get the peers that are missing")
    parser.add_argument("--ci", action="store_true", help="a peer that is missing is an error")
    parser.add_argument("--client", action="append", choices=peers.CLIENTS)
    parser.add_argument("--broker", action="append", choices=peers.BROKERS)
    parser.add_argument("--mqtt", action="append", choices=VERSIONS, help="the version")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many scenarios of a pair at a time")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave the logs of the peers there")
    parser.add_argument("--quiet", action="store_true", help="show nothing that is not an error")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="a part of a name")
    options = parser.parse_args()
    if options.install:
        peers.install()
    peers.build()

    outcomes = collections.defaultdict(collections.Counter)

    def report(cell, name, outcome, why):
        outcomes[cell][outcome] += 1
        is_telling = outcome == FAIL or outcome == OK and why or outcome == SKIP and options.ci
        if is_telling or not options.quiet:
            print(f"{outcome:5} {cell}: {name}{f' - {why}' if why else ''}", flush=True)

    start = time.monotonic()
    if options.keep:
        options.keep.mkdir(parents=True)
        run_all(options, options.keep, report)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run_all(options, pathlib.Path(folder), report)
    return summary(outcomes, options, time.monotonic() - start)


def summary(outcomes, options, seconds):
    kinds = (OK, FAIL, WRONG, HOLE, SKIP)
    print(f"\n{'':42}" + "".join(f"{kind:>7}" for kind in kinds))
    for cell, counts in outcomes.items():
        print(f"{str(cell):42}" + "".join(f"{counts[kind] or '':>7}" for kind in kinds))
    total = sum(outcomes.values(), collections.Counter())
    print(f"{f'all, in {seconds:.0f} s':42}" + "".join(f"{total[kind] or '':>7}" for kind in kinds))
    if not total[OK]:
        print("nothing was tried")
        return 1
    return 1 if total[FAIL] or options.ci and total[SKIP] else 0


if __name__ == "__main__":
    sys.exit(main())

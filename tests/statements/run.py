#!/usr/bin/env python3
"""Starts brokers, plays all scenarios of `spec-vectors` against each, and prints the results side by side.

    tests/statements/run.py                      this project's broker, and mosquitto
    tests/statements/run.py --start broker       one of them
    tests/statements/run.py --write              and writes spec-vectors/results.json and STATEMENTS.md

The exit status is 0 if this project's broker passes all.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
VECTORS = Path(__file__).resolve().parents[2] / "spec-vectors"
sys.path.insert(0, str(VECTORS))

from brokers import BROKERS, running
from generator import plays  # noqa: F401  its import writes the scenarios
from generator import rules as all_rules
from generator import scene, statements
from player.crowd import play_all, scenarios
from player.network import Network

OURS = "broker"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", action="append", choices=BROKERS, help="a broker; may be given several times (all)")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with this text in their id or rules")
    parser.add_argument("--write", action="store_true", help="write results.json and STATEMENTS.md")
    parser.add_argument("--quiet", action="store_true", help="only statements that a broker fails")
    options = parser.parse_args()
    options.start = options.start or list(BROKERS)
    if options.write and (options.only or set(options.start) != set(BROKERS)):
        parser.error("--write needs all scenarios and all brokers")
    return options


async def play(broker, chosen):
    with tempfile.TemporaryDirectory() as folder:
        async with running(broker, folder) as (tcp, web):
            return await play_all(chosen, Network(tcp, web))


def as_json(result):
    """A result as results.json has it. A failure in a step that shows nothing is blamed on all that the scenario shows."""
    if result.verdict == "ok":
        return {"verdict": "ok"}
    return {"verdict": result.verdict, "rules": result.rules or result.scenario["rules"], "why": result.why}


def table(chosen, results, titles, quiet):
    """One line per statement, one column per broker."""
    named = {}
    for one in chosen:
        for rule in one["rules"]:
            named.setdefault((one["version"], rule), []).append(one["id"])
    print(f"{'statement':24}" + "".join(f"{title:20}" for title in titles.values()))
    for rule in all_rules.load():
        ids = named.get((rule["version"], rule["id"]))
        if ids:
            marks = [statements.verdict(rule["id"], ids, results[name]).strip("*") for name in titles]
            if not quiet or set(marks) != {"ok"}:
                print(f"{rule['version']:6}{rule['id']:18}" + "".join(f"{mark:20}" for mark in marks))


def write(titles, results):
    every = [one for plays in scene.SCENARIOS.values() for one in plays]
    lines = {
        one["id"]: {"digest": statements.digest(one), **{name: results[name][one["id"]] for name in titles}}
        for one in every
    }
    statements.RESULTS.write_text(statements.results_text(titles, lines), "utf-8")
    subprocess.run([sys.executable, VECTORS / "generate.py"], check=True)


def main():
    options = arguments()
    chosen = scenarios(VECTORS, options.only)
    if not chosen:
        raise SystemExit(f"no scenario has {options.only} in its id or rules")
    titles, results = {}, {}
    for name in options.start:
        broker = BROKERS[name]()
        titles[name] = broker.prepare()
        played = asyncio.run(play(broker, chosen))
        results[name] = {result.scenario["id"]: as_json(result) for result in played}
    table(chosen, results, titles, options.quiet)
    for name, title in titles.items():
        missed = {id: one for id, one in results[name].items() if one["verdict"] != "ok"}
        print(f"\n{title}: {len(results[name]) - len(missed)} of {len(results[name])} scenarios pass")
        for id, one in missed.items():
            print(f"  {one['verdict']}: {id}: {one['why']}")
    if options.write:
        write(titles, results)
    raise SystemExit(any(one["verdict"] != "ok" for one in results.get(OURS, {}).values()))


if __name__ == "__main__":
    main()

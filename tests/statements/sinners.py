#!/usr/bin/env python3
"""Whether the scenarios notice when a statement is broken: they are played against a broker behind a relay that breaks it.

    tests/statements/sinners.py                   behind the relay are this project's broker and mosquitto
    tests/statements/sinners.py --start broker    one of them

For each statement of the broker and transport layers a scenario that passes without the relay's doing has to fail, in a
step that shows the statement, with one broker at least: what a broker does wrong itself can't be broken.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
VECTORS = Path(__file__).resolve().parents[2] / "spec-vectors"
sys.path.insert(0, str(VECTORS))

from brokers import BROKERS, running
from generator import rules
from player.crowd import crowd, scenarios
from player.network import Network
from relay import Relay
from sins import HONEST, SINS

# Statements about frames of WebSocket, of which the relay knows nothing: wire.py has such servers.
ELSEWHERE = {"MQTT-6.0.0-1", "MQTT-6.0.0-2", "MQTT-6.0.0-4"}
PATIENCE = 1.5


async def behind(relay, chosen):
    """The results of these scenarios, with the relay between."""
    network = Network(await relay.listen(), patience=PATIENCE)
    results = await crowd(chosen, network, 30)
    relay.server.close()
    return results


async def judge(broker, title):
    """What breaches nobody notices: (version, rule, way to break it)."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(broker, folder) as (tcp, _):
            chosen = scenarios(VECTORS)
            good = [one.scenario for one in await behind(Relay(tcp, HONEST), chosen) if one.verdict == "ok"]
            print(f"{title}: {len(good)} of {len(chosen)} scenarios pass with an honest relay")
            some = asyncio.Semaphore(8)

            async def commit(sin):
                async with some:
                    return [one async for one in unnoticed(sin, good, tcp)]

            found = await asyncio.gather(*map(commit, SINS))
            return [one for some in found for one in some]


async def unnoticed(sin, good, tcp):
    for version, rule in sin.rules:
        chosen = [one for one in good if one["version"] == version and rule in one["rules"]]
        results = await behind(Relay(tcp, sin), chosen)
        if not any(result.failed and rule in result.rules for result in results):
            yield version, rule, sin.name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", action="append", choices=BROKERS, help="an honest broker (all)")
    started = parser.parse_args().start or list(BROKERS)
    played = {(one["version"], rule) for one in scenarios(VECTORS) for rule in one["rules"]}
    wanted = {(one["version"], one["id"]) for one in rules.load() if one["layer"] in ("broker", "transport")} & played
    missing = sorted(key for key in wanted - {key for sin in SINS for key in sin.rules} if key[1] not in ELSEWHERE)
    for version, rule in missing:
        print(f"{version} {rule}: nobody breaks it")
    found = []
    for broker in (BROKERS[name]() for name in started):
        title = broker.prepare()
        found.append(set(asyncio.run(judge(broker, title))))
    wrong = set.intersection(*found)
    for version, rule, what in sorted(wrong):
        print(f"{version} {rule} is broken unnoticed: {what}")
    print(
        f"{len(SINS)} ways to break {len({key for sin in SINS for key in sin.rules})} statements, {len(wrong)} unnoticed"
    )
    raise SystemExit(bool(wrong or missing))


if __name__ == "__main__":
    main()

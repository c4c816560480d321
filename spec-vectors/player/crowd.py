"""Plays many scenarios side by side."""

import asyncio
import os
from dataclasses import dataclass, field

from .forms import load
from .stage import Failed, NotOffered, Stage

FOLDERS = ("broker", "transport")


@dataclass
class Result:
    scenario: dict
    verdict: str  # ok, failed or skipped
    why: str = ""
    rules: list = field(default_factory=list)

    @property
    def failed(self):
        return self.verdict == "failed"

    def __str__(self):
        if self.verdict == "ok":
            return f"ok       {self.scenario['id']}{self.why and f': {self.why}'}"
        rules = f" [{' '.join(self.rules)}]" if self.rules else ""
        return f"{'FAILED ' if self.failed else self.verdict}  {self.scenario['id']}{rules}: {self.why}"


def scenarios(root, only=""):
    """All scenarios, or those with this text in their id or rules."""
    every = [one for folder in FOLDERS for path in sorted((root / folder).glob("*.json")) for one in load(path)]
    return [one for one in every if only in one["id"] or only in one["rules"]]


async def play_all(chosen, network, at_once=60):
    """A result for each. What fails in a crowd is played once more with few, for the machine may have been too slow."""
    (await asyncio.open_connection(*network.tcp))[1].close()
    results = await crowd(chosen, network, at_once)
    failed = [at for at, result in enumerate(results) if result.failed]
    for at, again in zip(failed, await crowd([results[at].scenario for at in failed], network, 4)):
        if not again.failed:
            again.why = f"but first, in a crowd: {results[at].why}"
        results[at] = again
    return results


async def crowd(chosen, network, at_once):
    places = asyncio.Semaphore(at_once)

    async def place(scenario):
        async with places:
            return await play_one(scenario, network)

    return await asyncio.gather(*map(place, chosen))


async def play_one(scenario, network):
    if network.web is None and any(step.get("open") == "websocket" for step in scenario["steps"]):
        return Result(scenario, "skipped", "no address for WebSocket")
    stage = Stage(scenario, network, "r" + os.urandom(4).hex())
    try:
        await stage.play()
        result = Result(scenario, "ok")
    except Failed as failure:
        result = Result(scenario, "failed", str(failure), failure.rules)
    except NotOffered as reason:
        result = Result(scenario, "skipped", f"not offered: {reason}")
    try:
        await stage.clean_up()
    except OSError as error:
        result = result if result.failed else Result(scenario, "failed", f"cleaning up: {error}")
    return result

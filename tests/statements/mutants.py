#!/usr/bin/env python3
"""Whether the scenarios can fail: each is played against a broker that does exactly what it asks for, which must pass,
and against brokers that do one thing otherwise, which must not.

    tests/statements/mutants.py [TEXT]     only scenarios with this text in their id
"""

import asyncio
import sys
from copy import deepcopy
from pathlib import Path

sys.dont_write_bytecode = True
VECTORS = Path(__file__).resolve().parents[2] / "spec-vectors"
sys.path.insert(0, str(VECTORS))

from generator.packets import base, prop
from generator.scene import walk
from mirror import Mirror
from player.crowd import scenarios
from player.stage import Failed, NotOffered, Stage

STRANGE = base("3.1.1", "PUBLISH", topic="$run/strange", payload=b"strange")
CODES = ["0x00", "0x01", "0x02", "0x80", "0x81", "0x87", "0x8E", "0x91", "0x92", "0x93"]


def strange(version):
    return {**STRANGE, **({"properties": []} if version == "5.0" else {})}


def mutations(step, version):
    """What a broker may send in place of what the step asks for: (name, function of the right answers)."""
    other = strange(version)
    if "nothing" in step:
        yield "a message", lambda answers: [other]
        yield "closed", lambda answers: ["closed"]
    elif "closed" in step:
        yield "left open", lambda answers: []
        yield "a message first", lambda answers: [other, "closed"]
    elif "expect" in step or "unordered" in step:
        patterns = step.get("unordered", [step.get("expect")])
        yield "none", lambda answers: []
        yield "closed", lambda answers: ["closed"]
        yield "another first", lambda answers: [other, *answers]
        for at, pattern in enumerate(reversed(patterns)):
            yield f"{pattern['type']} left out", lambda answers, at=at: answers[:at] + answers[at + 1 :]
            yield f"{pattern['type']} twice", lambda answers, at=at: [*answers, answers[at]]
            for name, change in changes(pattern, step.get("without", ())):
                yield (
                    f"{pattern['type']} {name}",
                    lambda answers, at=at, change=change: (
                        answers[:at] + [changed(answers[at], change)] + answers[at + 1 :]
                    ),
                )


def changed(packet, change):
    packet = deepcopy(packet)
    change(packet)
    return packet


def changes(pattern, without):
    """What may be wrong with a packet that the pattern names: (name, function that makes it so)."""
    for field, wanted in pattern.items():
        if field == "properties":
            yield from of_properties(wanted)
        elif field != "type" and not (isinstance(wanted, dict) and "id" in wanted):
            yield field, lambda packet, field=field, wanted=wanted: set_other(packet, field, wanted)
    for entry in without:
        entry = entry if isinstance(entry, dict) else prop(entry)
        yield f"with {entry['name']}", lambda packet, entry=entry: packet["properties"].append(sent(entry))


def sent(entry):
    raw = entry["name"] in ("Correlation Data",) and isinstance(entry["value"], str)
    return {**entry, "value": bytes.fromhex(entry["value"])} if raw else dict(entry)


def of_properties(wanted):
    for at, entry in enumerate(wanted):
        if "id" not in (entry["value"] if isinstance(entry["value"], dict) else ()):
            yield (
                f"another {entry['name']}",
                lambda packet, at=at, entry=entry: set_other(packet["properties"][at], "value", entry["value"]),
            )
        yield f"without {entry['name']}", lambda packet, at=at: packet["properties"].pop(at)
    users = [at for at, entry in enumerate(wanted) if entry["name"] == "User Property"]
    if len(users) > 1:
        yield "User Properties in another order", lambda packet: swap(packet["properties"], users[0], users[1])


def swap(entries, one, two):
    entries[one], entries[two] = entries[two], entries[one]


def set_other(holder, field, wanted):
    """A value that is not the one wanted."""
    value = holder[field]
    if isinstance(wanted, dict) and "from" in wanted and isinstance(value, int):
        value = wanted["to"] + 1
    elif isinstance(value, bool):
        value = not value
    elif field == "qos":
        value = (value + 1) % 3
        holder["packet_id"] = (holder["packet_id"] or 4321) if value else None
    elif isinstance(value, int):
        value = value - 1 if holder.get("name") == "Payload Format Indicator" and value else value + 1
    elif isinstance(value, bytes):
        value += b"x"
    elif isinstance(value, list):
        value = [value[0], value[1] + "x"] if field == "value" else value[:-1] + [other_code(value[-1:])]
    elif field in ("reason", "reasons"):
        value = other_code(wanted["any"] if isinstance(wanted, dict) and "any" in wanted else [value])
    elif value is None:
        value = 4321
        holder["qos"] = 1
    else:
        value += "x"
    holder[field] = value


def other_code(codes):
    return next(code for code in CODES if code not in codes)


async def outcome(scenario, mirror):
    stage = Stage(scenario, mirror, "run")
    try:
        await stage.play()
    except (Failed, NotOffered) as failure:
        return str(failure)
    return None


def paths(scenario):
    """The alternatives to take so that each is taken once: (choices, numbers of the steps that are then played)."""
    steps = list(walk(scenario["steps"]))
    number = {id(step): at for at, step in enumerate(steps)}
    inside = {}

    def mark(steps, choices):
        for step in steps:
            inside[number[id(step)]] = choices
            for at, alternative in enumerate(step.get("either", ())):
                mark(alternative, {**choices, number[id(step)]: at})

    mark(scenario["steps"], {})
    return steps, inside


def excused(step, name, steps, choices):
    """Whether another alternative takes what is wrong in this one."""
    for number, choice in choices.items():
        alternatives = steps[number]["either"]
        if alternatives[choice][0] is step:
            others = [other[0] for at, other in enumerate(alternatives) if at != choice]
            if name in ("none", "left open") or name.endswith("left out"):
                return any("nothing" in other for other in others)
            if name == "closed":
                return any("closed" in other for other in others)
    return False


async def judge(scenario):
    """Complaints about one scenario, and how many brokers it was played against."""
    wrong, count = [], 0
    steps, inside = paths(scenario)
    for at, step in enumerate(steps):
        choices = inside[at]
        if "either" in step:
            for choice in range(len(step["either"])):
                count += 1
                failure = await outcome(scenario, Mirror(choices={**choices, at: choice}))
                if failure:
                    wrong.append(f"{scenario['id']}: alternative {choice} of step {at} does not pass: {failure}")
        if step.get("open") == "websocket":
            count += 1
            if await outcome(scenario, Mirror(select="other")) is None:
                wrong.append(f"{scenario['id']}: passes with another subprotocol")
        for name, answer in mutations(step, version_of(scenario, steps, step)):
            count += 1
            if excused(step, name, steps, choices):
                continue
            if await outcome(scenario, Mirror((at, answer), choices)) is None:
                wrong.append(f"{scenario['id']}: step {at} passes with: {name}")
    failure = await outcome(scenario, Mirror())
    return wrong + ([f"{scenario['id']} does not pass: {failure}"] if failure else []), count


def version_of(scenario, steps, step):
    opened = [one.get("version") for one in steps if "open" in one and one.get("on") == step.get("on")]
    return opened[0] if opened and opened[0] else scenario["version"]


async def main(only):
    chosen = scenarios(VECTORS, only)
    total, complaints = 0, []
    for scenario in chosen:
        wrong, count = await judge(scenario)
        total, complaints = total + count, complaints + wrong
    print("\n".join(complaints))
    print(f"{len(chosen)} scenarios, {total} brokers that do one thing otherwise, {len(complaints)} complaints")
    raise SystemExit(bool(complaints) or not chosen)


if __name__ == "__main__":
    asyncio.run(main("".join(sys.argv[1:])))

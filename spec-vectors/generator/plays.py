"""Judges the finished scenarios: their form, their names, and what they cover."""

from . import scenes  # noqa: F401  its import writes them
from .encode import encode
from .scene import step_form, walk
from .strict import Bad, decode

KINDS = {
    "open": {"version", "only", "offers", "selects"},
    "send": {"frames"},
    "expect": {"without"},
    "unordered": set(),
    "nothing": set(),
    "closed": set(),
    "cut": set(),
    "wait": set(),
    "either": set(),
}
FIRST = {"expect", "unordered", "nothing", "closed"}
SHOWING = {"open", "expect", "unordered", "nothing", "closed", "either"}


def check(scenarios, rules):
    """A list of complaints, empty when all is well."""
    wrong, ids = [], set()
    known = {(rule["version"], rule["id"]) for rule in rules}
    for play in (play for plays in scenarios.values() for play in plays):
        if play["id"] in ids:
            wrong.append(f"two scenarios called {play['id']}")
        ids.add(play["id"])
        for rule in play["rules"]:
            if (play["version"], rule) not in known:
                wrong.append(f"{play['id']} names the unknown rule {rule}")
        if not play["rules"]:
            wrong.append(f"{play['id']} shows no rule")
        wrong += [f"{play['id']}: {complaint}" for complaint in of_steps(play)]
    return wrong


def of_steps(play):
    versions = {}
    for step in walk(play["steps"]):
        kinds = [kind for kind in KINDS if kind in step]
        if len(kinds) != 1 or set(step) - KINDS[kinds[0]] - {"on", "shows", kinds[0]}:
            yield f"a step of no kind: {step_form(step)}"
            continue
        kind = kinds[0]
        if "shows" in step and kind not in SHOWING:
            yield f"{kind} shows nothing"
        if kind == "open":
            versions[step["on"]] = step.get("version", play["version"])
        elif "on" in step and step["on"] not in versions:
            yield f"{step['on']} was not opened"
        elif kind == "send":
            yield from of_packets(step["send"], versions[step["on"]])
        elif kind == "either":
            firsts = [steps[0] for steps in step["either"] if steps]
            if len(firsts) < len(step["either"]) or any(not FIRST & set(first) for first in firsts):
                yield "an alternative that does not begin with an expectation"


def of_packets(sent, version):
    """What is sent as fields is legal, whatever its names stand for."""
    for packet in sent if isinstance(sent, list) else [sent]:
        if isinstance(packet, bytes):
            continue
        stand_ins = {"packet_id": 1, "client_id": "x"}
        whole = {
            key: stand_ins[key] if isinstance(value, dict) and "id" in value else value for key, value in packet.items()
        }
        try:
            decode(version, "client", encode(version, whole))
        except Bad as error:
            yield f"{packet} is {error.args[0]}"

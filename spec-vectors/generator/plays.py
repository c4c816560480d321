"""Judges the finished scenarios: their form, their names, and what they cover."""

from . import scenes  # noqa: F401  its import writes them
from .scene import step_form, walk

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
    opened = set()
    for step in walk(play["steps"]):
        kinds = [kind for kind in KINDS if kind in step]
        if len(kinds) != 1 or set(step) - KINDS[kinds[0]] - {"on", "shows", kinds[0]}:
            yield f"a step of no kind: {step_form(step)}"
            continue
        kind = kinds[0]
        if "shows" in step and kind not in SHOWING:
            yield f"{kind} shows nothing"
        if kind == "open":
            opened.add(step["on"])
        elif "on" in step and step["on"] not in opened:
            yield f"{step['on']} was not opened"

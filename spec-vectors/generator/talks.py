"""Judges the finished conversations: their form, their bytes, their names, and what they cover."""

from . import aliases, authentication, connections, limits, problems, sessions  # noqa: F401  their import writes them
from .strict import Bad, decode
from .talk import step_form, walk

STEPS = {
    "in": (str, list),
    "out": (str, list, dict),
    "time": (int,),
    "command": (dict,),
    "event": (dict,),
    "nothing": (bool,),
    "transport": (str,),
    "state": (str,),
    "either": (list,),
    "repeat": (dict,),
}
COMMANDS = {"connect", "publish", "subscribe", "unsubscribe", "ack", "auth", "accept", "reject", "suback", "unsuback"}
COMMANDS |= {"alias", "disconnect"}
EVENTS = {"connect", "connected", "refused", "publish", "received", "acked", "dropped", "subscribe", "unsubscribe"}
EVENTS |= {"suback", "unsuback", "auth", "disconnect", "closed"}
CAUSES = {"command", "disconnect", "refused", "violation", "timeout"}
# Rules about what a broker publishes, which no conversation shows: wills and retained messages.
BROKER = {"CN-7", "SB-10"}


def check(conversations, rules):
    """A list of complaints, empty when all is well."""
    wrong, ids, shown = [], set(), set()
    known = {(rule["version"], rule["id"]) for rule in rules}
    for talk in (talk for talks in conversations.values() for talk in talks):
        if talk["id"] in ids:
            wrong.append(f"two conversations called {talk['id']}")
        ids.add(talk["id"])
        shown |= {(talk["version"], rule) for rule in talk["rules"]}
        for rule in talk["rules"]:
            if (talk["version"], rule) not in known:
                wrong.append(f"{talk['id']} names the unknown rule {rule}")
        wrong += [f"{talk['id']}: {complaint}" for complaint in of_steps(talk)]
    for rule in rules:
        wanted = rule["layer"] in ("session", "connection") and rule["id"] not in BROKER
        if wanted and (rule["version"], rule["id"]) not in shown:
            wrong.append(f"{rule['version']} {rule['id']} has no conversation")
    return wrong


def of_steps(talk):
    names = set()
    for step in walk(talk["steps"]):
        kinds = [kind for kind in step if kind in STEPS]
        if len(kinds) != 1 or set(step) - set(STEPS) - {"on", "shows", "refused"}:
            yield f"a step of no kind: {step}"
            continue
        kind = kinds[0]
        value = step_form(step)[kind]
        if not isinstance(value, STEPS[kind]):
            yield f"{kind} is {value!r}"
        if kind == "command" and value["type"] not in COMMANDS or kind == "event" and value["type"] not in EVENTS:
            yield f"unknown {kind} {value['type']}"
        if kind == "event" and value["type"] == "closed" and value["cause"] not in CAUSES:
            yield f"unknown cause {value['cause']}"
        if "shows" in step and kind in ("in", "time", "transport", "state", "repeat"):
            yield f"{kind} shows nothing"
        if kind == "command" and "shows" in step and "refused" not in step:
            yield "a command shows nothing"
        if kind in ("in", "out"):
            yield from of_bytes(talk, kind, value, names)


def of_bytes(talk, kind, value, names):
    """Names have to be bound before they come in; what goes out is legal for the side under test."""
    raw = b""
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str):
            raw += bytes.fromhex(part)
        elif "id" in part:
            raw += b"\x00\x01"
            if kind == "in" and part["id"] not in names:
                yield f"{part['id']} comes in before it is known"
            names.add(part["id"])
            for other in part.get("unlike", ()):
                if other not in names:
                    yield f"unlike the unknown {other}"
        else:
            return
    while kind == "out" and raw:
        length, shift, at = 0, 0, 1
        while True:
            length |= (raw[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not raw[at - 1] & 0x80:
                break
        one, raw = raw[: at + length], raw[at + length :]
        version = "3.1.1" if one == b"\x20\x02\x00\x01" else talk["version"]
        try:
            decode(version, talk["role"], one)
        except Bad as error:
            yield f"{one.hex(' ')} is {error.args[0]}"

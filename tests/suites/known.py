"""What fails though nothing of ours is wrong: with the statement of the standard that shows it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    suite: str
    # Patterns: of the names, and of what came instead.
    name: str
    problem: str
    why: str
    # We have no such thing, and need not.
    hole: bool = False


RULES = []


def rule(suite, name, problem):
    return next((r for r in RULES if r.suite == suite and re.search(r.name, name) and re.search(r.problem, problem or "")), None)


def idle(suites, used):
    return [r for r in RULES if r.suite in suites and r not in used]


# mosquitto's scripts that are of no concern to a server of the standard: how they begin, and what they try.
OWN = {
    "05-session-expiry-kick": "a plugin",
    "06-bridge": "bridges",
    "08-ssl-bridge": "bridges",
    "08-tls-psk": "keys that both sides know",
    "09-plugin": "plugins",
    "09-extended-auth": "plugins with methods of authentication of their own",
    "01-plugin": "plugins",
    "14-dynsec": "a plugin",
    "15-persist": "a plugin",
    "16-": "the configuration file and the command line",
    "17-control": "topics below $CONTROL",
    "20-sparkplug": "a plugin",
    "21-proxy": "the PROXY protocol",
    "22-http": "an HTTP interface",
}


def own(name):
    return any(name.startswith(start) for start in OWN)

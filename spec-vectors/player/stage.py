"""Plays one scenario."""

import asyncio
import json

from generator.encode import encode

from .forms import replaced, sendable
from .link import CLOSED, Link
from .match import Names, matches
from .websocket import Refused

PONG = {"type": "PINGRESP"}


class Failed(Exception):
    """The broker did something else; args[0] says what, `rules` which rules the step was about."""

    def __init__(self, text, rules=()):
        super().__init__(text)
        self.rules = list(rules)


class NotOffered(Exception):
    """The broker has announced that it has no such thing."""


class Stage:
    def __init__(self, scenario, network, run):
        self.scenario = replaced(scenario, "{run}", run)
        self.network, self.run, self.names = network, run, Names()
        self.links, self.channels = {}, {}
        self.arrived = asyncio.Event()
        self.number = 0
        self.clients, self.retained = {}, {}

    async def play(self):
        """Comes back if all went as the scenario says, else raises Failed or NotOffered."""
        try:
            await self.steps(self.scenario["steps"], count=True)
            await self.end()
        except OSError as error:
            raise Failed(f"step {self.number}: {error}") from None
        finally:
            for channel in self.channels.values():
                await channel.close()

    async def steps(self, steps, count=False):
        for number, step in enumerate(steps, 1):
            if count:
                self.number = number
            self.network.before(step, self)
            kind = next(kind for kind in KINDS if kind in step)
            await getattr(self, kind)(step)

    # Steps.

    async def open(self, step):
        name = step.get("on", "a")
        if name in self.channels:
            await self.channels[name].close()
        link = Link(step.get("version", self.scenario["version"]), step.get("only"), self.arrived.set)
        offers, selects = step.get("offers", ["mqtt"]), step.get("selects", "mqtt")
        try:
            self.channels[name], chosen = await self.network.open(step["open"], link, offers)
        except (Refused, asyncio.TimeoutError) as error:
            if selects is None:
                return
            self.fail(step, f"the handshake failed: {error}")
        self.links[name] = link
        if step["open"] == "websocket" and chosen != selects:
            self.fail(step, f"the server selected {chosen}")

    async def send(self, step):
        name = step.get("on", "a")
        link, sent = self.links[name], step["send"]
        data = b""
        for part in sent if isinstance(sent, list) else [sent]:
            if isinstance(part, str):
                data += bytes.fromhex(part)
            else:
                packet = sendable(part, self.names)
                self.remember(link, packet)
                data += encode(link.version, packet)
        await self.channels[name].send(data, step.get("frames", "one"))

    async def expect(self, step):
        found = await self.next(step)
        if not matches(step, found, self.names):
            self.fail(step, told(found))

    async def unordered(self, step):
        left = list(step["unordered"])
        while left:
            found = await self.next(step)
            fitting = next((entry for entry in left if matches({"expect": entry}, found, self.names)), None)
            if fitting is None:
                self.fail({**step, "unordered": left}, told(found))
            left.remove(fitting)

    async def nothing(self, step):
        found = await self.item([step.get("on", "a")], step["nothing"])
        if found is not None:
            self.fail(step, told(found))

    async def closed(self, step):
        found = await self.next(step)
        if found != CLOSED:
            self.fail(step, told(found))

    async def cut(self, step):
        name = step.get("on", "a")
        self.no_more(name)
        await self.channels.pop(name).close()
        del self.links[name]

    async def wait(self, step):
        await self.network.sleep(step["wait"])

    async def either(self, step):
        """Plays the first alternative whose first step fits what comes; one that asks for nothing, if nothing does."""
        firsts = [steps[0] for steps in step["either"]]
        silence = [first["nothing"] for first in firsts if "nothing" in first]
        names = {first.get("on", "a") for first in firsts}
        deadline = asyncio.get_running_loop().time() + min(silence, default=self.network.patience)
        while True:
            for first, steps in zip(firsts, step["either"]):
                if self.fits(first):
                    return await self.steps(steps)
            others = [self.links[name].inbox[0] for name in sorted(names) if self.links[name].inbox]
            if len(others) == len(names) or not await self.arrival(deadline):
                break
        for first, steps in zip(firsts, step["either"]):
            if "nothing" in first and not others:
                # The time of its first step has passed by now.
                return await self.steps(steps[1:])
        self.fail(step, ", ".join(map(told, others)) or "nothing")

    def fits(self, step):
        inbox = self.links[step.get("on", "a")].inbox
        if not inbox or "nothing" in step:
            return False
        if "closed" in step:
            return inbox[0] == CLOSED
        options = [{"expect": entry} for entry in step["unordered"]] if "unordered" in step else [step]
        return any(matches(option, inbox[0], Names(self.names)) for option in options)

    # What the steps are made of.

    async def item(self, names, seconds):
        """The next that came in on one of these connections."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            for name in names:
                if self.links[name].inbox:
                    return self.links[name].inbox.popleft()
            if not await self.arrival(deadline):
                return None

    async def arrival(self, deadline):
        """Whether something more came in before the deadline."""
        self.arrived.clear()
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or not self.network.patience:
            return False
        try:
            await asyncio.wait_for(self.arrived.wait(), left)
        except asyncio.TimeoutError:
            return False
        return True

    async def next(self, step):
        name = step.get("on", "a")
        found = await self.item([name], self.network.patience)
        if found is None:
            self.fail(step, "nothing")
        if found["type"] == "CONNACK":
            self.announced(self.links[name], found)
        return found

    def announced(self, link, packet):
        """A CONNACK says what the broker does not offer; a scenario that needs it is not for this broker."""
        if packet.get("return_code") == 1 or packet.get("reason") == "0x84":
            raise NotOffered(f"version {link.version}")
        link.accepted = packet.get("reason", "0x00") == "0x00" and not packet.get("return_code")
        values = {entry["name"]: entry["value"] for entry in packet.get("properties", ())}
        for name, least in self.scenario.get("needs", {}).items():
            default = 0 if name == "Topic Alias Maximum" else least
            if link.accepted and link.version == "5.0" and values.get(name, default) < least:
                raise NotOffered(f"{name} {values.get(name, 0)}")

    def fail(self, step, seen):
        where = f"step {self.number}, on {step.get('on', 'a')}" if "either" not in step else f"step {self.number}"
        text = f"{where}: {json.dumps(bare(step), ensure_ascii=False)}, but came: {seen}"
        raise Failed(text.replace(self.run, "{run}"), rules_of(step))

    async def end(self):
        """Nothing may have come that no step asked for: each connection has but an answer to PINGREQ."""
        alive = [name for name, link in self.links.items() if link.accepted and not link.over]
        for name in alive:
            await self.channels[name].send(encode(self.links[name].version, {"type": "PINGREQ"}), "one")
        for name, link in self.links.items():
            if name in alive:
                last = {"expect": PONG, "on": name}
                self.network.before(last, self)
                await self.expect(last)
                await self.channels[name].send(farewell(link.version), "one")
            self.no_more(name)

    def no_more(self, name):
        """All that came in on a connection has been asked for, but perhaps its end."""
        inbox = self.links[name].inbox
        if inbox and inbox[0] != CLOSED:
            self.fail({"on": name, "expect": "no more"}, told(inbox[0]))

    # What a scenario leaves in the broker.

    def remember(self, link, packet):
        if packet["type"] == "CONNECT":
            self.clients[packet["client_id"]] = link.version
            will = packet["will"]
            if will and will["retain"]:
                self.retained[will["topic"]] = link.version
        elif packet["type"] == "PUBLISH" and packet["retain"]:
            self.retained[packet["topic"]] = link.version

    async def clean_up(self):
        """Ends the sessions of the scenario's clients, and then removes what it had retained."""
        for client, version in self.clients.items():
            if client:
                await self.as_client(version, client, b"")
        for version in set(self.retained.values()):
            topics = [topic for topic, other in self.retained.items() if other == version and topic]
            empty = {"dup": False, "qos": 0, "retain": True, "packet_id": None, "properties": [], "payload": b""}
            packets = [encode(version, {"type": "PUBLISH", **empty, "topic": topic}) for topic in topics]
            await self.as_client(version, next(iter(self.clients)) or "sweeper", b"".join(packets))

    async def as_client(self, version, client, data):
        link = Link(version, None, self.arrived.set)
        hello = {"clean_start": True, "keep_alive": 60, "properties": [], "client_id": client, "will": None}
        hello = encode(version, {"type": "CONNECT", **hello, "user_name": None, "password": None})
        self.links["sweeper"] = link
        channel, _ = await self.network.open("tcp", link, ())
        await channel.send(hello, "one")
        await self.item(["sweeper"], self.network.patience)
        await channel.send(data + encode(version, {"type": "PINGREQ"}), "one")
        await self.item(["sweeper"], self.network.patience)
        await channel.send(farewell(version), "one")
        await channel.close()


KINDS = ("open", "send", "expect", "unordered", "nothing", "closed", "cut", "wait", "either")


def farewell(version):
    return encode(version, {"type": "DISCONNECT", "reason": "0x00", "properties": []})


def bare(step):
    """What a step asks for."""
    if "either" in step:
        return {"either": [[bare(inner) for inner in steps] for steps in step["either"]]}
    return {key: value for key, value in step.items() if key not in ("shows", "on")}


def rules_of(step):
    """The rules that a step shows, or those within it."""
    rules = list(step.get("shows", ()))
    for inner in (inner for steps in step.get("either", ()) for inner in steps):
        rules += [rule for rule in rules_of(inner) if rule not in rules]
    return rules


def told(packet):
    if packet == CLOSED:
        return "the connection was closed"
    return json.dumps(packet, ensure_ascii=False)

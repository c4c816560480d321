"""A broker that does what the scenario in hand asks for, but perhaps for one thing. It lives in the player's process."""

from generator.encode import encode
from generator.packets import base, prop
from generator.scene import walk
from player.forms import sendable


class Mirror:
    """In place of a network. `wrong` is a step of the scenario, by its number, and what comes in place of its packets;
    `choices` are the alternatives to take, by the number of the step, where not the first."""

    patience = 0

    def __init__(self, wrong=None, choices=(), select=None):
        self.wrong, self.choices, self.select = wrong, dict(choices), select
        self.numbers, self.served, self.last = None, set(), 1000

    async def sleep(self, seconds):
        pass

    async def open(self, kind, link, offers):
        return Channel(), self.select or ("mqtt" if kind == "websocket" and "mqtt" in offers else None)

    def before(self, step, stage):
        """Called before each step of the player: what it will expect comes in now."""
        if self.numbers is None:
            self.numbers = {id(one): number for number, one in enumerate(walk(stage.scenario["steps"]))}
        if id(step) in self.served:
            return
        if "either" in step:
            step = step["either"][self.choices.get(self.numbers[id(step)], 0)][0]
            self.served.add(id(step))
        answers = self.answers(step, stage)
        if self.wrong and self.numbers.get(id(step)) == self.wrong[0]:
            answers = self.wrong[1](answers)
        for answer in answers:
            link = stage.links[step.get("on", "a")]
            if answer == "closed":
                link.ended()
            else:
                link.feed(encode(link.version, answer))

    def answers(self, step, stage):
        if "closed" in step:
            return ["closed"]
        patterns = step.get("unordered", [step["expect"]] if "expect" in step else [])
        version = stage.links[step.get("on", "a")].version if patterns else None
        return [self.packet(pattern, version, stage) for pattern in reversed(patterns)]

    def packet(self, pattern, version, stage):
        """A packet that fits the pattern."""
        fields = self.value(pattern, stage.names)
        packet = sendable({**base(version, pattern["type"]), **fields}, stage.names)
        if packet["type"] == "CONNACK" and version == "5.0":
            needed = [entry for entry in stage.scenario.get("needs", {}).items() if entry[0] == "Topic Alias Maximum"]
            packet["properties"] = packet["properties"] + [prop(*entry) for entry in needed]
        return packet

    def value(self, pattern, names):
        if isinstance(pattern, list):
            return [self.value(item, names) for item in pattern]
        if not isinstance(pattern, dict):
            return pattern
        if "id" in pattern:
            self.last += 1
            return names.get(pattern["id"], self.last if pattern["id"][0] != "c" else f"client{self.last}")
        if "any" in pattern:
            return pattern["any"][0]
        if "from" in pattern:
            return pattern["from"]
        return {key: self.value(item, names) for key, item in pattern.items()}


class Channel:
    async def send(self, data, frames):
        pass

    async def close(self):
        pass

"""Conversations: scripts of what goes in and what has to come out, and the small language they are written in.

A conversation is a function that gets a `Talk` and calls its methods, one per step. `@conversation` calls it once per
version. `shows` names the rules that a step proves, as "3:2.3.1-2 5:2.2.1-3 DR-5": statements with the number of their
document in front, prose rules as they are.
"""

import json

from .encode import encode
from .packets import base, prop, subscription, will

MARK = 0xABCD  # stands for a packet identifier until the bytes are cut around it
ALIAS = 0xABCE  # and this for a Topic Alias

CONVERSATIONS = {}


def conversation(file, role, versions, says):
    """Adds a conversation of each version to a file."""

    def add(script):
        for version in versions.split():
            talk = Talk(role, version, f"{role}-{version}-{script.__name__.replace('_', '-')}", says)
            script(talk)
            CONVERSATIONS.setdefault(file, []).append(talk.done())
        return script

    return add


def rule_ids(text, new):
    """The rules of one version that a text names: "3:2.3.1-2 5:2.2.1-3 DR-5"."""
    own = "5" if new else "3"
    out = []
    for word in text.split():
        version, colon, rule = word.partition(":")
        if not colon:
            out.append(word)
        elif version == own:
            out.append(rule if rule[0].isalpha() else f"MQTT-{rule}")
    return out


class Talk:
    def __init__(self, role, version, name, says):
        self.role, self.version, self.new = role, version, version == "5.0"
        self.head = {"id": name, "says": says, "version": version, "role": role}
        self.steps = []
        self.on = None

    def limits(self, **limits):
        self.head["limits"] = limits

    def manual(self):
        self.head["acknowledge"] = "manual"

    def done(self):
        rules = []
        for step in walk(self.steps):
            rules += [rule for rule in step.get("shows", ()) if rule not in rules]
        return {**self.head, "rules": rules, "steps": self.steps}

    # Steps.

    def step(self, kind, value, shows="", **more):
        step = {kind: value, **more}
        if self.on:
            step = {"on": self.on, **step}
        rules = self.rules(shows)
        if rules:
            step["shows"] = rules
        self.steps.append(step)

    def rules(self, text):
        return rule_ids(text, self.new)

    def input(self, *packets, shows=""):
        self.step("in", joined(packets), shows)

    def out(self, *packets, shows=""):
        self.step("out", joined(packets), shows)

    def sends(self, packet, shows="", without=(), most=None):
        """The packet has these fields, and others as the implementation likes, but not the properties `without`; and at
        most so many bytes."""
        more = {"without": list(without)} if without else {}
        self.step("out", {"packet": packet, **more, **({"most": most} if most else {})}, shows)

    def nothing(self, shows=""):
        self.step("nothing", True, shows)

    def time(self, ms, shows=""):
        self.step("time", ms, shows)

    def command(self, name, refused=None, shows="", **fields):
        more = {"refused": refused} if refused else {}
        self.step("command", {"type": name, **fields}, shows, **more)

    def event(self, name, shows="", **fields):
        self.step("event", {"type": name, **fields}, shows)

    def open(self):
        self.step("transport", "open")

    def lost(self):
        self.step("transport", "lost")

    def restart(self):
        self.step("state", "restart")

    def forget(self):
        self.step("state", "lost")

    def either(self, *scripts, shows=""):
        """Alternatives; the first is what we recommend."""
        whole, self.steps = self.steps, []
        alternatives = []
        for script in scripts:
            script()
            alternatives.append(self.steps)
            self.steps = []
        self.steps = whole
        self.step("either", alternatives, shows)

    def repeat(self, count, script):
        whole, self.steps = self.steps, []
        script()
        steps, self.steps = self.steps, whole
        self.step("repeat", {"count": count, "steps": steps})

    # Packets.

    def packet(self, kind, id=None, form=None, **fields):
        """The bytes of a packet; `id` is the name of an identifier, a number, or (name, names it must differ from)."""
        if id is not None:
            fields["packet_id"] = id if isinstance(id, int) else MARK
        raw = encode(self.version, base(self.version, kind, **fields), form)
        if id is None or isinstance(id, int):
            return [raw]
        return cut([raw], MARK, id)

    def publish(self, id=None, qos=1, payload=b"", topic="a", **fields):
        return self.packet("PUBLISH", id, qos=qos, payload=payload, topic=topic, **fields)

    def aliased(self, alias, id=None, qos=1, payload=b"", topic="a", most=None, properties=(), **fields):
        """A PUBLISH with a Topic Alias: a number, or a name as for an identifier, of a number that is at most `most`."""
        number = alias if isinstance(alias, int) else ALIAS
        properties = [prop("Topic Alias", number), *properties]
        parts = self.publish(id, qos, payload, topic, properties=properties, **fields)
        more = {"most": most} if most else {}
        return parts if isinstance(alias, int) else cut(parts, ALIAS, alias, **more)

    def ack(self, kind, id, reason="0x00", properties=()):
        return self.packet(kind, id, **({"reason": reason, "properties": list(properties)} if self.new else {}))

    def puback(self, id, reason="0x00", properties=()):
        return self.ack("PUBACK", id, reason, properties)

    def pubrec(self, id, reason="0x00", properties=()):
        return self.ack("PUBREC", id, reason, properties)

    def pubrel(self, id, reason="0x00", properties=()):
        return self.ack("PUBREL", id, reason, properties)

    def pubcomp(self, id, reason="0x00", properties=()):
        return self.ack("PUBCOMP", id, reason, properties)

    def suback(self, id, *reasons, **fields):
        return self.packet("SUBACK", id, reasons=list(reasons), **fields)

    def unsuback(self, id, *reasons, **fields):
        return self.packet("UNSUBACK", id, **({"reasons": list(reasons)} if self.new else {}), **fields)

    def subscribe(self, id, *filters):
        return self.packet("SUBSCRIBE", id, filters=[subscription(self.version, text, qos) for text, qos in filters])

    def unsubscribe(self, id, *filters):
        return self.packet("UNSUBSCRIBE", id, filters=list(filters))

    def connect_packet(self, **fields):
        return self.packet("CONNECT", **fields)

    def connack_packet(self, present=False, code="0x00", old_code=0, properties=()):
        if self.new:
            return self.packet("CONNACK", session_present=present, reason=code, properties=list(properties))
        return self.packet("CONNACK", session_present=present, return_code=old_code)

    def disconnect_packet(self, reason="0x00", properties=()):
        if self.new:
            return self.packet("DISCONNECT", reason=reason, properties=list(properties))
        return self.packet("DISCONNECT")

    def ping(self):
        return self.packet("PINGREQ")

    def pong(self):
        return self.packet("PINGRESP")

    # What most conversations begin with.

    def lasting(self, clean, properties=(), expiry=100):
        """Properties with which a session outlives its connection, as CleanSession 0 has it."""
        properties = list(properties)
        if self.new and not clean and expiry:
            properties.append(prop("Session Expiry Interval", expiry))
        return {"properties": properties} if self.new else {}

    def connect(self, clean=True, client_id="a", keep_alive=0, properties=(), expiry=100):
        """A client under test opens a connection and sends CONNECT."""
        fields = {
            "clean_start": clean,
            "client_id": client_id,
            "keep_alive": keep_alive,
            **self.lasting(clean, properties, expiry),
        }
        self.open()
        self.command("connect", **fields)
        self.sends({"type": "CONNECT", **fields})

    def connected(self, present=False, properties=(), shows=""):
        """CONNACK of success for a client under test."""
        self.input(self.connack_packet(present, properties=properties))
        self.event("connected", session_present=present, shows=shows)

    def start(self, clean=True, present=False, properties=(), **more):
        self.connect(clean, **more)
        self.connected(present, properties)

    def arrives(self, clean=True, client_id="a", keep_alive=0, properties=(), expiry=100, behind=(), **more):
        """A server under test gets CONNECT."""
        fields = {
            "clean_start": clean,
            "client_id": client_id,
            "keep_alive": keep_alive,
            **self.lasting(clean, properties, expiry),
        }
        self.open()
        self.input(self.connect_packet(**fields, **more), *behind)
        self.event("connect", clean_start=clean, client_id=client_id, keep_alive=keep_alive)

    def accept(self, present=False, properties=(), shows="", announced=()):
        """CONNACK has the properties of the command and those that the limits call for."""
        self.command("accept", **({"properties": list(properties)} if self.new else {}))
        code = {"reason": "0x00", "properties": [*properties, *announced]} if self.new else {"return_code": 0}
        self.sends({"type": "CONNACK", "session_present": present, **code}, "3:3.1.4-4 5:3.1.4-5 " + shows)

    def serve(self, clean=True, present=False, shows="", answer=(), announced=(), **more):
        self.arrives(clean, **more)
        self.accept(present, answer, shows, announced)

    def begin(self, clean=True, present=False, maximum=None, **more):
        """A connection with a side under test of either role, in which the other side takes `maximum` messages."""
        if maximum and self.new:
            more["properties"] = [prop("Receive Maximum", maximum)]
        (self.start if self.role == "client" else self.serve)(clean, present, **more)

    def send(self, id, qos=1, payload=b"", shows="", topic="a", **fields):
        """The side under test publishes."""
        self.command("publish", qos=qos, topic=topic, payload=payload, **fields)
        self.out(self.publish(id, qos, payload, topic, **fields), shows=shows)

    def get(self, id, qos=1, payload=b"", shows="", token=None, topic="a", **fields):
        """The side under test is sent a message that it has to deliver."""
        self.input(self.publish(id, qos, payload, topic, **fields))
        self.delivered(qos, topic, payload, shows, token)

    def delivered(self, qos=1, topic="a", payload=b"", shows="", token=None):
        more = {"token": token} if token else {}
        self.event("publish", qos=qos, topic=topic, payload=payload, shows=shows, **more)

    def acked(self, id, reason="0x00", shows=""):
        self.event("acked", id=id, reason=reason, shows=shows)

    # Ends.

    def closed(self, cause, shows="", **more):
        self.event("closed", cause=cause, shows=shows, **more)

    def fault(self, rules, reasons=("0x82",), shows=""):
        """The peer is cut off; in 5.0 after a DISCONNECT with one of the reason codes, or without."""
        cause, more = "violation", {"rules": self.rules(rules)}
        if not self.new:
            self.closed(cause, shows, **more)
            return

        def spoken(reason):
            def script():
                self.out(self.disconnect_packet(reason))
                self.closed(cause, reasons=list(reasons), **more)

            return script

        def silent():
            self.closed(cause, **more)

        self.either(*[spoken(reason) for reason in reasons], silent, shows=shows)


def cut(parts, mark, id, **more):
    """Puts a name in the place of a number in bytes."""
    out, mark = [], mark.to_bytes(2, "big")
    for part in parts:
        if isinstance(part, bytes) and mark in part:
            before, behind = part.split(mark)
            name, *unlike = [id] if isinstance(id, str) else id
            out += [before, {"id": name, **({"unlike": unlike} if unlike else {}), **more}, behind]
        else:
            out.append(part)
    return out


def joined(packets):
    """Parts of bytes from packets (lists of parts) or bare bytes."""
    out = []
    for packet in packets:
        for part in [packet] if isinstance(packet, bytes) else packet:
            if isinstance(part, bytes) and out and isinstance(out[-1], bytes):
                out[-1] += part
            elif part != b"":
                out.append(part)
    return out


def walk(steps):
    """All steps, those within others too."""
    for step in steps:
        yield step
        for alternative in step.get("either", ()):
            yield from walk(alternative)
        if "repeat" in step:
            yield from walk(step["repeat"]["steps"])


# The JSON form: one step per line.


def form(value):
    if isinstance(value, bytes):
        return value.hex(" ").upper()
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [form(item) for item in value]
    return value


def step_form(step):
    out = form(step)
    for side in ("in", "out"):
        parts = out.get(side)
        if isinstance(parts, list):
            out[side] = parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts
    if "either" in step:
        out["either"] = [[step_form(inner) for inner in steps] for steps in step["either"]]
    if "repeat" in step:
        out["repeat"] = {**step["repeat"], "steps": [step_form(inner) for inner in step["repeat"]["steps"]]}
    return out


def text(cases, step_form):
    """A file of them: one step per line."""
    blocks = []
    for case in cases:
        head = json.dumps({key: value for key, value in case.items() if key != "steps"})
        lines = [f"    {json.dumps(step_form(step))}" for step in case["steps"]]
        blocks.append(head[:-1] + ', "steps": [\n' + ",\n".join(lines) + "\n]}")
    return "[\n" + ",\n".join(blocks) + "\n]\n"


def texts():
    return {f"{file}.json": text(conversations, step_form) for file, conversations in sorted(CONVERSATIONS.items())}

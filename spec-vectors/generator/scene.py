"""Scenarios for a whole broker, and the small language they are written in.

A scenario is a function that gets a `Scene` and calls its methods, one per step. `@scene` calls it once per version.
`shows` names rules as in conversations: "3:3.1.2-8 5:3.1.2-7 CN-7". Topics, filters and client identifiers are put
behind a name of the run, which the player makes up, so that scenarios stay out of each other's way.
"""

from .book import fields_form
from .packets import base, prop, subscription, will
from .talk import rule_ids, text

SCENARIOS = {}
RUN = "{run}"
ANY_SUCCESS = {"any": ["0x00", "0x10"]}
REFUSAL = {"from": "0x80", "to": "0xFF"}
SILENCE = 0.4


def scene(file, versions, says):
    """Adds a scenario of each version to a file."""

    def add(script):
        for version in versions.split():
            play = Scene(version, f"{version}-{script.__name__.replace('_', '-')}", says)
            script(play)
            SCENARIOS.setdefault(file, []).append(play.done())
        return script

    return add


def place(text):
    """A topic or filter below the name of the run."""
    if RUN in text:
        return text
    if text.startswith("$share/"):
        share, name, rest = text.split("/", 2)
        return f"{share}/{name}/{place(rest)}"
    return f"{RUN}/{text}"


class Scene:
    def __init__(self, version, name, says):
        self.version, self.new = version, version == "5.0"
        self.head = {"id": name, "says": says, "version": version}
        self.steps, self.versions, self.numbers, self.fresh = [], {}, {}, 0

    def done(self):
        rules = []
        for step in walk(self.steps):
            rules += [rule for rule in step.get("shows", ()) if rule not in rules]
        needed = needs(self.steps) if self.new else {}
        return {**self.head, **({"needs": needed} if needed else {}), "rules": rules, "steps": self.steps}

    def step(self, kind, value, on, shows="", **more):
        rules = rule_ids(shows, self.new)
        self.steps.append({"on": on, kind: value, **more, **({"shows": rules} if rules else {})})

    # Steps.

    def open(self, on="a", kind="tcp", version=None, shows="", **more):
        """`more`: only, offers, selects."""
        self.versions[on] = version or self.version
        if self.versions[on] != self.version:
            more["version"] = version
        self.step("open", kind, on, shows, **more)

    def send(self, on, *packets, frames="one"):
        more = {} if frames == "one" else {"frames": frames}
        self.step("send", packets[0] if len(packets) == 1 else list(packets), on, **more)

    def expect(self, on, packet, shows="", without=()):
        self.step("expect", packet, on, shows, **({"without": list(without)} if without else {}))

    def unordered(self, on, *packets, shows=""):
        self.step("unordered", list(packets), on, shows)

    def beside_suback(self, on, *packets, shows=""):
        """What a SUBSCRIBE brings may come before the SUBACK that was expected last, or behind it."""
        suback = self.steps.pop()
        if suback.get("on") != on or suback.get("expect", {}).get("type") != "SUBACK":
            raise SystemExit(f"{self.head['id']}: no SUBACK before {packets}")
        self.unordered(on, suback["expect"], *packets, shows=shows)

    def nothing(self, *names, shows="", seconds=SILENCE):
        for on in names:
            self.step("nothing", seconds, on, shows)
            seconds = 0.1

    def closed(self, on, shows=""):
        self.step("closed", True, on, shows)

    def cut(self, on):
        self.step("cut", True, on)

    def wait(self, seconds):
        self.steps.append({"wait": seconds})

    def either(self, *scripts, shows=""):
        """Alternatives, of which the first steps tell which one it is."""
        whole, self.steps = self.steps, []
        alternatives = []
        for script in scripts:
            script()
            alternatives.append(self.steps)
            self.steps = []
        self.steps = whole
        rules = rule_ids(shows, self.new)
        self.steps.append({"either": alternatives, **({"shows": rules} if rules else {})})

    # Packets.

    def number(self, on):
        """The next packet identifier of a client."""
        self.numbers[on] = self.numbers.get(on, 0) + 1
        return self.numbers[on]

    def name(self):
        """A name for a number that the broker will choose."""
        self.fresh += 1
        return f"n{self.fresh}"

    def packet(self, on, kind, **fields):
        return base(self.versions.get(on, self.version), kind, **fields)

    def is_new(self, on):
        return self.versions.get(on, self.version) == "5.0"

    def properties(self, on, properties):
        return {"properties": list(properties)} if self.is_new(on) else {}

    def will(self, topic="w", payload=b"will", version=None, **fields):
        return will(version or self.version, place(topic), payload, **fields)

    def published(self, on, topic, payload=b"m", qos=0, retain=False, dup=False, id=None, properties=()):
        """PUBLISH with all its fields, to send."""
        fields = {"dup": dup, "qos": qos, "retain": retain, "topic": place(topic) if topic else "", "payload": payload}
        return self.packet(on, "PUBLISH", **fields, packet_id=id, **self.properties(on, properties))

    def ack(self, on, kind, id, reason="0x00"):
        return self.packet(on, kind, packet_id=id, **({"reason": reason} if self.is_new(on) else {}))

    def acked(self, on, kind, id, reason=ANY_SUCCESS):
        """An acknowledgement, as it is expected."""
        if kind not in ("PUBACK", "PUBREC"):
            reason = "0x00"
        return {"type": kind, "packet_id": id, **({"reason": reason} if self.is_new(on) else {})}

    # What most scenarios are made of.

    def hello(self, on, clean=True, client=None, will=None, keep_alive=60, properties=(), expiry=None):
        """CONNECT. A session that is not `clean` outlives its connection."""
        properties = list(properties)
        if expiry is None and not clean:
            expiry = 60
        if expiry:
            properties.append(prop("Session Expiry Interval", expiry))
        client = f"{RUN}{on}" if client is None else client
        fields = {"clean_start": clean, "client_id": client, "will": will, "keep_alive": keep_alive}
        return self.packet(on, "CONNECT", **fields, **self.properties(on, properties))

    def welcome(self, on, present=False, properties=()):
        """CONNACK of success, with a session or not, or, if `present` is None, whether or not."""
        code = {"reason": "0x00"} if self.is_new(on) else {"return_code": 0}
        session = {} if present is None or self.versions[on] == "3.1" else {"session_present": present}
        wanted = {"properties": list(properties)} if properties else {}
        return {"type": "CONNACK", **session, **code, **wanted}

    def connect(self, on, clean=True, present=False, shows="", version=None, kind="tcp", only=(), **more):
        self.open(on, kind, version, **({"only": list(only)} if only else {}))
        self.send(on, self.hello(on, clean, **more))
        self.expect(on, self.welcome(on, present), shows)

    def subscribe(self, on, *filters, shows="", properties=(), **options):
        """Filters are texts, pairs of a text and a QoS, to which `options` are added, or whole entries."""
        if on not in self.versions:
            self.connect(on)
        id = self.number(on)
        entries = [(entry, 0) if isinstance(entry, str) else entry for entry in filters]
        entries = [self.filter(on, *entry, **options) if isinstance(entry, tuple) else entry for entry in entries]
        self.send(on, self.packet(on, "SUBSCRIBE", packet_id=id, filters=entries, **self.properties(on, properties)))
        self.expect(on, self.granted(on, id, *[entry["qos"] for entry in entries]), shows)

    def filter(self, on, text, qos=0, **options):
        """An entry of SUBSCRIBE."""
        return subscription(self.versions[on], place(text), qos, **options)

    def granted(self, on, id, *levels):
        return {"type": "SUBACK", "packet_id": id, "reasons": [f"0x{level:02X}" for level in levels]}

    def unsubscribe(self, on, *filters, reasons=None, shows=""):
        id = self.number(on)
        self.send(on, self.packet(on, "UNSUBSCRIBE", packet_id=id, filters=[place(text) for text in filters]))
        more = {"reasons": reasons or ["0x00"] * len(filters)} if self.is_new(on) else {}
        self.expect(on, {"type": "UNSUBACK", "packet_id": id, **more}, shows)

    def publish(self, on, topic, payload=b"m", qos=0, shows="", **more):
        """A whole exchange with the broker."""
        if on not in self.versions:
            self.connect(on)
        id = self.number(on) if qos else None
        self.send(on, self.published(on, topic, payload, qos, id=id, **more))
        if qos == 1:
            self.expect(on, self.acked(on, "PUBACK", id), shows)
        elif qos == 2:
            self.expect(on, self.acked(on, "PUBREC", id), shows)
            self.send(on, self.ack(on, "PUBREL", id))
            self.expect(on, self.acked(on, "PUBCOMP", id), shows)

    def message(self, on, topic, payload=b"m", qos=0, retain=False, dup=False, id=None, properties=()):
        """PUBLISH, as it is expected."""
        fields = {"dup": dup, "qos": qos, "retain": retain, "topic": place(topic), "payload": payload}
        wanted = {"properties": list(properties)} if properties else {}
        return {"type": "PUBLISH", **fields, "packet_id": {"id": id} if qos else None, **wanted}

    def gets_retained(self, on, topic, payload=b"m", qos=0, shows="", **more):
        """A retained message that a SUBSCRIBE brings."""
        id = self.name()
        self.beside_suback(on, self.message(on, topic, payload, qos, retain=True, id=id, **more), shows=shows)
        self.finish(on, id, qos)

    def gets(self, on, topic, payload=b"m", qos=0, shows="", id=None, finish=True, without=(), **more):
        """A message, and the rest of its exchange. Gives the name of its packet identifier."""
        id = id or self.name()
        self.expect(on, self.message(on, topic, payload, qos, id=id, **more), shows, without)
        if finish:
            self.finish(on, id, qos)
        return id

    def finish(self, on, id, qos, shows=""):
        id = {"id": id}
        if qos == 1:
            self.send(on, self.ack(on, "PUBACK", id))
        elif qos == 2:
            self.send(on, self.ack(on, "PUBREC", id))
            self.expect(on, self.acked(on, "PUBREL", id), shows)
            self.send(on, self.ack(on, "PUBCOMP", id))

    def leave(self, on, reason="0x00", properties=()):
        """DISCONNECT, after which the broker may close first; nothing else may come."""
        self.send(on, self.bye(on, reason, properties))
        self.cut(on)

    def bye(self, on, reason="0x00", properties=()):
        more = {"reason": reason, "properties": list(properties)} if self.is_new(on) else {}
        return self.packet(on, "DISCONNECT", **more)

    def thrown_out(self, on, *reasons, shows="", told=False):
        """The broker closes; in 5.0 perhaps after a DISCONNECT with one of these reasons, or if `told` always."""
        if not self.is_new(on):
            return self.closed(on, shows)

        def spoken():
            self.expect(on, {"type": "DISCONNECT", "reason": {"any": list(reasons)}}, shows)
            self.closed(on, shows)

        if told:
            spoken()
        else:
            self.either(spoken, lambda: self.closed(on, shows))

    def perhaps(self, *scripts, seconds=SILENCE, on="a"):
        """One of these, or nothing."""
        self.either(*scripts, lambda: self.nothing(on, seconds=seconds))


def walk(steps):
    """All steps, those within alternatives too."""
    for step in steps:
        yield step
        for alternative in step.get("either", ()):
            yield from walk(alternative)


def needs(steps):
    """What a 5.0 broker may say in CONNACK that it does not offer."""
    out = {}
    sent = [step["send"] for step in walk(steps) if isinstance(step.get("send"), (dict, list))]
    for packet in (packet for part in sent for packet in (part if isinstance(part, list) else [part])):
        if isinstance(packet, bytes):
            continue
        kind, will_ = packet["type"], packet.get("will") or {}
        filters = [entry["filter"] for entry in packet["filters"]] if kind == "SUBSCRIBE" else ()
        names = {entry["name"]: entry["value"] for entry in packet.get("properties", ())}
        level = max(packet["qos"] if kind == "PUBLISH" else 0, will_.get("qos", 0))
        if level:
            out["Maximum QoS"] = max(level, out.get("Maximum QoS", 0))
        if kind == "PUBLISH" and packet["retain"] or will_.get("retain"):
            out["Retain Available"] = 1
        if any("+" in text or "#" in text for text in filters):
            out["Wildcard Subscription Available"] = 1
        if any(text.startswith("$share/") for text in filters):
            out["Shared Subscription Available"] = 1
        if kind == "SUBSCRIBE" and "Subscription Identifier" in names:
            out["Subscription Identifier Available"] = 1
        if kind == "PUBLISH" and "Topic Alias" in names:
            out["Topic Alias Maximum"] = max(names["Topic Alias"], out.get("Topic Alias Maximum", 0))
    return out


# The JSON form: one step per line.


def step_form(step):
    out = {}
    for key, value in step.items():
        if key == "either":
            value = [[step_form(inner) for inner in steps] for steps in value]
        elif key in ("send", "expect", "unordered"):
            value = fields_form(value)
        elif key == "on" and value == "a":
            continue
        out[key] = value
    return out


def texts():
    return {f"{file}.json": text(scenarios, step_form) for file, scenarios in sorted(SCENARIOS.items())}

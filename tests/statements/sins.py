"""One way to break each statement about brokers, as what a relay does with the packets of an honest one.

`up` falsifies what goes to the broker, `down` what comes from it, `end` does something when a connection is over. Each gets
a packet and its connection, and gives a packet, a list of them, or None for nothing.
"""

import unicodedata

from generator.packets import base, prop
from generator.talk import rule_ids
from relay import CUT

SINS = []


class Sin:
    """Honest where it does nothing."""

    def __init__(self, rules="", up=None, down=None, end=None):
        self.rules = [(version, rule) for version in ("3.1.1", "5.0") for rule in rule_ids(rules, version == "5.0")]
        self.up, self.down, self.end = up, down, end
        SINS.append(self)

    @property
    def name(self):
        return next(one.__name__ for one in (self.end, self.up, self.down) if one).replace("_", " ")

    def falsify(self, sender, packet, connection):
        act = self.up if sender == "client" else self.down
        return act(packet, connection) if act else packet

    def ends(self, connection):
        if self.end:
            self.end(connection)


HONEST = Sin()
SINS.clear()


def up(rules):
    return lambda act: Sin(rules, up=act)


def down(rules):
    return lambda act: Sin(rules, down=act)


def with_properties(packet, keep):
    """The packet with those properties only that are to be kept, in their order."""
    if "properties" not in packet:
        return packet
    return {**packet, "properties": [entry for entry in packet["properties"] if keep(entry)]}


def with_will(packet, **changes):
    if packet["type"] != "CONNECT" or not packet["will"]:
        return packet
    return {**packet, "will": {**packet["will"], **changes}}


def with_options(packet, **changes):
    """SUBSCRIBE with other options; `changes` are functions of the old value."""
    if packet["type"] != "SUBSCRIBE" or "properties" not in packet:
        return packet
    new = [{**entry, **{key: change(entry[key]) for key, change in changes.items()}} for entry in packet["filters"]]
    return {**packet, "filters": new}


def is_publish(packet, **fields):
    return packet["type"] == "PUBLISH" and all(packet[key] == value for key, value in fields.items())


# Wills.


@up("3:3.1.2-8 5:3.1.2-7 5:3.1.2-8")
def no_will_is_kept(packet, connection):
    return {**packet, "will": None} if packet["type"] == "CONNECT" else packet


@up("3:3.1.2-10 3:3.14.4-3 5:3.1.2-10 5:3.14.4-3")
def disconnect_does_not_drop_the_will(packet, connection):
    return CUT if packet["type"] == "DISCONNECT" and packet.get("reason", "0x00") == "0x00" else packet


@up("3:3.1.2-12 3:3.1.2-10 5:3.1.2-10")
def the_will_of_the_last_connection_is_kept(packet, connection):
    if packet["type"] != "CONNECT":
        return packet
    memory = connection.relay.memory
    memory[packet["client_id"]] = packet["will"] or memory.get(packet["client_id"])
    return {**packet, "will": memory[packet["client_id"]]}


@up("3:3.1.2-16 5:3.1.2-14")
def every_will_is_retained(packet, connection):
    return with_will(packet, retain=True)


@up("3:3.1.2-17 5:3.1.2-15")
def no_will_is_retained(packet, connection):
    return with_will(packet, retain=False)


@up("5:3.1.3-9 5:3.1.2-8")
def a_will_has_no_delay(packet, connection):
    will = packet.get("will") or {}
    kept = [entry for entry in will.get("properties", ()) if entry["name"] != "Will Delay Interval"]
    return with_will(packet, properties=kept) if kept != will.get("properties", []) else packet


@up("5:3.1.3-10")
def user_properties_of_a_will_are_reversed(packet, connection):
    will = packet.get("will") or {}
    return with_will(packet, properties=will["properties"][::-1]) if will.get("properties") else packet


# Connections and sessions.


@up("3:3.1.4-2")
def an_older_connection_stays(packet, connection):
    if packet["type"] != "CONNECT":
        return packet
    count = connection.relay.memory["count"] = connection.relay.memory.get("count", 0) + 1
    return {**packet, "client_id": f"{packet['client_id']}{count}"}


@down("5:3.1.4-3")
def nobody_is_told_of_a_takeover(packet, connection):
    return None if packet["type"] == "DISCONNECT" else packet


@down("5:3.2.2-16")
def all_are_assigned_one_identifier(packet, connection):
    if packet["type"] != "CONNACK" or "properties" not in packet:
        return packet
    same = prop("Assigned Client Identifier", "same")
    return {**packet, "properties": [same if e["name"] == same["name"] else e for e in packet["properties"]]}


@down("3:3.1.2-5 3:4.5.0-1 5:4.5.0-1 5:4.8.2-4 3:3.10.4-3 5:3.10.4-3")
def nothing_waits_for_a_client(packet, connection):
    return None if connection.resumed and packet["type"] in ("PUBLISH", "PUBREL") else packet


@up("3:3.1.2-7")
def a_session_takes_its_retained_messages_with_it(packet, connection):
    return {**packet, "retain": False} if is_publish(packet) and not connection.clean else packet


# Messages.


@down("3:3.3.1-3 5:3.3.1-3")
def dup_is_passed_on(packet, connection):
    return {**packet, "dup": True} if is_publish(packet) and packet["qos"] else packet


@up("3:3.3.1-5 3:3.3.1-6 5:3.3.1-5")
def nothing_is_retained(packet, connection):
    return {**packet, "retain": False} if is_publish(packet) else packet


@down("3:3.3.1-6 5:3.3.1-9")
def nothing_retained_is_sent(packet, connection):
    return None if is_publish(packet, retain=True) else packet


@up("3:3.3.1-5 3:3.3.1-7 5:3.3.1-5")
def the_first_retained_message_stays(packet, connection):
    if not is_publish(packet, retain=True):
        return packet
    first = connection.relay.memory.setdefault(packet["topic"], packet["payload"])
    return {**packet, "retain": packet["payload"] in (first, b"")}


@down("3:3.3.1-8 5:3.3.1-13")
def retain_is_never_set(packet, connection):
    return {**packet, "retain": False} if is_publish(packet) else packet


@down("3:3.3.1-9 5:3.3.1-12")
def retain_is_always_set(packet, connection):
    return {**packet, "retain": True} if is_publish(packet) else packet


@up("3:3.3.1-10 5:3.3.1-6")
def an_empty_message_removes_nothing(packet, connection):
    return {**packet, "retain": False} if is_publish(packet, payload=b"") else packet


@up("3:3.3.1-11 5:3.3.1-7")
def an_empty_message_is_retained(packet, connection):
    return {**packet, "payload": b"stored"} if is_publish(packet, payload=b"", retain=True) else packet


@up("3:3.3.1-12 5:3.3.1-8")
def everything_is_retained(packet, connection):
    return {**packet, "retain": True} if is_publish(packet) else packet


@down("3:3.3.2-3 5:3.3.2-3")
def the_topic_is_another(packet, connection):
    return {**packet, "topic": packet["topic"] + "/x"} if is_publish(packet) else packet


for rules, left_out in (
    ("5:3.3.2-4", "Payload Format Indicator"),
    ("5:3.3.2-15", "Response Topic"),
    ("5:3.3.2-16", "Correlation Data"),
    ("5:3.3.2-17 5:3.3.2-18", "User Property"),
    ("5:3.3.2-20", "Content Type"),
    ("5:3.3.4-3 5:3.3.4-4 5:3.3.4-5", "Subscription Identifier"),
):

    def without(packet, connection, name=left_out):
        return with_properties(packet, lambda entry: entry["name"] != name)

    without.__name__ = f"without {left_out}"
    down(rules)(without)


@down("5:3.3.2-18")
def properties_are_reversed(packet, connection):
    return {**packet, "properties": packet["properties"][::-1]} if packet.get("properties") else packet


@up("5:3.3.2-5 5:3.3.2-6")
def nothing_expires(packet, connection):
    return with_properties(packet, lambda entry: entry["name"] != "Message Expiry Interval")


@down("5:3.3.2-6")
def the_lifetime_stays_what_it_was(packet, connection):
    old, new = "Message Expiry Interval", prop("Message Expiry Interval", 100)
    if not is_publish(packet) or "properties" not in packet:
        return packet
    return {**packet, "properties": [new if entry["name"] == old else entry for entry in packet["properties"]]}


@down("3:3.3.5-1 5:3.3.4-2 3:3.8.4-6 5:3.8.4-8")
def all_is_sent_at_qos_0(packet, connection):
    return {**packet, "qos": 0, "dup": False, "packet_id": None} if is_publish(packet) else packet


@down("3:3.8.4-6 5:3.8.4-8 5:4.8.2-3")
def all_is_sent_at_qos_2(packet, connection):
    return {**packet, "qos": 2, "packet_id": packet["packet_id"] or 999} if is_publish(packet) else packet


@down("5:3.3.4-3 5:3.3.4-4 5:3.3.4-5")
def all_subscriptions_have_one_identifier(packet, connection):
    if not packet.get("properties"):
        return packet
    same = prop("Subscription Identifier", 1)
    return {**packet, "properties": [same if e["name"] == same["name"] else e for e in packet["properties"]]}


@down("3:4.5.0-1 5:4.5.0-1")
def nobody_gets_anything(packet, connection):
    return None if is_publish(packet) else packet


@down("3:4.6.0-5 3:4.6.0-6 5:4.6.0-5 5:4.6.0-6")
def two_change_places(packet, connection):
    if not is_publish(packet):
        return packet
    connection.held.append(packet)
    if len(connection.held) < 2:
        return None
    held, connection.held = connection.held[::-1], []
    return held


@up("3:7.1.1-1 5:4.2-1")
def a_byte_is_lost(packet, connection):
    return {**packet, "payload": packet["payload"][:-1]} if is_publish(packet) else packet


# Subscriptions.


@up("5:3.3.1-9 5:3.8.4-4")
def retain_handling_0_is_2(packet, connection):
    return with_options(packet, retain_handling=lambda value: 2 if value == 0 else value)


@up("5:3.3.1-10")
def retain_handling_1_is_0(packet, connection):
    return with_options(packet, retain_handling=lambda value: 0 if value == 1 else value)


@up("5:3.3.1-11")
def retain_handling_2_is_0(packet, connection):
    return with_options(packet, retain_handling=lambda value: 0 if value == 2 else value)


@up("5:3.3.1-12")
def retain_as_published_for_all(packet, connection):
    return with_options(packet, retain_as_published=lambda value: True)


@up("5:3.3.1-13")
def retain_as_published_for_none(packet, connection):
    return with_options(packet, retain_as_published=lambda value: False)


@up("5:3.8.3-3")
def no_local_is_forgotten(packet, connection):
    return with_options(packet, no_local=lambda value: False)


@down("3:3.8.3-2")
def wildcards_are_refused_and_taken(packet, connection):
    wild = any("+" in text or "#" in text for text in connection.filters)
    return {**packet, "reasons": ["0x80"]} if packet["type"] == "SUBACK" and wild else packet


@down("3:3.8.4-3 5:3.8.4-3")
def a_second_subscription_stands_beside_the_first(packet, connection):
    twice = len(connection.filters) > len(set(connection.filters))
    return [packet, packet] if is_publish(packet, qos=0) and twice else packet


@up("3:3.8.4-4 5:3.8.4-5")
def only_the_first_filter_counts(packet, connection):
    return {**packet, "filters": packet["filters"][:1]} if packet["type"] == "SUBSCRIBE" else packet


@up("3:3.10.4-1 5:3.10.4-1")
def unsubscribe_ends_all(packet, connection):
    return {**packet, "filters": sorted(set(connection.filters))} if packet["type"] == "UNSUBSCRIBE" else packet


@up("3:3.10.4-2 5:3.10.4-1")
def unsubscribe_ends_nothing(packet, connection):
    return {**packet, "filters": ["nothing"] * len(packet["filters"])} if packet["type"] == "UNSUBSCRIBE" else packet


def unsubscribe_ends_nothing_but_says_so(packet, connection):
    return unsubscribe_ends_nothing.up(packet, connection)


def as_if(packet, connection):
    return {**packet, "reasons": ["0x00"] * len(packet["reasons"])} if packet["type"] == "UNSUBACK" else packet


Sin("5:3.10.4-2", up=unsubscribe_ends_nothing_but_says_so, down=as_if)


@down("3:3.10.4-3 5:3.10.4-3")
def unsubscribe_ends_exchanges(packet, connection):
    return None if packet["type"] == "PUBREL" and connection.left else packet


@up("3:4.7.2-1 5:4.7.2-1")
def dollar_is_a_letter(packet, connection):
    return {**packet, "topic": packet["topic"].removeprefix("$")} if is_publish(packet) else packet


def normal(text):
    return unicodedata.normalize("NFC", text).replace("//", "/")


@up("3:4.7.3-4 5:4.7.3-4")
def names_are_normalised(packet, connection):
    if is_publish(packet):
        return {**packet, "topic": normal(packet["topic"])}
    if packet["type"] == "SUBSCRIBE":
        return {**packet, "filters": [{**entry, "filter": normal(entry["filter"])} for entry in packet["filters"]]}
    return packet


# Shared subscriptions.


def share(one, other):
    """Whether two connections are members of the same group."""
    return any(text.startswith("$share/") for text in set(one.filters) & set(other.filters))


def remembers(packet, connection):
    if is_publish(packet) and packet["qos"]:
        connection.sent.append(packet)
    return packet


def what_a_member_loses_is_handed_on(connection):
    for other in connection.others():
        if share(connection, other) and connection.sent:
            other.inject({**base("5.0", "PUBLISH"), **connection.sent.pop(), "dup": False})


def refusals_are_handed_on(packet, connection):
    if packet["type"] in ("PUBACK", "PUBREC") and packet.get("reason", "0x00") >= "0x80":
        what_a_member_loses_is_handed_on(connection)
    return packet


Sin("5:4.8.2-4 5:4.8.2-5", down=remembers, end=what_a_member_loses_is_handed_on)
Sin("5:4.8.2-6", down=remembers, up=refusals_are_handed_on)

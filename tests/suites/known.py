"""What fails though nothing of ours is wrong: with the statement of the standard that shows it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    suite: str
    # Patterns: of the names, and of what went wrong.
    name: str
    problem: str
    why: str
    # We have no such thing, and need not.
    hole: bool = False
    # It depends on who is faster.
    sometimes: bool = False


def rule(suite, name, problem):
    fits = (r for r in RULES if r.suite == suite and re.search(r.name, name) and re.search(r.problem, problem or ""))
    return next(fits, None)


def idle(suites, used):
    return [r for r in RULES if r.suite in suites and r not in used and not r.sometimes]


ENDS = r"^Still connected$"
ONE_OR_THE_OTHER = "both are errors, and no statement says which code it is"
PROPERTY = "2.2.2.2: a property identifier that is not valid for the packet type makes the packet malformed, 0x81"
LAST_WORD = "[MQTT-4.13.1-1]: the server SHOULD say why in a DISCONNECT; theirs takes any byte for a connection that lives"
CONNACK = "[MQTT-4.13.1-1]: the server MAY say why in a CONNACK; theirs takes any byte for a connection that lives"
UNKNOWN_ID = "3.6.2.1, 3.7.2.1: 0x92 is what says that the packet identifier is not known"
TWO_MISTAKES = "the flags are wrong, and the packet may not come from there at all: " + ONE_OR_THE_OTHER
PAYLOAD = "[MQTT-3.8.3-2], [MQTT-3.10.3-2]: without a topic filter it is a protocol error, 0x82"
CONTROL = "1.5.3, 1.5.4: control characters MAY be refused; the library leaves that to the program"
NOT_ASKED = "it acknowledges what was not sent, which breaks the protocol [MQTT-4.13.1-1]"
ORDER = "2.2.2.2: the order of properties tells nothing; ours has the assigned client identifier last"
NUMBERS = "[MQTT-2.2.1-4]: a server takes any packet identifier that is free"

RULES = [
    # Exchanges for servers.
    Rule("exchanges", "DISALLOWED PROPERTIES", r"(e0 01|20 03 00) 81.*, not .* 82", PROPERTY),
    Rule("exchanges", "CONNECT: .* remaining length 5 bytes", ENDS, CONNACK),
    Rule("exchanges", "remaining length 5 bytes|long", ENDS, LAST_WORD),
    Rule("exchanges", "AUTH: F[1248]$", "81, not", "[MQTT-2.1.3-1]: flags other than those of the table are malformed, 0x81"),
    Rule("exchanges", "proto ver 2", "20 02 00 01, not", "[MQTT-3.1.2-2] of 3.1.1: the answer is return code 1; theirs is a CONNACK of 5.0"),
    Rule("exchanges", "Client ID with", "81 00, not .* 85", "[MQTT-1.5.4-1], [MQTT-1.5.4-2]: ill-formed text makes the packet malformed, 0x81"),
    Rule("exchanges", r"5.0   CONNECT: 10 (\[MQTT-3.1.2-1[79]\]|Username with)", ENDS, CONNACK),
    Rule("exchanges", "DISCONNECT: E0 RC=0x.*invalid|E0 with server-reference .UTF-8 string.( empty)?$", ENDS, LAST_WORD),
    Rule("exchanges", "server-reference .* missing", "82, not .* 81", "it is cut off, and not a client's to send: " + ONE_OR_THE_OTHER),
    Rule("exchanges", "FORBIDDEN", "81, not .* 82", "a packet of a type that does not exist can't be parsed: malformed (1.2), 0x81"),
    Rule("exchanges", "(PINGRESP: D|SUBACK: 9|UNSUBACK: B)[1248]$", "82, not .* 81", TWO_MISTAKES),
    Rule("exchanges", "PUBLISH: 30 topic 0$", "82, not .* 81", "3.3.2.1: no topic name and no Topic Alias is a protocol error, 0x82"),
    Rule("exchanges", "QoS 0 Dup 1", "82, not .* 81", "[MQTT-3.3.1-2] names no code"),
    Rule("exchanges", "PUBLISH: 30 topic with [+#]", "82, not .* 81", "[MQTT-3.3.2-2] names no code"),
    Rule("exchanges", "PUBLISH DISALLOWED.*subscription-identifier", "82, not .* 81", "[MQTT-3.3.4-6]: a client may not send it at all, whatever its value: " + ONE_OR_THE_OTHER),
    Rule("exchanges", r"no topic or qos|SUBSCRIBE: (82|A2) short 3", "82, not .* 81", PAYLOAD),
    Rule("exchanges", r"SUBSCRIBE: 82 QoS (3|0 retain handling=3)", "82, not .* 81", "3.8.3.1: QoS 3 and Retain Handling 3 are protocol errors, 0x82"),
    Rule("exchanges", "SUBSCRIBE: (82|A2) .*(len 0|zero (1st|2nd))|82 short 5", "82, not .* 81", "[MQTT-4.7.3-1] names no code"),
    Rule("exchanges", "SUBSCRIBE: (82 mid 0|A2 zero mid)", "82, not .* 81", "[MQTT-2.2.1-3] names no code"),
    Rule("exchanges", "# in sharename", "82, not .* 81", "[MQTT-4.8.2-2] names no code"),
    Rule("exchanges", "subscription-identifier=0", "82, not .* 81", "3.8.2.1.2: the value 0 is a protocol error, 0x82"),
    Rule("exchanges", "PUBRE[CL]", "(62 03 00 01|70 03 00 01), not", UNKNOWN_ID),
    Rule("exchanges", "v3.1   CONNECT: 1[04] ok", "nothing, not", "3.1 has no use for these bits; that a server minds them is 3.1.1's [MQTT-3.1.2-3]"),
    # Exchanges for clients.
    Rule("clients", "DISALLOWED PROPERTIES", "e0 01 81, not e0 01 82", PROPERTY),
    Rule("clients", "CONNACK: 20 long", "bytes behind the last field", "1.2: a packet that can't be parsed is malformed, and nothing is to come behind the properties"),
    Rule("clients", "INVALID: 20 with assigned-client-identifier", "it goes on", "no statement forbids a server to say it to a client that has one"),
    Rule("clients", "VALID: 20 with authentication-data", "it is over", "3.1.2.11.10: Authentication Data without an Authentication Method is a protocol error"),
    Rule("clients", "VALID: 20 with authentication-method", "it is over", "[MQTT-4.12.0-6]: a client that named no method gets none"),
    Rule("clients", "VALID: 20 with maximum-packet-size", "it is over", "with 1 byte there is nothing that a client may send [MQTT-3.1.2-24], not even an acknowledgement: it goes"),
    Rule("clients", r"30 \[MQTT-3.1.0-1\]", "it goes on", "CONNECT, CONNACK, PUBLISH: nothing is wrong; theirs takes the CONNECT, which it has not read, for the end"),
    Rule("clients", "topic with U.00", "it goes on|timed out", CONTROL),
    Rule("clients", "QoS 0 Dup 1", "it is over", "[MQTT-3.3.1-2]: DUP must not be set at QoS 0"),
    Rule("clients", "QoS 3", "81, not", "[MQTT-3.3.1-4]: QoS 3 is malformed, 0x81"),
    Rule("clients", "topic with [+#]", "82, not .* 81", "[MQTT-3.3.2-2] names no code"),
    Rule("clients", r"2\*subscription-identifier=1", "40 02", "3.3.2.3.8: there may be several of them, one for each subscription"),
    Rule("clients", "PUBREC unsolicited", "62 03 00 01, not", UNKNOWN_ID),
    Rule("clients", "UNSUBACK", "at least one is needed", "3.11.3: there is a reason code for each topic filter"),
    Rule("clients", "UNSUBACK", "not a reason code of this packet", "[MQTT-3.11.3-2]: it has to be one of the table"),
    Rule("clients", "UNSUBACK unsolicited", "it is over", NOT_ASKED),
    # Scripts.
    Rule("scripts", "", "^not to be had: ", "an option that ours is without, or has for all listeners at once", hole=True),
    Rule("scripts", "unix-socket", "No such file", "there are no listeners on Unix sockets", hole=True, sometimes=True),
    Rule("scripts", "575314", "", "how long a long CONNECT takes in a debug build", hole=True),
    Rule("scripts", "auto-id|zero-length-id|assigned-client-identifier", "", ORDER),
    Rule("scripts", "max-connections", "Reset", "that a transport is closed by a reset is no matter of MQTT", sometimes=True),
    Rule("scripts", "no-identity", "rc=5 Expected: .*rc=4", "3.2.2.3 of 3.1.1: who has no certificate is not authorized (5); theirs says that a password is bad (4)"),
    Rule("scripts", "pwfile-parse-invalid", "ValueError", "it looks for mosquitto's words in the log", hole=True),
    Rule("scripts", "qos1-message-expiry", "proto_ver=5", NUMBERS + "; theirs gives one to a message that it never sends"),
    Rule("scripts", "max-inflight-expire", "mid=1, .*mid=2", NUMBERS),
    Rule("scripts", "11-message-expiry", "", NUMBERS),
    Rule("scripts", "no-?local", "PUBACK, rl=3", "3.4.2.1: 0x10 MAY be said if nobody gets the message; ours says it if No Local is why"),
    Rule("scripts", "qos1-oversize", "reason_code=151 Expected: .*149", "3.4.2.1: 0x95 is no reason code of PUBACK; 0x97 is, and means a limit of the server's own"),
    Rule("scripts", "max-inflight-bytes", "publish2", "mosquitto counts payloads, ours whole packets: no matter of MQTT"),
    Rule("scripts", "(subscribe|publish|qos0)-long-topic", "not decoded", "4.7.3: topics have any number of levels; ours takes the name, and refuses only the filter, where theirs ends the connection"),
    Rule("scripts", "disconnect-qos2", "PUBCOMP, rl=3", UNKNOWN_ID),
    Rule("scripts", "qos2-dup", "disconnect1", "[MQTT-4.3.3-10]: until PUBREL, each PUBLISH with this packet identifier is answered with PUBREC; theirs gives up"),
    Rule("scripts", "qos2-reuse-mid", "pub/qos2/test", "[MQTT-4.3.3-10]: it is the same message until PUBREL; theirs takes the second for another"),
    Rule("scripts", "07-will-control", "", "$CONTROL is mosquitto's own"),
    Rule("scripts", "07-will-delay(-reconnect)?$", "", "3.1.3.2.2: the will is published when the session ends if that is first; without a Session Expiry Interval it ends at once"),
    Rule("scripts", "07-will-delay-recover", "pingresp", "3.1.4: with Clean Start the old session ends, and its will is published"),
    Rule("scripts", "07-will-oversize", "", "[MQTT-3.2.2-6] of 3.1.1: no return code says that a will is too long, so there is no CONNACK"),
    Rule("scripts", "07-will-takeover", "LWT", "[MQTT-3.1.2-8] of 3.1.1: a connection that ended without DISCONNECT has its will published; [MQTT-3.1.4-3] of 5.0 the same"),
    Rule("scripts", "07-will-invalid-utf8", "CONNACK", CONNACK),
    Rule("scripts", "09-acl-(access-variants|empty-file)", "granted_qos=128", "[MQTT-3.9.3-1] of 3.1.1: 0x80 is what a refused subscription gets; theirs grants it and sends nothing"),
    Rule("scripts", "09-acl-change", "nobody can log in", "a user name that nobody has verified counts for nothing here", hole=True),
    Rule("scripts", "packet-size-publish", "", "2.1.4, 3.1.2.11.4: the size is that of the whole packet, which is 41 here and not 40; theirs leaves out the header"),
    Rule("scripts", "acl-file-reload", "", "a bad file that is read again is reported, and the old rules stay; theirs ends", hole=True),
    # The tests of the paho C library.
    Rule("paho-c", "test(45-[14]|10-5)", "(?i)propert", "3.9.2.1, 3.11.2.1: nothing asks for properties in SUBACK and UNSUBACK; its own server sends back those of the client"),
    Rule("paho-c", "test10-6", "identifier not found", "its own server refuses the topic test_qos_1_2_errors; no other does"),
    Rule("paho-c", "test4?5?-[78]", "some tokens|publishFailures", "something is to be under way when the client goes at once, and all of it was acknowledged", sometimes=True),
    Rule("paho-c", "test9-10", "not done after", "it begins to count messages only after it has asked for the connection that brings them, and waits for those that it missed", sometimes=True),
    # The tests of aedes.
    Rule("aedes", "", "^not to be had: ", "what aedes is inside, or can be told from there", hole=True),
    Rule("aedes", "prototype-keys: duplicate", "deep-equal", "[MQTT-3.9.3-1] of 3.1.1: there is a return code for each topic filter, even if it is there twice"),
    Rule("aedes", "resend pub|do not resend QoS 1 packets at each", "packet must match", "[MQTT-3.3.1-1] of 3.1.1: DUP is set, as it was sent to the connection before, which ended without DISCONNECT", sometimes=True),
    Rule("aedes", "retain messages with QoS 1 .clean=false", "packet must match", "[MQTT-3.3.1-9] of 3.1.1: RETAIN is 0 for a subscription that was there, whenever it is sent"),
    Rule("aedes", "overlapped topics .* QoS 2 publish", "packet must match", "[MQTT-3.3.5-1] of 3.1.1: the maximum QoS of all that match counts; theirs is said to want mending"),
    Rule("aedes", "subscriptions after unsubscribe", "session present", "[MQTT-3.2.2-2] of 3.1.1: a session is there, though without subscriptions"),
    Rule("aedes", "QoS 1 in parallel", "suback", "4.6 of 3.1.1: nothing says that PUBACK is before the SUBACK of what was asked for earlier"),
    Rule("aedes", "qos1: subscribe QoS 0", "plan expected", "it does not wait for the PUBACK that it counts", sometimes=True),
    # The tests of gmqtt and aiomqtt.
    Rule("pythons", "tls|basic_ssl", "(?i)not to be had|refused|connect call", "their own server has a certificate of its own", hole=True),
    Rule("pythons", "connack_negative", "DID NOT RAISE", "a server that lets in everybody but the user `invalid`", hole=True),
    Rule("pythons", "assigned_clientid", "assigned_client_identifier", "[MQTT-3.2.2-16]: one is assigned to a client that has none; theirs makes one up, and sends it"),
    Rule("pythons", "messages_view_len", "TimeoutError", "it waits for a message that came already, before the PUBCOMP of its publisher: 4.3.3 allows that", sometimes=True),
    Rule("pythons", "connack_timeout", "DID NOT RAISE", "CONNACK is expected not to be there at once", sometimes=True),
    # The tests of mqtt-packet.
    Rule("mqtt-packet", "bridge 13[12]", r"MQTT-3.1.2-2", "[MQTT-3.1.2-2]: level 131 or 132 is mosquitto's sign of a bridge, and no level of the standard"),
    Rule("mqtt-packet", "CONNACK test [12]$", "runs past the end", "[MQTT-2.2.2-1]: without properties the Property Length is 0; theirs does without it, and without the reason code"),
    Rule("mqtt-packet", "Version 4 CONACK in Version 5 mode", "reason code", "3.2.2.2: the table has no reason code 1; theirs takes the CONNACK of another version"),
    Rule("mqtt-packet", "connack MQTT 5 with .*properties", "Maximum QoS", "3.2.2.3.4: a Maximum QoS other than 0 and 1 is a protocol error; theirs is 2"),
    Rule("mqtt-packet", "Max payload", "longer than", "inspect tells bytes in hex, and Node.js has no text of that length", hole=True),
    # The tests of paho-mqtt.
    Rule("paho", "test_subscribe_failure", "Granted QoS", "its own server refuses the topic test/nosubscribe; no other does"),
]  # fmt: skip

# mosquitto's scripts that are of no concern to a server of the standard: how they begin, and what they try.
OWN = {
    "01-plugin": "plugins",
    "05-session-expiry-kick": "a plugin",
    "06-bridge": "bridges",
    "08-ssl-bridge": "bridges",
    "08-tls-psk": "keys that both sides know",
    "09-extended-auth": "plugins with methods of authentication of their own",
    "09-plugin": "plugins",
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

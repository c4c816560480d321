"""mosquitto's configuration in the words of our command line."""

import shlex


class Unknown(Exception):
    """We have no such thing."""


# Both call it the same but for the dashes; the value follows.
ALIKE = {
    "password_file", "acl_file", "max_keepalive", "max_inflight_messages", "max_inflight_bytes", "max_queued_messages",
    "max_queued_bytes", "max_packet_size", "message_size_limit", "retain_available", "max_connections",
}  # fmt: skip
RENAMED = {
    "maximum_qos": "max-qos",
    "max_qos": "max-qos",
    "global_max_connections": "max-connections",
    "accept_protocol_versions": "protocol-versions",
    "allow_zero_length_clientid": "allow-zero-length-client-id",
    "max_topic_alias": "topic-alias-maximum",
    "certfile": "certificate",
    "keyfile": "key",
}
# What a log says, and how often the disk is written, is no matter of the protocol.
NO_MATTER = {
    "log_type", "log_dest", "autosave_interval", "autosave_on_changes", "persistence_file", "connection_messages",
    "per_listener_settings", "user", "port_config",
}  # fmt: skip


def arguments(lines):
    """What our broker is to be started with."""
    addresses, options, anonymous, persistent, scheme = [], [], None, None, {}
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        value = rest.strip()
        if not word or word.startswith("#"):
            continue
        if word in ("listener", "port"):
            port, _, host = value.partition(" ")
            if port == "0":
                raise Unknown("a listener on a Unix socket")
            addresses.append((host or "127.0.0.1", port))
        elif word == "protocol":
            scheme[addresses[-1]] = "ws://" if value == "websockets" else ""
        elif word in ("allow_anonymous", "listener_allow_anonymous"):
            anonymous = value == "true"
        elif word == "persistence":
            persistent = value == "true"
        elif word == "persistence_location":
            options += ["--persistence", value]
        elif word in ALIKE:
            options += ["--" + word.replace("_", "-"), *shlex.split(value)[:1]]
        elif word == "accept_protocol_versions":
            options += ["--protocol-versions", value.replace(" ", "").strip(",")]
        elif word in RENAMED:
            options += ["--" + RENAMED[word], value]
        elif word not in NO_MATTER:
            raise Unknown(word)
        if word == "max_inflight_messages":
            # mosquitto tells its clients the same figure.
            options += ["--receive-maximum", value]
    if persistent and "--persistence" not in options:
        options += ["--persistence", f"persistence-{addresses[0][1]}"]
    if anonymous is True and "--password-file" in options:
        options += ["--allow-anonymous"]
    if anonymous is not True and "--password-file" not in options:
        raise Unknown("nobody may come in")
    return [f"{scheme.get(at, '')}{at[0]}:{at[1]}" for at in addresses] + options

"""mosquitto's configuration in the words of our command line."""


class Unknown(Exception):
    """We have no such thing."""


# What goes by the same name but for the dashes, and by another.
ALIKE = (
    "acl_file", "allow_anonymous", "auto_id_prefix", "max_connections", "max_inflight_bytes", "max_inflight_messages", "max_keepalive",
    "max_packet_size", "max_queued_bytes", "max_queued_messages", "message_size_limit", "password_file",
    "retain_available", "sys_interval", "use_identity_as_username",
)  # fmt: skip
OPTIONS = {
    **{name: "--" + name.replace("_", "-") for name in ALIKE},
    "accept_protocol_versions": "--protocol-versions",
    "allow_zero_length_clientid": "--allow-zero-length-client-id",
    "cafile": "--client-ca",
    "certfile": "--cert",
    "global_max_connections": "--max-connections",
    "keyfile": "--key",
    "listener_allow_anonymous": "--allow-anonymous",
    "max_qos": "--max-qos",
    "max_topic_alias": "--topic-alias-maximum",
    "maximum_qos": "--max-qos",
    "persistence_location": "--persistence",
    "require_certificate": "--require-client-certificate",
}
# Logs, and how mosquitto reads and writes its files.
NO_MATTER = (
    "autosave_interval", "autosave_on_changes", "connection_messages", "log_dest", "log_type", "per_listener_settings",
    "persistence_file",
)  # fmt: skip
VERSIONS = {"3": "3.1", "4": "3.1.1", "5": "5.0"}


def arguments(lines):
    """What our broker is to be started with. mosquitto lets nobody in unless it is told to."""
    addresses, options = [], {"--allow-anonymous": "false"}
    for line in lines:
        name, _, value = (part.strip() for part in line.strip().partition(" "))
        if not name or name.startswith("#") or name in NO_MATTER:
            continue
        if name in ("listener", "port"):
            port, _, host = value.partition(" ")
            if port == "0":
                raise Unknown("a listener on a Unix socket")
            addresses.append(["tcp", f"{host or '127.0.0.1'}:{port}"])
        elif name == "protocol":
            addresses[-1][0] = {"mqtt": "tcp", "websockets": "ws"}[value]
        elif name == "persistence":
            if value == "true":
                options.setdefault("--persistence", "persistence-" + addresses[0][1].rpartition(":")[2])
        elif name in OPTIONS:
            if options.get(OPTIONS[name], value) != value and len(addresses) > 1:
                raise Unknown(f"{name} for each listener")
            options[OPTIONS[name]] = value
        else:
            raise Unknown(name)
        if name == "certfile":
            addresses[-1][0] = {"tcp": "tls", "ws": "wss"}[addresses[-1][0]]
    if "--protocol-versions" in options:
        numbers = options["--protocol-versions"].replace(",", " ").split()
        options["--protocol-versions"] = ",".join(VERSIONS[number] for number in numbers)
    if "true" not in (options.get("--require-client-certificate"), options.get("--use-identity-as-username")):
        options.pop("--client-ca", None)
    # mosquitto tells its clients the same figure.
    if "--max-inflight-messages" in options:
        options["--receive-maximum"] = options["--max-inflight-messages"]
    words = (word for option in options.items() for word in option)
    return [f"{scheme}://{address}" for scheme, address in addresses] + list(words)

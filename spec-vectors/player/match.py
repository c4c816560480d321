"""Whether a packet is what a scenario expects."""


class Names(dict):
    """What the names of a scenario stand for; a name is bound where it is expected first."""

    def takes(self, pattern, value):
        name = pattern["id"]
        if name in self:
            return self[name] == value
        if any(self.get(other) == value for other in pattern.get("unlike", ())):
            return False
        self[name] = value
        return True


def matches(step, packet, names):
    """Whether the packet fits the step's pattern. Names are bound only if it does."""
    trial = Names(names)
    if not value_fits(step["expect"], packet, trial):
        return False
    if any(unwanted(entry, packet) for entry in step.get("without", ())):
        return False
    names.update(trial)
    return True


def value_fits(pattern, value, names):
    if isinstance(pattern, dict):
        if "id" in pattern:
            return value is not None and names.takes(pattern, value)
        if "any" in pattern:
            return any(value_fits(option, value, names) for option in pattern["any"])
        if "from" in pattern:
            return isinstance(value, type(pattern["from"])) and pattern["from"] <= value <= pattern["to"]
        return isinstance(value, dict) and all(
            field in value and field_fits(field, wanted, value[field], names) for field, wanted in pattern.items()
        )
    if isinstance(pattern, list):
        if not isinstance(value, list) or len(pattern) != len(value):
            return False
        return all(value_fits(*pair, names) for pair in zip(pattern, value))
    return type(pattern) is type(value) and pattern == value


def field_fits(field, wanted, value, names):
    return (properties_fit if field == "properties" else value_fits)(wanted, value, names)


def properties_fit(wanted, found, names):
    """Those wanted are all there, as often as wanted; User Properties in this order. There may be others."""
    left, users = list(found), [entry for entry in found if entry["name"] == "User Property"]
    for entry in wanted:
        among = users if entry["name"] == "User Property" else left
        at = next((i for i, other in enumerate(among) if value_fits(entry, other, names)), None)
        if at is None:
            return False
        del among[0 if among is users else at : at + 1]
    return True


def unwanted(entry, packet):
    name, value = (entry["name"], entry["value"]) if isinstance(entry, dict) else (entry, None)
    return any(
        other["name"] == name and (value is None or other["value"] == value) for other in packet.get("properties", ())
    )

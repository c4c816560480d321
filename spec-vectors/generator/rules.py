"""The rules, from rules.txt, as rules.json writes them."""

import json
from pathlib import Path

FIELDS = ("id", "version", "section", "layer", "verdict", "text")


def load():
    rules = []
    for line in Path(__file__).with_name("rules.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        rule = dict(zip(FIELDS, (part.strip() for part in line.split("|")), strict=True))
        out = {key: rule[key] for key in ("id", "version", "section", "layer")}
        out["kind"] = "statement" if rule["id"].startswith("MQTT-") else "prose"
        if rule["verdict"] != "-":
            out["verdict"] = rule["verdict"]
        rules.append({**out, "text": rule["text"]})
    return rules


def text(rules):
    return "[\n" + ",\n".join(json.dumps(rule) for rule in rules) + "\n]\n"

"""Writes rules.json and all vectors, conversations and scenarios, or with --check tells whether the files on disk are
what it would write.

Python 3.10 or newer, standard library only. The output is the same on every run.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True

from generator import check, codes, connections, framing, outgoing, properties, rules, sessions, shapes, talk
from generator import plays, scene, statements, talks, text, topics, traps
from generator.book import Book

HERE = Path(__file__).resolve().parent


def collect():
    """All vectors. The order of the parts decides which of two equal vectors gives its id."""
    book = Book()
    for part in (framing, codes, shapes, topics, properties, text, outgoing, traps):
        part.build(book)
    return book


def main(arguments):
    if arguments not in ([], ["--check"]):
        raise SystemExit("usage: generate.py [--check]")
    book, known = collect(), rules.load()
    complaints = check.check(book, known) + talks.check(talk.CONVERSATIONS, known)
    complaints += plays.check(scene.SCENARIOS, known)
    evidence = statements.Evidence(book.ids.values(), talk.CONVERSATIONS, scene.SCENARIOS)
    complaints += statements.unaccounted(known, evidence)
    results = statements.load_results()
    files = {**book.texts(), **talk.texts(), **scene.texts(), "rules.json": rules.text(known)}
    files["STATEMENTS.md"] = statements.text(known, evidence, results)
    folders = ("codec", "session", "connection", "broker", "transport")
    stale = {f"{name}/{path.name}" for name in folders for path in (HERE / name).glob("*.json")} - set(files)
    if arguments:
        complaints += statements.outdated(scene.SCENARIOS, results)
        for name, content in files.items():
            path = HERE / name
            if not path.exists() or path.read_bytes() != content.encode("utf-8"):
                complaints.append(f"{name} differs from what the generator writes")
        complaints += [f"{name} is not written by the generator" for name in sorted(stale)]
    if complaints:
        print("\n".join(complaints), file=sys.stderr)
        raise SystemExit(1)
    if not arguments:
        for name in stale:
            (HERE / name).unlink()
        for name, content in files.items():
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_bytes(content.encode("utf-8"))
    counts = {}
    for vector in book.ids.values():
        key = f"{vector['direction']} {vector['verdict']}"
        counts[key] = counts.get(key, 0) + 1
    print(
        f"{len(book.ids)} vectors, {sum(map(len, talk.CONVERSATIONS.values()))} conversations, "
        f"{sum(map(len, scene.SCENARIOS.values()))} scenarios, {len(known)} rules:",
        ", ".join(f"{value} {key}" for key, value in sorted(counts.items())),
    )


if __name__ == "__main__":
    main(sys.argv[1:])

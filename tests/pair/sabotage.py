#!/usr/bin/env python3
"""Takes rules out of the sessions one by one, and sees whether the pair test notices.

Each rule is a change to one line of the source, made in a copy; the test has to fail then. Python 3.9 or newer, standard
library only, and cargo. Takes about half a minute for each. `sabotage.py [TEXT]`: only the rules whose text has TEXT.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ["Cargo.toml", "README.md", "src", "tests/pair"]

# What is taken out: (rule, file, line, what it becomes).
RULES = [
    ("a message of QoS 2 that was taken is recorded", "connection/messages.rs",
     "self.session.store.record(&Record::Take { id })?;", ""),
    ("a message that PUBREC came for is recorded as released", "connection/messages.rs",
     "self.record(&Record::Release { id })?;\n                self.session.outbox.release(",
     "self.session.outbox.release("),
    ("a message that is done is recorded", "connection/messages.rs",
     "self.record(&Record::Finish { id })?;", ""),
    ("a message sent again has DUP", "connection/messages.rs",
     "message.publish(id, true)", "message.publish(id, false)"),
    ("the identifiers of QoS 2 outlive the connection", "session/inbox.rs",
     "Some(Arrival::Received | Arrival::Owed2) if goes_on =>", "Some(Arrival::Received) if goes_on && len == 0 =>"),
    ("a message whose PUBREC is owed counts as taken in an export", "session/inbox.rs",
     ".filter(|slot| matches!(slot.arrival, Some(Arrival::Received | Arrival::Owed2)))",
     ".filter(|slot| matches!(slot.arrival, Some(Arrival::Received)))"),
    ("PUBREL is sent again", "session/outbox.rs",
     "self.unreleased = self.released.first;", "self.unreleased = 0;"),
    ("messages are sent again", "session/outbox.rs",
     "self.unsent = self.sent.first;", "self.unsent = 0;"),
    ("after PUBREC only PUBREL is sent again", "session/outbox.rs",
     "slot.flight = Some(Flight::Released);\n            slot.marks &= !SENT;",
     "slot.flight = Some(Flight::ExactlyOnce);\n            slot.marks &= !SENT;"),
    ("a PUBREC does not give the quota back", "session/outbox.rs",
     "self.charged -= u16::from(charged);", "self.charged = self.charged.saturating_sub(2 * u16::from(charged));"),
    ("what is new waits for what has to be sent again", "connection/messages.rs",
     "return Err(UsageError::Resuming);", ""),
    ("an acknowledgement waits for those before it", "session/inbox.rs",
     "let held = matches!(arrival, Arrival::Held1 | Arrival::Held2);", "let held = false;"),
    ("a lost session loses its messages", "session/outbox.rs",
     "if lost || matches!", "if matches!"),
    ("a repeat of QoS 2 is not delivered", "session/flow.rs",
     "(Arriving::Publish2, Some(Received)) => Arrived::Repeat,",
     "(Arriving::Publish2, Some(Received)) => Arrived::Violation,"),
    ("what does not fit now is sent later", "connection/messages.rs",
     "Err(UsageError::NoRoom(_) | UsageError::WindowFull(_)) => return None,",
     "Err(UsageError::WindowFull(_)) => return None,"),
]


def main():
    wanted = [rule for rule in RULES if not sys.argv[1:] or sys.argv[1] in rule[0]]
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source, to = ROOT / name, copy / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, to) if source.is_dir() else shutil.copy(source, to)
        # What the copy lacks is not to be looked for.
        manifest = copy / "Cargo.toml"
        text = manifest.read_text().replace('[[test]]\nname = "vectors"\nharness = false\n', "")
        manifest.write_text(text)
        environment = {**os.environ, "CARGO_TARGET_DIR": str(copy / "target")}
        test = ["cargo", "test", "--quiet", "--test", "pair"]
        subprocess.run(test, cwd=copy, env=environment, check=True, capture_output=True)
        for rule, file, old, new in wanted:
            path = copy / "src" / file
            source = path.read_text()
            if source.count(old) != 1:
                sys.exit(f"{file} has {source.count(old)} times {old!r}: bring the script up to date")
            path.write_text(source.replace(old, new))
            done = subprocess.run(test, cwd=copy, env=environment, capture_output=True, text=True)
            path.write_text(source)
            if "error: could not compile" in done.stderr:
                sys.exit(f"without '{rule}' it does not compile:\n{done.stderr}")
            print(f"{'noticed ' if done.returncode else 'SURVIVES'}  {rule}", flush=True)
            if not done.returncode:
                survivors.append(rule)
    print(f"{len(wanted)} rules, {len(survivors)} survive")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()

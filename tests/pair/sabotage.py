#!/usr/bin/env python3
"""Takes rules out of the connection's core one by one and sees whether the pair test notices.

Each mutant is a copy of the crate in which one piece of the source is another. Python 3.10 or newer, standard library
only, and cargo. `sabotage.py [TEXT]`: only mutants whose name contains TEXT. Takes about half a minute for each.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ["Cargo.toml", "Cargo.lock", "README.md", "src", "tests/pair"]
TIMEOUT = 120

SENT, RESENT, RECEIVED = "connection/outgoing.rs", "connection/resend.rs", "connection/incoming.rs"
OUTBOX, INBOX = "session/outbox.rs", "session/inbox.rs"
SESSION, CLIENT, CONNECTION = "session/mod.rs", "connection/client.rs", "connection/mod.rs"

# (name, file, what is there, what is there instead)
MUTANTS = [
    (
        "PUBREC is not recorded",
        SENT,
        "Answered::Release => {\n                self.record(&Record::Release { id })?;",
        "Answered::Release => {",
    ),
    ("a message taken is not recorded", RECEIVED, "self.session.store.record(&Record::Take { id })?;", ""),
    ("PUBREL is not recorded", RECEIVED, "self.record(&Record::Complete { id })?;", ""),
    (
        "the end of a message is not recorded",
        SENT,
        "let tell = self.untold(id).is_some();\n                self.record(&Record::Finish { id })?;",
        "let tell = self.untold(id).is_some();",
    ),
    (
        "a message is not recorded",
        SENT,
        "session.store.record(&record).inspect_err(|_| session.clear_keep(id))?;",
        "let _ = record;",
    ),
    (
        "messages are sent again in the order of their identifiers",
        OUTBOX,
        "        self.unsent = self.sent.first;",
        """        for at in 0..slots.len() {
            let message = |slot: &&OutgoingSlot<K>| matches!(slot.flight, Some(f) if f != Flight::Released);
            if let Some(id) = slots.get(at).filter(message).map(|slot| slot.id) {
                self.sent.remove(slots, id);
                self.sent.push(slots, id);
            }
        }
        self.unsent = self.sent.first;""",
    ),
    (
        "PUBREC gives the quota back",
        OUTBOX,
        "slot.flight = Some(Flight::Released);\n",
        """slot.flight = Some(Flight::Released);
        self.charged -= u16::from(slot.marks & CHARGED != 0);
        slot.marks &= !CHARGED;
""",
    ),
    (
        "an error in PUBREC does not free the identifier",
        "session/flow.rs",
        "        | (Answer::PubrecError, Some(Flight::ExactlyOnce))\n",
        "",
    ),
    (
        "a message sent again does not count",
        OUTBOX,
        "slot.marks |= CHARGED;\n            self.charged += 1;",
        "",
    ),
    (
        "what an older version has no place for is sent again",
        RESENT,
        "if self.version.is_5() { message.properties } else { Properties::EMPTY }",
        "message.properties",
    ),
    ("no DUP", RESENT, "message.publish(id, true)", "message.publish(id, false)"),
    (
        "what was taken is forgotten when the session goes on",
        SESSION,
        "self.inbox.rewind(self.store.tables_mut().incoming_mut(), true);",
        "self.inbox.rewind(self.store.tables_mut().incoming_mut(), false);",
    ),
    (
        "what was taken is remembered when the session is lost",
        SESSION,
        "self.inbox.rewind(self.store.tables_mut().incoming_mut(), false);",
        "self.inbox.rewind(self.store.tables_mut().incoming_mut(), true);",
    ),
    ("PUBREL is not sent again", OUTBOX, "self.unreleased = self.released.first;", "self.unreleased = 0;"),
    ("messages are not sent again", OUTBOX, "self.unsent = self.sent.first;", "self.unsent = 0;"),
    ("acknowledgements go in the order of the calls", INBOX, "if before != behind {", "if before != behind || true {"),
    (
        "nothing is dropped with a lost session",
        SESSION,
        "self.outbox.rewind(self.store.tables_mut().outgoing_mut(), lost);",
        "self.outbox.rewind(self.store.tables_mut().outgoing_mut(), false);",
    ),
    (
        "SUBSCRIBE of an earlier connection is waited for",
        OUTBOX,
        "if lost || matches!(slot.flight, Some(Flight::Subscribe | Flight::Unsubscribe)) {",
        "if lost {",
    ),
    (
        "an identifier is given out again at once",
        OUTBOX,
        "let next = id.get().checked_add(len)",
        "let next = Some(id.get())",
    ),
    (
        "export without what PUBREC is owed for",
        INBOX,
        ".filter(|slot| matches!(slot.arrival, Some(Arrival::Received | Arrival::Owed2)))",
        ".filter(|slot| matches!(slot.arrival, Some(Arrival::Received)))",
    ),
    (
        "what PUBREC is owed for is forgotten with the connection",
        INBOX,
        "Some(Arrival::Received | Arrival::Owed2) if goes_on",
        "Some(Arrival::Received) if goes_on",
    ),
    (
        "an acknowledgement is lost when there is no room",
        RECEIVED,
        """            self.send_pings(out);
        }
        while let Some(owed) = self.session.inbox.owed(self.session.store.tables().incoming()) {
            if !out.reserve(ACK) {
                return;""",
        """            self.send_pings(out);
        }
        while let Some(owed) = self.session.inbox.owed(self.session.store.tables().incoming()) {
            if !out.reserve(ACK) {
                self.session.inbox.remove(self.session.store.tables_mut().incoming_mut(), owed.handle);
                return;""",
    ),
    ("new messages overtake old ones", SENT, "if self.is_resuming() {", "if false {"),
    (
        "PUBLISH is sent again after PUBREC",
        OUTBOX,
        "slot.flight = Some(Flight::Released);\n",
        "slot.flight = Some(Flight::ExactlyOnce);\n",
    ),
    ("PUBREL that went at once goes again", SENT, "self.session.store.tables_mut().outgoing_mut(), id, at_once)", "self.session.store.tables_mut().outgoing_mut(), id, false)"),
    ("PUBREL that finds no room is lost", SENT, "if at_once {\n", "if at_once && out.reserve(64) {\n"),
    ("PUBREL goes into a payload", SENT, "&& self.payload_left() == 0\n", ""),
    (
        "an acknowledgement does not wait for those before it",
        INBOX,
        "let held = matches!(arrival, Arrival::Held1 | Arrival::Held2);",
        "let held = false;",
    ),
    (
        "a repeat is delivered",
        "session/flow.rs",
        "(Arriving::Publish2, Some(Received)) => Arrived::Repeat,",
        "(Arriving::Publish2, Some(Received)) => Arrived::Deliver,",
    ),
    (
        "what does not fit now is dropped",
        RESENT,
        "Err(UsageError::NoRoom(_) | UsageError::WindowFull(_)) => return None,",
        "Err(UsageError::WindowFull(_)) => return None,",
    ),
    (
        "the end of a message does not give the quota back",
        OUTBOX,
        "self.charged -= u16::from(core::mem::take(&mut slot.marks) & CHARGED != 0);",
        "",
    ),
    (
        "a message given up is not released",
        RESENT,
        "slot.flight() == Some(Flight::ExactlyOnce) && !slot.is_lost()",
        "false && slot.is_lost()",
    ),
    (
        "PUBCOMP 0x92 after a resume is a failure",
        CONNECTION,
        "if finished { ReasonCode::SUCCESS } else { reason }",
        "reason",
    ),
    ("tokens of earlier connections are taken", RECEIVED, "token.epoch != self.session.epoch || ", ""),
    (
        "PUBREL of an unknown message is not answered",
        RECEIVED,
        "(Arrived::NotFound, _) => {",
        "(Arrived::NotFound, _) if self.resumed => {}\n            (Arrived::NotFound, _) => {",
    ),
    (
        "Receive Maximum is announced whatever places are left",
        CONNECTION,
        "saturating_sub(self.session.inbox.len())",
        "max(1)",
    ),
    ("an acknowledgement follows DISCONNECT", RECEIVED, "if self.is_open() {\n                    self.send_owed(out);", "{\n                    self.send_owed(out);"),
]


def run(folder, target):
    command = ["cargo", "test", "--quiet", "--test", "pair"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "RUST_BACKTRACE": "0"}
    try:
        build = subprocess.run([*command, "--no-run"], cwd=folder, env=environment, capture_output=True, text=True)
        if build.returncode:
            return "DOES NOT BUILD", build.stderr
        test = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return "killed, by time", ""
    if not test.returncode:
        return "SURVIVES", ""
    failed = {line.strip() for line in test.stdout.splitlines() if line.startswith("    ") and "::" in line}
    return f"killed by {', '.join(sorted(failed)) or 'an abort'}", ""


def main():
    chosen = [mutant for mutant in MUTANTS if (sys.argv[1:] or [""])[0] in mutant[0]]
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, target = Path(temporary, "crate"), Path(temporary, "target")
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name)
            elif (ROOT / name).exists():
                folder.mkdir(exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        # Neither the other tests are copied nor the examples and the members of the workspace.
        manifest = folder / "Cargo.toml"
        text = manifest.read_text().replace('[[test]]\nname = "vectors"\nharness = false\n', "")
        text = re.sub(r"\[\[example\]\]\nname = .*\nrequired-features = .*\n", "", text)
        manifest.write_text(re.sub(r"(?s)members = \[.*?\]", "members = []", text))
        result, why = run(folder, target)
        if result != "SURVIVES":
            sys.exit(f"the source itself: {result}\n{why}")
        for name, file, old, new in chosen:
            path = folder / "src" / file
            source = path.read_text()
            if source.count(old) != 1:
                sys.exit(f"{name}: found {source.count(old)} times in {file}: {old}")
            path.write_text(source.replace(old, new))
            result, why = run(folder, target)
            path.write_text(source)
            bad += not result.startswith("killed")
            print(f"{name}: {result}\n{why}".rstrip(), flush=True)
    print(f"{len(chosen)} mutants, {bad} of them not killed")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()

//! The log of a connection: what was called and returned, and the packets that came and went.

use std::io::{self, Write};

use sans_mqtt::Sender;
use sans_mqtt::event_log::{Call, Done, DoneKind, Entry, HEADER, LogError};
use serde_json::{Value, json};

use crate::args::Args;
use crate::dissect::{Stream, Verdicts};
use crate::input::Conversation;
use crate::{json, print, words};

pub(crate) fn is_log(content: &[u8]) -> bool {
    content.starts_with(&HEADER)
}

/// Shows a log; gives the verdicts on its packets, and whether it is whole.
pub(crate) fn show(log: &[u8], args: &Args, out: &mut impl Write) -> io::Result<(Verdicts, bool)> {
    let mut show = Show { args, out, connections: 0, connection: None, verdicts: Verdicts::default() };
    let mut at = 0;
    let whole = loop {
        match Entry::decode(log.get(at..).unwrap_or_default()) {
            Ok((entry, rest)) => {
                show.entry(&entry)?;
                at = log.len() - rest.len();
            }
            Err(LogError::Truncated) if at == log.len() => break true,
            Err(error) => break show.end(at, error)?,
        }
    };
    show.finish()?;
    Ok((show.verdicts, whole))
}

struct Show<'o, W> {
    args: &'o Args,
    out: &'o mut W,
    connections: usize,
    connection: Option<Connection>,
    verdicts: Verdicts,
}

/// What is known of the connection that goes on.
struct Connection {
    conversation: Conversation,
    version: sans_mqtt::Version,
    /// That of the packet before.
    before: Option<sans_mqtt::Version>,
    /// Of the time, in milliseconds.
    now: Option<u64>,
    /// What has come and was not taken.
    input: Vec<u8>,
    /// What this side sends, and the other.
    own: Stream,
    peer: Stream,
    call: Option<Given>,
}

/// A call that has not returned.
#[derive(Default)]
struct Given {
    name: &'static str,
    words: String,
    out: Vec<u8>,
    no_room: usize,
    not_recorded: usize,
    /// The bytes of a payload that are written elsewhere.
    elsewhere: usize,
}

impl<W: Write> Show<'_, W> {
    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if let Entry::Begin(begin) = entry {
            self.finish()?;
            self.connections += 1;
            let name = format!("{} {}", begin.side, self.connections);
            let conversation =
                Conversation { name: Some(name), note: Some(entry.to_string()), ..Conversation::default() };
            self.begin(&conversation)?;
            self.connection = Some(Connection {
                conversation,
                version: begin.version,
                before: None,
                now: (begin.side == Sender::Server).then(|| begin.now.as_millis()),
                input: Vec::new(),
                own: Stream::of(Some(begin.side)),
                peer: Stream::of(Some(begin.side.other())),
                call: None,
            });
            return Ok(());
        }
        // A log that begins elsewhere is none.
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if let Entry::Call(call) = entry {
            connection.call(call);
        }
        let Some(given) = &mut connection.call else { return Ok(()) };
        match entry {
            Entry::Out(bytes) => given.out.extend_from_slice(bytes),
            Entry::NoRoom { .. } => given.no_room += 1,
            Entry::NotRecorded { .. } => given.not_recorded += 1,
            Entry::Done(done) => self.done(Some(done))?,
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, conversation: &Conversation) -> io::Result<()> {
        let shown = if self.args.json {
            let object = json!({ "begin": conversation.note, "connection": conversation.name });
            format!("{object}\n")
        } else {
            print::heading(conversation)
        };
        self.out.write_all(shown.as_bytes())
    }

    /// A call returns, or never did.
    fn done(&mut self, done: Option<&Done<'_>>) -> io::Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let Some(given) = connection.call.take() else { return Ok(()) };
        let shown = if self.args.json { given.json(connection, done) } else { given.line(connection, done) };
        self.out.write_all(shown.as_bytes())?;
        let taken = done.map_or(0, |done| done.taken).min(connection.input.len());
        connection.peer.come(&connection.input[..taken]);
        connection.input.drain(..taken);
        connection.own.come(&given.out);
        if done.is_some_and(|done| done.kind == DoneKind::Ok) {
            connection.own.come(&vec![0; given.elsewhere]);
        }
        self.packets(false)
    }

    /// Shows the packets that are complete, those that came before those that went.
    fn packets(&mut self, last: bool) -> io::Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let Connection { conversation, version, before, own, peer, .. } = connection;
        for stream in [peer, own] {
            while let Some(found) = stream.next(version, last) {
                let shown = if self.args.json {
                    json::line(conversation, &found, None)
                } else {
                    print::packet(&found, *before, self.args.brief)
                };
                *before = found.version();
                self.verdicts.count(&found.verdict);
                self.out.write_all(shown.as_bytes())?;
            }
        }
        Ok(())
    }

    /// What is left of a connection that is over.
    fn finish(&mut self) -> io::Result<()> {
        self.done(None)?;
        if let Some(connection) = &mut self.connection {
            let rest = std::mem::take(&mut connection.input);
            connection.peer.come(&rest);
        }
        self.packets(true)?;
        self.connection = None;
        Ok(())
    }

    /// The log can't be read from here on. Gives whether it is whole.
    fn end(&mut self, at: usize, error: LogError) -> io::Result<bool> {
        self.finish()?;
        let shown = if self.args.json {
            format!("{}\n", json!({ "end": error.to_string(), "offset": at }))
        } else {
            format!("The log can't be read from byte {at} on: {error}\n\n")
        };
        self.out.write_all(shown.as_bytes())?;
        Ok(false)
    }
}

impl Connection {
    fn call(&mut self, call: &Call<'_>) {
        let mut given = Given { name: call.name(), words: call.to_string(), ..Given::default() };
        self.now = call.now().map(|now| now.as_millis()).or(self.now);
        match call {
            Call::Handle { left, input, .. } => {
                self.input.truncate(*left);
                self.input.extend_from_slice(input);
                given.words = format!("handle, {} new", words::bytes(input.len()));
            }
            Call::PayloadWritten { n } => given.elsewhere = *n,
            _ => {}
        }
        self.call = Some(given);
    }
}

fn kind(kind: DoneKind) -> &'static str {
    match kind {
        DoneKind::Ok => "ok",
        DoneKind::Event => "event",
        DoneKind::Wait => "wait",
        DoneKind::Error => "error",
    }
}

impl Given {
    fn line(&self, connection: &Connection, done: Option<&Done<'_>>) -> String {
        let now =
            connection.now.map_or_else(|| "?".into(), |now| format!("{}.{:03} s", now / 1000, now % 1000));
        let result = match done {
            None => "does not return".into(),
            Some(Done { kind: DoneKind::Ok, text: "ok", .. }) => "ok".into(),
            Some(done) => format!("{}: {}", kind(done.kind), done.text),
        };
        let mut notes = String::new();
        if self.no_room > 0 {
            notes += "              the sink had no room\n";
        }
        if self.not_recorded > 0 {
            notes += "              the store did not record it\n";
        }
        format!("{now:>12}  {}\n{notes}              {result}\n\n", self.words)
    }

    fn json(&self, connection: &Connection, done: Option<&Done<'_>>) -> String {
        let object = json!({
            "call": self.name,
            "connection": connection.conversation.name,
            "given": self.words,
            "kind": done.map_or(Value::Null, |done| json!(kind(done.kind))),
            "no_room": self.no_room,
            "not_recorded": self.not_recorded,
            "result": done.map(|done| done.text),
            "taken": done.map(|done| done.taken),
            "time": connection.now,
        });
        format!("{object}\n")
    }
}

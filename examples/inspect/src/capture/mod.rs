//! Captures of a network: the connections in them, side by side in the order of time.

mod assembly;
mod connection;
mod file;
mod guess;
#[cfg(test)]
mod hostile;
mod segment;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use lru::LruCache;
use serde_json::json;

use crate::args::Args;
use crate::dissect::Verdicts;
use crate::input::Conversation;
use crate::{json, print, words};
use connection::{Connection, Event, Note, What};
use file::{Came, Packet};
use segment::{Other, Segment};

pub(crate) use file::is_capture;

/// How many connections are followed at a time, and how many bytes of them are kept.
const CONNECTIONS: usize = 4096;
const KEPT: usize = 64 << 20;

/// Shows a capture; gives the verdicts on its packets, and whether nothing is missing.
pub(crate) fn show(
    capture: impl Read + Send,
    args: &Args,
    out: &mut impl Write,
) -> io::Result<(Verdicts, bool)> {
    let mut view = View {
        args,
        out,
        connections: LruCache::unbounded(),
        count: 0,
        kept: 0,
        begin: None,
        others: BTreeMap::new(),
        verdicts: Verdicts::default(),
        whole: true,
    };
    let broken = file::read(capture, |came| match came {
        Came::Packet(packet) => view.packet(&packet),
        Came::Wait => view.out.flush(),
    })?;
    view.end(broken)?;
    Ok((view.verdicts, view.whole))
}

struct View<'o, W> {
    args: &'o Args,
    out: &'o mut W,
    connections: LruCache<(SocketAddr, SocketAddr), Followed>,
    /// How many connections there were.
    count: usize,
    /// How many bytes all of them keep.
    kept: usize,
    /// When the capture begins.
    begin: Option<Duration>,
    /// Packets of the network that are no segments.
    others: BTreeMap<Other, usize>,
    verdicts: Verdicts,
    whole: bool,
}

struct Followed {
    number: usize,
    connection: Connection,
    /// Whether anything of it was shown.
    begun: bool,
    /// The version of the packet before.
    before: Option<sans_mqtt::Version>,
    /// How many bytes it kept when it was last looked at.
    kept: usize,
}

impl<W: Write> View<'_, W> {
    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        if let (None, Some(time)) = (self.begin, packet.time) {
            self.begin = Some(time);
            if let (false, Some(timestamp)) = (self.args.json, words::timestamp(time)) {
                writeln!(self.out, "The capture begins at {timestamp}.\n")?;
            }
        }
        let segment = match Segment::of(packet) {
            Ok(segment) => segment,
            Err(other) => {
                *self.others.entry(other).or_default() += 1;
                return Ok(());
            }
        };
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        let mut followed = match self.connections.pop(&key) {
            Some(followed) if followed.connection.is_followed_by(&segment) => {
                self.forget(followed, "another connection begins")?;
                self.follow(&segment)
            }
            Some(followed) => followed,
            None => self.follow(&segment),
        };
        followed.connection.come(packet.time, &segment);
        self.show(&mut followed)?;
        self.kept -= followed.kept;
        followed.kept = followed.connection.held();
        self.kept += followed.kept;
        self.connections.put(key, followed);
        while self.connections.len() > CONNECTIONS || self.kept > KEPT {
            let Some((_, oldest)) = self.connections.pop_lru() else { break };
            self.forget(oldest, "no longer followed, as there are too many others")?;
        }
        Ok(())
    }

    fn follow(&mut self, segment: &Segment<'_>) -> Followed {
        self.count += 1;
        let connection = Connection::of(segment, self.args.version);
        Followed { number: self.count, connection, begun: false, before: None, kept: 0 }
    }

    fn forget(&mut self, mut followed: Followed, why: &str) -> io::Result<()> {
        self.kept -= followed.kept;
        followed.connection.end(why);
        self.show(&mut followed)?;
        self.whole &= !self.is_wanted(&followed) || followed.connection.is_whole();
        Ok(())
    }

    fn is_wanted(&self, followed: &Followed) -> bool {
        self.args.connection.is_none_or(|number| number == followed.number)
    }

    /// Shows what happened on a connection.
    fn show(&mut self, followed: &mut Followed) -> io::Result<()> {
        let events = followed.connection.events();
        if events.is_empty() || !self.is_wanted(followed) {
            return Ok(());
        }
        let conversation = Conversation {
            name: Some(format!("connection {}", followed.number)),
            note: Some(followed.connection.words()),
            ..Conversation::default()
        };
        if !mem::replace(&mut followed.begun, true) {
            if self.args.json {
                let [client, server] = followed.connection.addresses().map(|address| address.to_string());
                let object = json!({
                    "begin": conversation.note,
                    "client": client,
                    "connection": conversation.name,
                    "server": server,
                });
                writeln!(self.out, "{object}")?;
            } else {
                self.out.write_all(print::heading(&conversation).as_bytes())?;
            }
        }
        for event in events {
            let shown = match (&event.what, self.args.json) {
                (What::Packet(found), true) => json::line(&conversation, found, event.time),
                (What::Packet(found), false) => {
                    let packet = print::packet(found, followed.before, self.args.brief);
                    format!("{}  {} {packet}", self.time(&event), followed.number)
                }
                (What::Note(note), true) => note_json(&conversation, &event, note),
                (What::Note(note), false) => {
                    let gap = if self.args.brief { "" } else { "\n" };
                    let arrow = print::arrow(event.from);
                    format!("{}  {} {arrow}{}\n{gap}", self.time(&event), followed.number, note.words)
                }
            };
            self.out.write_all(shown.as_bytes())?;
            if let What::Packet(found) = &event.what {
                followed.before = found.version();
                self.verdicts.count(&found.verdict);
            }
        }
        Ok(())
    }

    /// The time of an event since the capture began.
    fn time(&self, event: &Event) -> String {
        match event.time.zip(self.begin) {
            Some((time, begin)) => {
                let sign = if time < begin { "-" } else { "" };
                let since = time.abs_diff(begin);
                format!("{:>13} s", format!("{sign}{}.{:06}", since.as_secs(), since.subsec_micros()))
            }
            None => format!("{:>15}", "?"),
        }
    }

    /// The capture ends, or can't be read any more.
    fn end(&mut self, broken: Option<file::Broken>) -> io::Result<()> {
        while let Some((_, followed)) = self.connections.pop_lru() {
            self.forget(followed, "the capture ends")?;
        }
        for (other, count) in &self.others {
            let words = format!("{count} packets of the network were {other}");
            if self.args.json {
                writeln!(self.out, "{}", json!({ "not_read": other.to_string(), "packets": count }))?;
            } else {
                writeln!(self.out, "{words}")?;
            }
        }
        let Some(file::Broken { offset, why }) = broken else { return Ok(()) };
        self.whole = false;
        if self.args.json {
            writeln!(self.out, "{}", json!({ "end": why, "offset": offset }))
        } else {
            writeln!(self.out, "The capture can't be read from byte {offset} on: {why}\n")
        }
    }
}

fn note_json(conversation: &Conversation, event: &Event, note: &Note) -> String {
    let object = json!({
        "bytes": note.bytes,
        "connection": conversation.name,
        "event": note.event,
        "from": event.from.map(|from| from.name()),
        "timestamp": event.time.and_then(words::timestamp),
        "words": note.words,
    });
    format!("{object}\n")
}

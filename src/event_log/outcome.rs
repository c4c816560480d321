//! What functions return, as a log has it.

use core::fmt::{self, Write};

use super::part::{END_OF_TEXT, Mode, Tape};
use super::{DONE, DoneKind, KINDS};
use crate::connection::{AckToken, Aliases, Cause, Connection, Event, Incoming, Role, Step, Wait};
use crate::session::Store;
use crate::spec::PacketId;
use crate::wire::Sink;

pub(super) fn put_done<L: Sink>(result: &impl Outcome, taken: usize, tape: &mut Tape<L>) {
    if tape.is_full() {
        return;
    }
    let kind = result.kind();
    let number = KINDS.iter().position(|known| *known == kind).unwrap_or_default();
    tape.bytes(&[DONE, number as u8]);
    tape.put(&taken);
    // A tape takes everything.
    let _ = write!(tape, "{}", Words(result));
    tape.bytes(&[END_OF_TEXT]);
    tape.put_fingerprint();
    tape.set(Mode::Write);
}

/// What a function returns, for a log.
pub(super) trait Outcome {
    fn kind(&self) -> DoneKind {
        DoneKind::Ok
    }

    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

struct Words<'r, T>(&'r T);

impl<T: Outcome> fmt::Display for Words<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.words(f)
    }
}

impl Outcome for () {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ok")
    }
}

impl Outcome for PacketId {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id {self}")
    }
}

impl Outcome for u16 {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alias {self}")
    }
}

impl Outcome for u32 {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} bytes left")
    }
}

impl<T: Outcome> Outcome for Option<T> {
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => value.words(f),
            None => f.write_str("ok"),
        }
    }
}

impl<T: Outcome, E: fmt::Display> Outcome for Result<T, E> {
    fn kind(&self) -> DoneKind {
        if self.is_ok() { DoneKind::Ok } else { DoneKind::Error }
    }

    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ok(value) => value.words(f),
            Err(error) => error.fmt(f),
        }
    }
}

impl Outcome for Step<'_> {
    fn kind(&self) -> DoneKind {
        if matches!(self, Self::Event(_)) { DoneKind::Event } else { DoneKind::Wait }
    }

    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(Wait::Closed(Cause::Failed(error))) => write!(f, "Closed(Failed): {error}"),
            Self::Wait(wait) => write!(f, "{wait:?}"),
            Self::Event(event) => match event {
                Event::Connect(_) => f.write_str("Connect"),
                Event::Connected(_) => f.write_str("Connected"),
                Event::Refused(_) => f.write_str("Refused"),
                Event::Publish(_, None) => f.write_str("Publish"),
                Event::Publish(_, Some(token)) => write!(f, "Publish, with token {}", token.id),
                Event::PublishStart(_, n) => write!(f, "PublishStart, {n} bytes to come"),
                Event::PublishChunk(chunk) => write!(f, "PublishChunk, {} bytes", chunk.len()),
                Event::PublishEnd(None) => f.write_str("PublishEnd"),
                Event::PublishEnd(Some(token)) => write!(f, "PublishEnd, with token {}", token.id),
                Event::Skipped(_, n) => write!(f, "Skipped, {n} bytes to come"),
                Event::Acked { id, reason, .. } => write!(f, "Acked {id}: {reason}"),
                Event::Received { id, reason, .. } => write!(f, "Received {id}: {reason}"),
                Event::Dropped { id, flight } => write!(f, "Dropped {id}: {flight:?}"),
                Event::Subscribe(_) => f.write_str("Subscribe"),
                Event::Unsubscribe(_) => f.write_str("Unsubscribe"),
                Event::Suback(_) => f.write_str("Suback"),
                Event::Unsuback(_) => f.write_str("Unsuback"),
                Event::Auth(_) => f.write_str("Auth"),
                Event::Disconnect(_) => f.write_str("Disconnect"),
            },
        }
    }
}

/// What an event holds, for the fingerprint. Payloads are input, which counts already.
pub(super) fn count<R: Role, S: Store, A: Aliases, L: Sink>(
    event: &Event<'_>,
    connection: &Connection<R, S, A>,
    tape: &mut Tape<L>,
) {
    let token = |token: &Option<AckToken>| token.as_ref().map(AckToken::number);
    let incoming = |incoming: &Incoming<'_>, tape: &mut Tape<L>| {
        let Incoming { qos, retain, dup, properties, payload, .. } = *incoming;
        tape.put(&(connection.topic(incoming), (qos, (retain, dup))));
        tape.put(&(properties, payload.len()));
    };
    match event {
        Event::Connect(connect) => tape.put(connect),
        Event::Connected(connack) | Event::Refused(connack) => tape.put(connack),
        Event::Publish(message, by) => {
            incoming(message, tape);
            tape.put(&token(by));
        }
        Event::PublishStart(message, _) | Event::Skipped(message, _) => incoming(message, tape),
        Event::PublishEnd(by) => tape.put(&token(by)),
        Event::PublishChunk(_) | Event::Dropped { .. } => {}
        Event::Acked { properties, .. } | Event::Received { properties, .. } => tape.put(properties),
        Event::Subscribe(subscribe) => {
            tape.put(&(subscribe.packet_id, (subscribe.filters, subscribe.properties)));
        }
        Event::Unsubscribe(unsubscribe) => {
            tape.put(&(unsubscribe.packet_id, (unsubscribe.filters, unsubscribe.properties)));
        }
        Event::Suback(suback) | Event::Unsuback(suback) => {
            tape.put(&(suback.packet_id, (suback.reasons, suback.properties)));
        }
        Event::Auth(auth) => tape.put(auth),
        Event::Disconnect(disconnect) => tape.put(disconnect),
    }
}

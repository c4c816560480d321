//! What an acknowledgement does to an outgoing packet, and a PUBLISH or PUBREL to an incoming one: two total functions.
//!
#![doc = include_str!("flow.md")]

use crate::spec::{Qos, Version};

/// What an outgoing packet waits for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Flight {
    /// A PUBLISH of QoS 1, for its PUBACK.
    AtLeastOnce,
    /// A PUBLISH of QoS 2, for its PUBREC.
    ExactlyOnce,
    /// The PUBREL of a message of QoS 2, for its PUBCOMP.
    Released,
    /// A SUBSCRIBE, for its SUBACK.
    Subscribe,
    /// An UNSUBSCRIBE, for its UNSUBACK.
    Unsubscribe,
}

impl Flight {
    /// The QoS of a message; 0 for SUBSCRIBE and UNSUBSCRIBE.
    pub(crate) const fn qos(self) -> Qos {
        match self {
            Self::AtLeastOnce => Qos::AtLeastOnce,
            Self::ExactlyOnce | Self::Released => Qos::ExactlyOnce,
            Self::Subscribe | Self::Unsubscribe => Qos::AtMostOnce,
        }
    }
}

/// An acknowledgement for one of our packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Puback,
    /// Of success.
    Pubrec,
    /// Of an error.
    PubrecError,
    Pubcomp,
    Suback,
    Unsuback,
}

/// What to do about an [`Answer`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    /// It is done, and the identifier is free.
    Finish,
    /// Send PUBREL and wait for PUBCOMP.
    Release,
    /// Send PUBREL once more.
    ReleaseAgain,
    /// Send PUBREL for an identifier that is not known (5.0: with reason code 0x92).
    NotFound,
    /// Nothing.
    Ignore,
    /// The peer acknowledges what it was not sent.
    Violation,
}

/// `flight`: what is known of the identifier, if anything.
pub(crate) const fn answered(flight: Option<Flight>, by: Answer) -> Answered {
    match (by, flight) {
        (Answer::Puback, Some(Flight::AtLeastOnce))
        | (Answer::PubrecError, Some(Flight::ExactlyOnce))
        | (Answer::Pubcomp, Some(Flight::Released))
        | (Answer::Suback, Some(Flight::Subscribe))
        | (Answer::Unsuback, Some(Flight::Unsubscribe)) => Answered::Finish,
        (Answer::Pubrec, Some(Flight::ExactlyOnce)) => Answered::Release,
        // The answer to a repeat that crossed our PUBREL.
        (Answer::Pubrec, Some(Flight::Released)) => Answered::ReleaseAgain,
        // The peer waits for a message that is done here.
        (Answer::Pubrec, None) => Answered::NotFound,
        (Answer::Puback | Answer::PubrecError | Answer::Pubcomp, None) => Answered::Ignore,
        _ => Answered::Violation,
    }
}

/// What is known of an incoming identifier.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Arrival {
    /// The application has the message of QoS 1 and has not acknowledged it.
    Held1,
    /// PUBACK is owed.
    Owed1,
    /// The application has the message of QoS 2 and has not acknowledged it.
    Held2,
    /// The application took the message; PUBREC is owed.
    Owed2,
    /// The application refused the message; a PUBREC that says so is owed.
    Refused2,
    /// PUBREC is sent; PUBREL has to come.
    Received,
    /// PUBREL came; PUBCOMP is owed.
    Completed,
}

/// A packet of the peer's that belongs to one of its messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arriving {
    Publish1 { dup: bool },
    Publish2,
    Pubrel,
}

/// What to do about an [`Arriving`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arrived {
    /// A new message.
    Deliver,
    /// A message that was taken: send PUBREC again.
    Repeat,
    /// Send PUBCOMP, and forget the identifier.
    Complete,
    /// Send PUBCOMP for an identifier that is not known (5.0: with reason code 0x92).
    NotFound,
    /// Nothing: what it asks for is owed already.
    Ignore,
    /// The identifier is in use for something else.
    Violation,
}

/// `arrival`: what is known of the identifier, if anything.
pub(crate) const fn arrived(arrival: Option<Arrival>, packet: Arriving, version: Version) -> Arrived {
    use Arrival::{Completed, Held1, Held2, Owed1, Owed2, Received, Refused2};
    match (packet, arrival) {
        (Arriving::Publish1 { .. } | Arriving::Publish2, None) => Arrived::Deliver,
        // Before 5.0 a sender may try again at any time.
        (Arriving::Publish1 { dup: true }, Some(Held1 | Owed1)) if !version.is_5() => Arrived::Ignore,
        (Arriving::Publish2, Some(Received)) => Arrived::Repeat,
        (Arriving::Publish2, Some(Held2 | Owed2 | Refused2)) => Arrived::Ignore,
        (Arriving::Pubrel, Some(Received | Owed2)) => Arrived::Complete,
        (Arriving::Pubrel, Some(Completed)) => Arrived::Ignore,
        (Arriving::Pubrel, None) => Arrived::NotFound,
        _ => Arrived::Violation,
    }
}

#[cfg(test)]
#[expect(clippy::std_instead_of_alloc, reason = "tests have std")]
mod tests {
    extern crate std;

    use core::fmt::Write;
    use std::string::String;

    use super::*;

    const ANSWERS: [Answer; 6] = [
        Answer::Puback,
        Answer::Pubrec,
        Answer::PubrecError,
        Answer::Pubcomp,
        Answer::Suback,
        Answer::Unsuback,
    ];

    const FLIGHTS: [Option<Flight>; 6] = [
        None,
        Some(Flight::AtLeastOnce),
        Some(Flight::ExactlyOnce),
        Some(Flight::Released),
        Some(Flight::Subscribe),
        Some(Flight::Unsubscribe),
    ];

    const ARRIVINGS: [Arriving; 4] = [
        Arriving::Publish1 { dup: false },
        Arriving::Publish1 { dup: true },
        Arriving::Publish2,
        Arriving::Pubrel,
    ];

    const ARRIVALS: [Option<Arrival>; 8] = [
        None,
        Some(Arrival::Held1),
        Some(Arrival::Owed1),
        Some(Arrival::Held2),
        Some(Arrival::Owed2),
        Some(Arrival::Refused2),
        Some(Arrival::Received),
        Some(Arrival::Completed),
    ];

    fn row(out: &mut String, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            write!(out, "| {cell} ").unwrap();
        }
        out.push_str("|\n");
    }

    fn text(value: &impl core::fmt::Debug) -> String {
        let text = std::format!("{value:?}");
        match text.strip_prefix("Some(").and_then(|text| text.strip_suffix(')')) {
            Some(text) => text.into(),
            None if text == "None" => "unknown".into(),
            None => text.replace(" { dup: true }", " with DUP").replace(" { dup: false }", ""),
        }
    }

    /// Every case of both functions, as the documentation shows them.
    fn tables() -> String {
        let mut out =
            String::from("Outgoing: what is known of the identifier, and the acknowledgement that came.\n\n");
        row(&mut out, [String::new()].into_iter().chain(ANSWERS.iter().map(text)));
        row(&mut out, core::iter::repeat_n("---".into(), 1 + ANSWERS.len()));
        for flight in FLIGHTS {
            let cells = ANSWERS.map(|by| text(&answered(flight, by)));
            row(&mut out, [text(&flight)].into_iter().chain(cells));
        }
        out.push_str("\nIncoming: what is known of the identifier, and the packet that came.\n\n");
        row(&mut out, [String::new()].into_iter().chain(ARRIVINGS.iter().map(text)));
        row(&mut out, core::iter::repeat_n("---".into(), 1 + ARRIVINGS.len()));
        for arrival in ARRIVALS {
            let cells = ARRIVINGS.map(|packet| {
                let [old, new] = [Version::V3_1_1, Version::V5_0].map(|v| text(&arrived(arrival, packet, v)));
                if old == new { old } else { std::format!("{new} (before 5.0: {old})") }
            });
            row(&mut out, [text(&arrival)].into_iter().chain(cells));
        }
        out
    }

    /// The documentation is what the functions do, case by case: whoever changes one has to look at the other.
    #[test]
    fn the_tables_are_those_of_the_documentation() {
        assert_eq!(tables(), include_str!("flow.md"), "flow.md should be:\n{}", tables());
    }
}

//! The end of a connection, and what is said before it.

use super::output::fitting;
use super::{Aliases, Cause, Connection, Farewell, Front, Phase, ProtocolError, Role, Stop, UsageError};
use crate::packet::{Disconnect, first_byte};
use crate::session::{Session, Store};
use crate::spec::{PacketType, ReasonCode, Scope, Sender};
use crate::wire::{Sink, Unseen};

impl<R, S, A> Connection<R, S, A> {
    /// Why the connection is over, if it is.
    #[cfg_attr(feature = "small", inline(never))]
    pub(super) fn cause(&self) -> Cause {
        if let Front::Over(cause) = self.front { cause } else { Cause::Local }
    }
}

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// The transport has no more input. What was read before is still handled, and what the application has to answer is still to
    /// be answered before the connection is over.
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// Says farewell and closes, without waiting for anything: write out the sink and close the transport. Nothing can be
    /// sent any more, and another `disconnect` is [`UsageError::NotConnected`].
    ///
    /// The time of the end, from which the session and the delay of a will are counted, is the last that was told: after a
    /// silence, tell the present with [`handle_timeout`](Self::handle_timeout) first.
    ///
    /// In 5.0 `disconnect` may have another reason code than success, and a client may change the Session Expiry Interval.
    /// A server has no such packet before 5.0: the connection is just closed, whatever the reason.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotConnected`], [`UsageError::NoRoom`] if there are properties (without, it is sent as soon as there is
    /// room), [`UsageError::PayloadPending`], [`UsageError::Encode`].
    pub fn disconnect(
        &mut self,
        disconnect: &Disconnect<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        // A client may go at any time, a server only from where it has come to [MQTT-3.14.0-1].
        if !(matches!(R::SENDER, Sender::Client) && self.phase == Phase::Opening) {
            self.check_open()?;
        }
        let expiry = disconnect.properties.session_expiry_interval();
        if self.asked_expiry == 0 && expiry.is_some_and(|expiry| expiry != 0) {
            return Err(UsageError::SessionExpiry);
        }
        let mut farewell = Farewell::None;
        if PacketType::Disconnect.may_be_sent_by(R::SENDER, self.version) {
            let written = fitting(disconnect.properties, Unseen::NOTHING, |properties| {
                self.send(&Disconnect { properties, ..*disconnect }, Scope::DISCONNECT, out)
            });
            match written {
                Err(UsageError::NoRoom(_)) if disconnect.properties.is_empty() => {
                    farewell = Farewell::Disconnect(disconnect.reason);
                }
                written => written?,
            }
            self.session.expiry = expiry.unwrap_or(self.session.expiry);
        }
        self.close(Cause::Local, farewell);
        self.untimed = true;
        Ok(())
    }

    /// Gives the session back, for another connection or to be kept. What the application was told of counts as taken.
    ///
    /// From now on the session itself tells what is to be done about it and when:
    /// [`Session::poll_timeout`](crate::Session::poll_timeout). If the connection was not closed but dropped, it ends at the last
    /// time that was told: tell the present with [`handle_timeout`](Self::handle_timeout) first. A server whose client was not
    /// accepted gives the session back that it holds, as it was: the one it was born with, or the one that was resumed.
    pub fn into_session(mut self) -> Session<S> {
        // A store that fails now makes a message come again, which is the better of two evils.
        let _ = self.settle();
        self.session.forget_unacknowledged();
        if self.accepted.is_some() {
            let will = R::will(&self);
            let ended = if self.phase < Phase::Closing { self.now } else { self.active };
            self.session.leave(ended, will);
            self.session.exists &= self.session.expiry != 0;
        }
        self.session
    }

    /// Ends the connection because of the peer's fault.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, error: ProtocolError) -> Stop {
        let farewell =
            if self.phase == Phase::Open { self.last_word(error.reason()) } else { R::refusal(self, &error) };
        self.close(Cause::Failed(error), farewell);
        Stop::Closed
    }

    /// DISCONNECT with a reason code, where there is such a packet.
    pub(super) fn last_word(&self, reason: ReasonCode) -> Farewell {
        if self.version.is_5() { Farewell::Disconnect(reason) } else { Farewell::None }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn close(&mut self, cause: Cause, farewell: Farewell) {
        self.front = Front::Over(cause);
        // Nobody is alive any more, so that this is the time of the end.
        self.active = self.now;
        self.sent = false;
        // It must not be in the middle of a payload, nor larger than the peer takes.
        let fits = |size| self.payload_left() == 0 && size <= self.peer().maximum_packet_size;
        let allowed = |reason: ReasonCode, packet| reason.is_allowed_in(packet, self.version);
        let right = match farewell {
            Farewell::None => true,
            Farewell::Disconnect(ReasonCode::SUCCESS) => fits(2),
            Farewell::Disconnect(reason) => fits(3) && allowed(reason, PacketType::Disconnect),
            Farewell::Connack(reason) => fits(5) && allowed(reason, PacketType::Connack),
        };
        self.farewell = if right { farewell } else { Farewell::None };
        self.phase = Phase::Closing;
        self.deadline = self.now.plus_millis(self.ping_timeout);
    }

    #[cold]
    #[inline(never)]
    pub(super) fn say_farewell(&mut self, out: &mut (impl Sink + ?Sized)) -> Stop {
        let first = |scope| first_byte(self.context(scope));
        let farewell: &[u8] = match self.farewell {
            Farewell::None => &[],
            // Which is a server's.
            Farewell::Connack(_) if matches!(R::SENDER, Sender::Client) => &[],
            Farewell::Disconnect(ReasonCode::SUCCESS) => &[first(Scope::DISCONNECT), 0],
            Farewell::Disconnect(reason) => &[first(Scope::DISCONNECT), 1, reason.get()],
            Farewell::Connack(reason) if self.version.is_5() => {
                &[first(Scope::CONNACK), 3, 0, reason.get(), 0]
            }
            Farewell::Connack(reason) => {
                &[first(Scope::CONNACK), 2, 0, reason.return_code().unwrap_or_default()]
            }
        };
        if farewell.is_empty() || out.reserve(farewell.len()) {
            out.put(farewell);
        } else {
            return Stop::Write(farewell.len());
        }
        self.farewell = Farewell::None;
        self.phase = Phase::Closed;
        Stop::Closed
    }
}

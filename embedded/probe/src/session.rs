//! Client and server talk to each other: messages of every QoS both ways, over a connection that breaks, without an
//! allocator.
use core::hint::black_box;

use sans_mqtt::{
    Acknowledge, Buffer, Client, Config, Connect, Connection, Event, Fixed, FixedCaller, Instant, Message,
    Properties, Qos, ReasonCode, Role, Server, Session, Step, Store, Subscription, Version, Wait,
};

use crate::runtime::print;

const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
const NOW: Instant = Instant::from_millis(1);

/// A side with its buffers, and what it has seen.
struct Side<R, S> {
    machine: Connection<R, S>,
    input: Buffer<256>,
    output: Buffer<256>,
    messages: usize,
    done: usize,
    closed: bool,
}

impl<R: Role, S: Store> Side<R, S> {
    fn new(machine: Connection<R, S>) -> Self {
        let (input, output) = (Buffer::new(), Buffer::new());
        Self { machine, input, output, messages: 0, done: 0, closed: false }
    }

    /// Handles what there is, and answers with `answer` what only this side is asked.
    fn turn(&mut self, answer: fn(&mut Connection<R, S>, &Event<'_>, &mut Buffer<256>)) {
        let Self { machine, input, output, .. } = self;
        let mut rest = input.bytes();
        loop {
            match machine.handle(NOW, &mut rest, output) {
                Step::Event(Event::Publish(incoming, token)) => {
                    self.messages += usize::from(machine.topic(&incoming) == "t");
                    if let Some(token) = token {
                        let _ = machine.ack(token, ReasonCode::SUCCESS, output);
                    }
                }
                Step::Event(Event::Acked { .. } | Event::Dropped { .. }) => self.done += 1,
                Step::Event(event) => answer(machine, &event, output),
                Step::Wait(Wait::Resend(id)) => {
                    let _ = machine.resend(id, &message(Qos::ExactlyOnce), output);
                    break;
                }
                Step::Wait(wait) => {
                    self.closed = matches!(wait, Wait::Closed(_));
                    break;
                }
            }
        }
        let used = input.bytes().len() - rest.len();
        input.advance(used);
    }

    fn publish(&mut self, qos: Qos) -> bool {
        self.machine.publish(&message(qos), &mut self.output).is_ok()
    }
}

fn message(qos: Qos) -> Message<'static> {
    Message { qos, topic: "t", payload: b"x", ..Message::default() }
}

/// Carries bytes from one to the other, a few at a time.
fn carry(from: &mut Buffer<256>, to: &mut Buffer<256>) -> usize {
    let n = from.bytes().len().min(to.space().len()).min(7);
    to.space().iter_mut().zip(from.bytes()).take(n).for_each(|(to, from)| *to = *from);
    to.filled(n);
    from.advance(n);
    n
}

fn of_server<S: Store>(server: &mut Server<S>, event: &Event<'_>, out: &mut Buffer<256>) {
    let _ = match event {
        Event::Connect(_) => server.accept(Properties::EMPTY, out),
        Event::Subscribe(_) => server.suback(&[ReasonCode::GRANTED_QOS_2], Properties::EMPTY, out),
        Event::Unsubscribe(_) => server.unsuback(&[ReasonCode::SUCCESS], Properties::EMPTY, out),
        _ => Ok(()),
    };
}

fn of_client<S: Store>(_: &mut Client<S>, _: &Event<'_>, _: &mut Buffer<256>) {}

type Pair<C, S> = (Session<C>, Session<S>);

/// One connection: `work` is done once it is open, and then all that follows from it.
fn connection<C: Store, S: Store>(
    version: Version,
    (mine, stored): Pair<C, S>,
    empty: S,
    cut: usize,
    work: fn(&mut Side<sans_mqtt::role::Client, C>, &mut Side<sans_mqtt::role::Server, S>) -> bool,
) -> Option<(Pair<C, S>, usize)> {
    let config = Config::default();
    let mut client = Side::new(Client::new(version, &config, mine));
    let mut server = Side::new(Server::new(NOW, &config, Session::new(empty)));
    let connect = Connect { client_id: "c", clean_start: false, ..Connect::default() };
    client.machine.connect(NOW, &connect, &mut client.output).ok()?;
    client.machine.set_acknowledge(Acknowledge::Manual);
    let mut stored = Some(stored);
    let (mut worked, mut idle, mut carried) = (false, 0, 0);
    while idle < 3 && carried < cut {
        if let Some(session) = stored.take_if(|_| !server.input.is_empty()) {
            // Before the CONNECT is answered.
            let mut rest = server.input.bytes();
            match server.machine.handle(NOW, &mut rest, &mut server.output) {
                Step::Event(Event::Connect(_)) => {
                    let left = rest.len();
                    let used = server.input.bytes().len() - left;
                    server.input.advance(used);
                    let _ = server.machine.resume(session);
                    server.machine.accept(Properties::EMPTY, &mut server.output).ok()?;
                }
                _ => stored = Some(session),
            }
        }
        server.turn(of_server);
        client.turn(of_client);
        if client.machine.is_open() && !worked {
            worked = work(&mut client, &mut server);
        }
        let moved =
            carry(&mut client.output, &mut server.input) + carry(&mut server.output, &mut client.input);
        carried += moved;
        idle = if moved == 0 { idle + 1 } else { 0 };
        for side in [client.machine.poll_timeout(), server.machine.poll_timeout()] {
            black_box(side);
        }
    }
    client.machine.handle_timeout(Instant::from_millis(900_000), &mut client.output);
    server.machine.handle_timeout(Instant::from_millis(900_000), &mut server.output);
    client.machine.handle_eof();
    client.turn(of_client);
    let done = client.messages + client.done + server.messages + server.done;
    Some(((client.machine.into_session(), server.machine.into_session()), done))
}

/// Everything, in every version.
pub fn all() -> bool {
    Version::ALL.into_iter().all(|version| {
        let fixed = || Fixed::<4, 64, 4>::default();
        let caller = || FixedCaller::<4, 4>::default();
        let done = flows(black_box(version), fixed(), fixed(), fixed())
            && flows(version, caller(), caller(), caller());
        if !done {
            print("messages are missing\n");
        }
        done
    })
}

fn flows<S: Store>(version: Version, mine: S, theirs: S, empty: S) -> bool
where
    S: Clone,
{
    let sessions = (Session::new(mine), Session::new(theirs));
    let work = |client: &mut Side<_, S>, server: &mut Side<_, S>| {
        let filters = [Subscription { filter: "t", qos: Qos::ExactlyOnce, ..Subscription::default() }];
        let asked = client.machine.subscribe(&filters, Properties::EMPTY, &mut client.output).is_ok()
            && client.machine.unsubscribe(&["t"], Properties::EMPTY, &mut client.output).is_ok();
        asked
            & QOS
                .into_iter()
                .all(|qos| client.publish(qos) && (server.publish(qos) || !server.machine.is_open()))
    };
    // Cut somewhere, and then not.
    let Some((sessions, some)) = connection(version, sessions, empty.clone(), 90, work) else { return false };
    let records = |session: &Session<S>| {
        let mut records = 0;
        session.export(|record| {
            let mut bytes = [0; 80];
            records += usize::from(record.encode(&mut &mut bytes[..]).is_ok());
        });
        records
    };
    black_box(records(&sessions.0) + records(&sessions.1));
    let Some(((mine, theirs), rest)) = connection(version, sessions, empty, usize::MAX, |_, _| true) else {
        return false;
    };
    mine.in_flight() == 0 && theirs.in_flight() == 0 && some + rest >= 6
}

//! Clients that do everything right: they keep their session, and come back with it whatever happens.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use sans_mqtt::*;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::world::{Role, Stage, World, add};
use crate::link::{Task, carry};
use crate::stamp::Stamp;

/// How long a session is to outlive its connection, in seconds.
const EXPIRY: u32 = 3600;
/// How many messages of a publisher wait for their acknowledgement at most.
const WINDOW: usize = 16;

/// One client, from its first connection to the end of the run.
pub async fn live(world: Rc<World>, number: usize) {
    let (version, role) = (World::version(number), World::role(number));
    let config = Config { receive_maximum: 64, ..Config::default() };
    let mut healthy = Healthy::new(world.clone(), role);
    let mut session = Session::<Heap>::default();
    while world.stage.get() < Stage::Over {
        let mut client = Client::new(version, &config, session);
        // How it ended does not matter to one who comes back.
        let _ = connection(&world, &mut client, &mut healthy, &World::client_id(number)).await;
        session = client.into_session();
        if healthy.is_connected {
            healthy.is_connected = false;
            world.connected.set(world.connected.get() - 1);
            if world.stage.get() < Stage::Over {
                add(&world.counts.broken);
            }
        }
        sleep(Duration::from_millis(fastrand::u64(50..500))).await;
    }
}

async fn connection(
    world: &World,
    client: &mut Client<Heap>,
    healthy: &mut Healthy,
    client_id: &str,
) -> io::Result<Cause> {
    // Before 5.0, a clean start would have the session end with the connection.
    let clean_start = client.version() == Version::V5_0 && !client.session().exists();
    let expiry = [Property::SessionExpiryInterval(EXPIRY)];
    let properties = if client.version() == Version::V5_0 { (&expiry).into() } else { Properties::EMPTY };
    let socket = {
        let _turn = world.crowd.acquire().await.map_err(io::Error::other)?;
        TcpStream::connect(world.address).await?
    };
    socket.set_nodelay(true)?;
    let mut output = Vec::new();
    let connect = Connect { client_id, clean_start, properties, ..Connect::default() };
    client.connect(world.clock.now(), &connect, &mut output)?;
    carry(socket, client, healthy, output, world.clock, &world.leave).await
}

struct Healthy {
    world: Rc<World>,
    role: Role,
    /// Topic or filter.
    topic: String,
    is_connected: bool,
    /// Whether there was a connection before, and whether the subscription was granted.
    was_connected: bool,
    is_subscribed: bool,
    /// The numbers of the messages that wait for an acknowledgement.
    in_flight: HashMap<PacketId, u32>,
    /// When the next one is due.
    next: u64,
}

impl Healthy {
    fn new(world: Rc<World>, role: Role) -> Self {
        let topic = match role {
            Role::Publisher { index, .. } => World::topic(index),
            Role::Subscriber { index } => World::filter(index),
        };
        let next = fastrand::u64(0..world.period);
        let in_flight = HashMap::new();
        Self {
            world,
            role,
            topic,
            is_connected: false,
            was_connected: false,
            is_subscribed: false,
            in_flight,
            next,
        }
    }

    fn connected(&mut self, session_present: bool, client: &mut Client<Heap>, out: &mut Vec<u8>) {
        self.is_connected = true;
        self.world.connected.set(self.world.connected.get() + 1);
        if std::mem::replace(&mut self.was_connected, true) && !session_present {
            add(&self.world.counts.forgotten);
            self.is_subscribed = false;
        }
        if matches!(self.role, Role::Subscriber { .. }) && !self.is_subscribed {
            let filter =
                Subscription { filter: &self.topic, qos: Qos::ExactlyOnce, ..Subscription::default() };
            if client.subscribe(&[filter], Properties::EMPTY, out).is_err() {
                add(&self.world.counts.wrong);
            }
        }
    }

    fn publish(&mut self, index: usize, qos: Qos, client: &mut Client<Heap>, out: &mut Vec<u8>) {
        let mut sent = self.world.publishers[index].borrow_mut();
        let mut payload = Vec::new();
        let stamp = Stamp { publisher: index as u32, number: sent.next, sent: self.world.clock.nanos() };
        stamp.write(&mut payload);
        let message = Message { qos, topic: &self.topic, payload: &payload, ..Message::default() };
        // What can't be sent now is not sent at all: it has not got its number yet.
        if let Ok(Some(id)) = client.publish(&message, out) {
            self.in_flight.insert(id, sent.next);
            sent.in_flight = self.in_flight.len();
            sent.next += 1;
        }
    }

    /// A message is done, or given up.
    fn done(&mut self, id: PacketId, is_acknowledged: bool) {
        let Role::Publisher { index, .. } = self.role else { return };
        let Some(number) = self.in_flight.remove(&id) else { return };
        let mut sent = self.world.publishers[index].borrow_mut();
        sent.in_flight = self.in_flight.len();
        if is_acknowledged {
            sent.acknowledged.insert(number);
        } else {
            add(&self.world.counts.wrong);
        }
    }
}

impl Task for Healthy {
    fn event(&mut self, client: &mut Client<Heap>, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Connected(connack) => self.connected(connack.session_present, client, out),
            Event::Suback(suback) if suback.reasons.iter().all(|it| !it.is_error()) => {
                let before = std::mem::replace(&mut self.is_subscribed, true);
                self.world.subscribed.set(self.world.subscribed.get() + usize::from(!before));
            }
            Event::Suback(_) => add(&self.world.counts.wrong),
            Event::Acked { id, reason, .. } => self.done(id, !reason.is_error()),
            Event::Dropped { id, .. } => self.done(id, false),
            Event::Publish(incoming, _) => {
                if let Role::Subscriber { index } = self.role {
                    self.world.take(index, Stamp::read(incoming.payload));
                }
            }
            _ => {}
        }
    }

    fn act(&mut self, client: &mut Client<Heap>, out: &mut Vec<u8>) -> Option<tokio::time::Instant> {
        let world = self.world.clone();
        if world.stage.get() == Stage::Over {
            // If there is no room, the connection just ends.
            let _ = client.disconnect(&Disconnect::default(), out);
        }
        let Role::Publisher { index, qos } = self.role else { return None };
        if world.stage.get() >= Stage::Draining {
            return None;
        }
        let now = world.clock.nanos();
        if self.next <= now {
            if world.stage.get() == Stage::Running && self.in_flight.len() < WINDOW {
                self.publish(index, qos, client, out);
            }
            // What could not be sent in time is not made up for.
            self.next = (self.next + world.period).max(now);
        }
        Some(world.clock.at_nanos(self.next))
    }
}

//! The driver of rumqttc, which has a module for each version.

mod v3;
mod v5;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;

use sans_mqtt_interop::{Command, answer, run, tell};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

/// How many requests wait for the event loop.
const REQUESTS: usize = 2000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    run(serve).await
}

/// What both versions have, by different names.
trait Library: Sized + Send + 'static {
    type Message: Send;

    fn new(command: &Command) -> Self;

    /// Connects, or goes on.
    fn poll(&mut self) -> impl Future<Output = Result<Note<Self::Message>, Lost>> + Send;

    /// Hands a message, SUBSCRIBE, UNSUBSCRIBE or DISCONNECT to the event loop.
    fn request(&self, command: &Command) -> Result<(), String>;

    fn publish(&self, message: &Value) -> Result<(), String>;

    fn ack(&self, message: &Self::Message) -> Result<(), String>;
}

/// Something that happened in the event loop.
enum Note<Message> {
    Connected(Value),
    Message(Value, Message),
    /// PUBLISH went out, with its packet identifier; none at QoS 0.
    Published(u16),
    /// SUBSCRIBE or UNSUBSCRIBE went out.
    Asked(u16),
    /// What it was answered.
    Answered(u16, Vec<u8>),
    /// A message is done.
    Acked(u16, u8),
    Nothing,
}

/// Why there is no connection.
struct Lost {
    /// The reason code of a DISCONNECT.
    reason: Option<u8>,
    why: String,
}

async fn serve(name: String, mut commands: UnboundedReceiver<Command>) {
    while let Some(command) = commands.recv().await {
        match (command.text("do"), command.text("version")) {
            ("connect", "5.0") => return User::<v5::Library>::serve(name, command, commands).await,
            ("connect", _) => return User::<v3::Library>::serve(name, command, commands).await,
            ("close", _) => return command.answer(Ok(json!({}))),
            _ => command.answer(Err("not connected".into())),
        }
    }
}

/// What a client waits for.
struct User<L: Library> {
    name: String,
    library: L,
    /// Whether the event loop runs; it stops when the connection is over.
    runs: bool,
    opening: Option<u64>,
    closing: Option<u64>,
    /// The commands whose packets wait for their identifiers.
    publishing: VecDeque<u64>,
    asking: VecDeque<u64>,
    /// Those whose packets wait for an answer.
    unacked: HashMap<u16, u64>,
    asked: HashMap<u16, u64>,
    /// Of each command that publishes, how many messages are not done, and the reason codes of the others.
    batches: HashMap<u64, (usize, Vec<u8>)>,
    messages: VecDeque<L::Message>,
}

impl<L: Library> User<L> {
    async fn serve(name: String, first: Command, mut commands: UnboundedReceiver<Command>) {
        let mut user = Self {
            name,
            library: L::new(&first),
            runs: true,
            opening: Some(first.number("id")),
            closing: None,
            publishing: VecDeque::new(),
            asking: VecDeque::new(),
            unacked: HashMap::new(),
            asked: HashMap::new(),
            batches: HashMap::new(),
            messages: VecDeque::new(),
        };
        loop {
            tokio::select! {
                command = commands.recv(), if user.opening.is_none() => match command {
                    Some(command) if command.text("do") != "close" => user.command(&command),
                    Some(command) => return command.answer(Ok(json!({}))),
                    None => return,
                },
                note = user.library.poll(), if user.runs => match note {
                    Ok(note) => user.note(note),
                    Err(lost) => user.lost(lost),
                },
            }
        }
    }

    fn command(&mut self, command: &Command) {
        let id = command.number("id");
        let result = match command.text("do") {
            "connect" => {
                if command.flag("clean") {
                    self.library = L::new(command);
                }
                (self.opening, self.runs) = (Some(id), true);
                Ok(())
            }
            "publish" => {
                let messages = command.list("messages");
                self.batches.insert(id, (messages.len(), Vec::new()));
                self.publishing.extend(messages.iter().map(|_| id));
                messages.iter().try_for_each(|message| self.library.publish(message))
            }
            "ack" => {
                let acked = self.messages.pop_front().map(|message| self.library.ack(&message));
                answer(id, Ok(json!({})));
                acked.unwrap_or_else(|| Err("no message".into()))
            }
            "disconnect" => {
                self.closing = Some(id);
                self.library.request(command)
            }
            _ => {
                self.asking.push_back(id);
                self.library.request(command)
            }
        };
        if let Err(error) = result {
            answer(id, Err(error));
        }
    }

    fn note(&mut self, note: Note<L::Message>) {
        match note {
            Note::Connected(connack) => {
                if let Some(id) = self.opening.take() {
                    answer(id, Ok(connack));
                }
            }
            Note::Message(shown, message) => {
                tell(&self.name, "message", shown);
                self.messages.push_back(message);
            }
            Note::Published(0) => {
                if let Some(id) = self.publishing.pop_front() {
                    self.done(id, 0);
                }
            }
            // One that is sent again has its command.
            Note::Published(packet_id) if !self.unacked.contains_key(&packet_id) => {
                if let Some(id) = self.publishing.pop_front() {
                    self.unacked.insert(packet_id, id);
                }
            }
            Note::Published(_) | Note::Nothing => {}
            Note::Asked(packet_id) => {
                if let Some(id) = self.asking.pop_front() {
                    self.asked.insert(packet_id, id);
                }
            }
            Note::Answered(packet_id, reasons) => {
                if let Some(id) = self.asked.remove(&packet_id) {
                    answer(id, Ok(json!({"reasons": reasons})));
                }
            }
            Note::Acked(packet_id, reason) => {
                if let Some(id) = self.unacked.remove(&packet_id) {
                    self.done(id, reason);
                }
            }
        }
    }

    fn done(&mut self, command: u64, reason: u8) {
        let Some((left, reasons)) = self.batches.get_mut(&command) else { return };
        reasons.push(reason);
        *left -= 1;
        if *left == 0 {
            answer(command, Ok(json!({"reasons": reasons})));
            self.batches.remove(&command);
        }
    }

    fn lost(&mut self, Lost { reason, why }: Lost) {
        self.runs = false;
        if let Some(id) = self.opening.take() {
            return answer(id, Err(why));
        }
        tell(&self.name, "closed", json!({"reason": reason, "why": why}));
        if let Some(id) = self.closing.take() {
            answer(id, Ok(json!({})));
        }
    }
}

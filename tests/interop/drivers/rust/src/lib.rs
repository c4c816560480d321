//! The line protocol of the drivers, see `tests/interop/README.md`: what `sans` and `rumqttc` share.

use std::collections::HashMap;
use std::future::Future;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A line of the runner's. Fields that are missing read as null, empty, zero or no.
#[derive(Debug)]
pub struct Command(Value);

impl Command {
    pub fn text(&self, name: &str) -> &str {
        text(&self.0[name])
    }

    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_default()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_default()
    }

    pub fn list(&self, name: &str) -> &[Value] {
        self.0[name].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn value(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// Answers the command; each is answered once, perhaps much later.
    pub fn answer(&self, result: Result<Value, String>) {
        answer(self.number("id"), result);
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The same for a command of which only the number is left.
pub fn answer(id: u64, result: Result<Value, String>) {
    match result {
        Ok(result) => println!("{}", json!({"id": id, "result": result})),
        Err(error) => println!("{}", json!({"id": id, "error": error})),
    }
}

/// Says what happened to a client without being asked.
pub fn tell(client: &str, event: &str, mut with: Value) {
    with["client"] = client.into();
    with["event"] = event.into();
    println!("{with}");
}

/// Binary data as it is written in a line.
pub fn bytes(value: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(text(value)).unwrap_or_default()
}

/// The other way round.
pub fn line(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}

/// Gives each client its commands, and a task that `serve` makes, until the runner has no more.
pub async fn run<F>(serve: impl Fn(String, UnboundedReceiver<Command>) -> F) -> std::io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut clients = HashMap::<String, UnboundedSender<Command>>::new();
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let command = Command(serde_json::from_str(&line)?);
        let client = clients.entry(command.text("client").into()).or_insert_with_key(|name| {
            let (sender, receiver) = unbounded_channel();
            tokio::spawn(serve(name.clone(), receiver));
            sender
        });
        if let Err(unheard) = client.send(command) {
            unheard.0.answer(Err("the client has failed".into()));
        }
    }
    Ok(())
}

//! `client mqtts://HOST sub FILTER` writes down messages, `client mqtts://HOST pub TOPIC` sends lines.

mod args;
mod lines;

use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;

use sans_mqtt::{Message, Qos, ReasonCode};
use sans_mqtt_tokio::journal::Journal;
use sans_mqtt_tokio::{Event, Handle, Received, Stale, start};
use tokio::runtime;
use tokio::sync::mpsc;

use args::{Args, Command};
use lines::{Input, Output};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match Args::parse()
        .map_err(|error| format!("{error}\nclient --help tells what there is").into())
        .and_then(run)
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Option<Args>) -> Result<()> {
    let Some(args) = args else {
        print!("{}", args::HELP);
        return Ok(());
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let end = runtime.block_on(converse(args));
    runtime.shutdown_background(); // does not wait for a line that is being read
    end
}

/// Does what is wanted, until it is done or a signal comes, and says goodbye.
async fn converse(args: Args) -> Result<()> {
    let Args { options, session, durability, client_id, qos, command } = args;
    let client_id = client_id.as_deref();
    let mut session = match &session {
        None => Journal::volatile(client_id),
        Some(path) => Journal::open(path, client_id, &command.purpose(), durability).await?,
    };
    let position = session.store().position();
    match command {
        Command::Sub { filter, output } => {
            let mut output = Output::open(output.as_deref(), position, durability).await?;
            session.store_mut().set_position(output.position());
            let (client, events, end) = start(options, session);
            let work = subscribe(&client, events, &filter, qos, &mut output).await;
            client.disconnect();
            end.await??;
            work
        }
        Command::Pub { topic, input } => {
            let mut input = Input::open(input.as_deref(), position).await?;
            let (client, events, end) = start(options, session);
            let refused = tokio::spawn(listen(events));
            let work = publish(&client, &topic, qos, &mut input).await;
            client.disconnect();
            end.await??;
            work?;
            match refused.await? {
                0 => Ok(()),
                n => Err(format!("the server did not want {n} of the messages").into()),
            }
        }
    }
}

/// Subscribes, and processes what comes.
async fn subscribe(
    client: &Handle,
    mut events: mpsc::Receiver<Event>,
    filter: &str,
    qos: Qos,
    output: &mut Output,
) -> Result<()> {
    let (mut subscription, mut signal) = (pin!(client.subscribe(filter, qos)), pin!(signal()));
    let mut is_subscribed = false;
    loop {
        // Not within `process`: what was begun is finished.
        tokio::select! {
            reason = &mut subscription, if !is_subscribed => {
                let reason = reason?;
                if reason.is_error() {
                    return Err(refusal(filter, reason));
                }
                is_subscribed = true;
            }
            event = events.recv() => match event {
                Some(Event::Message(received)) => process(received, output).await?,
                Some(Event::Unsubscribed { filter, reason }) => return Err(refusal(&filter, reason)),
                Some(event) => tell(&event),
                None => return Ok(()), // the client has ended, and says why
            },
            signalled = &mut signal => return Ok(signalled?),
        }
    }
}

fn refusal(filter: &str, reason: ReasonCode) -> Box<dyn Error> {
    format!("the server refused the subscription to {filter}: {reason}").into()
}

/// Writes a message down, and then acknowledges it. If that is too late, the message comes again, and does not count now.
async fn process(received: Received, output: &mut Output) -> Result<()> {
    if received.is_stale() {
        return Ok(());
    }
    let Message { topic, payload, .. } = received.get();
    let line = [topic.as_bytes(), b" ", payload, b"\n"].concat();
    let behind = output.write(&line).await?;
    match received.ack_at(behind).await {
        Ok(()) => output.commit(behind),
        Err(Stale) => output.undo().await?,
    }
    Ok(())
}

/// Sends each line, and waits until the server has them all.
async fn publish(client: &Handle, topic: &str, qos: Qos, input: &mut Input) -> Result<()> {
    let work = async {
        let mut line = Vec::new();
        while let Some(payload) = input.read(&mut line).await? {
            let message = Message { qos, topic, payload, ..Message::default() };
            client.publish_at(&message, input.position).await?;
        }
        Ok(client.flush().await?)
    };
    tokio::select! {
        done = work => done,
        signalled = signal() => Ok(signalled?),
    }
}

/// Tells of what happens. Gives the number of messages that did not arrive.
async fn listen(mut events: mpsc::Receiver<Event>) -> usize {
    let mut failed = 0;
    while let Some(event) = events.recv().await {
        failed += usize::from(matches!(event, Event::Refused(_) | Event::Lost(_)));
        tell(&event);
    }
    failed
}

fn tell(event: &Event) {
    match event {
        Event::Connected { session_present: true } => eprintln!("connected, the session goes on"),
        Event::Connected { session_present: false } => eprintln!("connected"),
        Event::Disconnected { error, retry_in } => {
            eprintln!("{error}; next try in {:.1} s", retry_in.as_secs_f64());
        }
        Event::Refused(reason) => eprintln!("the server does not want a message: {reason}"),
        Event::Lost(message) => {
            eprintln!("the server does not take a message any more: {}", message.get().topic)
        }
        _ => {}
    }
}

async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

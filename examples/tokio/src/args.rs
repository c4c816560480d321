//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;
use sans_mqtt::{Qos, TopicFilter, TopicName, Version};
use sans_mqtt_tokio::Options;
use sans_mqtt_tokio::endpoint::{Endpoint, TlsFiles};
use sans_mqtt_tokio::journal::Durability;

pub const HELP: &str = "\
client [OPTIONS] URL sub FILTER   writes a line, `TOPIC MESSAGE`, for each message that comes
client [OPTIONS] URL pub TOPIC    sends a message for each line that it reads

URL is mqtt://HOST[:PORT], or mqtts://HOST[:PORT] for TLS.

  --qos 0|1|2         how well messages are to arrive; 1 if nothing is said
  --session FILE      what is under way is kept there, and goes on after any crash
  --output FILE       sub: where lines are added, instead of standard output; with --session,
                      and at QoS 2, each message is there exactly once, whatever crashes;
                      on standard output, the last one may be there again after a crash;
                      with 3.1.1, servers send retained messages again whenever the client starts
  --input FILE        pub: what is read, instead of standard input; with --session, each line
                      is sent once, and lines that were added later are sent the next time
  --no-fsync          files need not survive a power failure, only the end of the program
  --id NAME           the client identifier
  --user NAME         the user name; the password is taken from the environment: MQTT_PASSWORD
  --scram             5: show by SCRAM-SHA-256 that the password is known, instead of sending it
  --ca FILE           the certificates (PEM) to trust, instead of those of the system
  --cert FILE         the certificate (PEM) of this client
  --key FILE          and its private key
  --mqtt 3.1.1|5      the version to speak; 5 if nothing is said
  --patience SECONDS  how long to go on trying while there is no connection; 60 if nothing is said
";

pub struct Args {
    pub options: Options,
    pub session: Option<PathBuf>,
    pub durability: Durability,
    pub client_id: Option<String>,
    pub qos: Qos,
    pub command: Command,
}

/// What to do. Without a file, it is standard output or input.
pub enum Command {
    Sub { filter: String, output: Option<PathBuf> },
    Pub { topic: String, input: Option<PathBuf> },
}

impl Command {
    /// What a session is for, so that it is not taken for anything else.
    pub fn purpose(&self) -> String {
        let (command, topic, file) = match self {
            Self::Sub { filter, output } => ("sub", filter, output),
            Self::Pub { topic, input } => ("pub", topic, input),
        };
        let file = file.as_ref().map_or("-".into(), |file| file.to_string_lossy());
        format!("{command} {topic} {file}")
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl Args {
    /// `None`: only help is wanted.
    pub fn parse() -> Result<Option<Self>> {
        let (mut session, mut output, mut input, mut client_id, mut user_name) =
            (None, None, None, None, None);
        let (mut durability, mut qos, mut version) = (Durability::Power, Qos::AtLeastOnce, Version::V5_0);
        let (mut files, mut certificate, mut key, mut patience) = (TlsFiles::default(), None, None, None);
        let mut scram = false;
        let mut words = Vec::new();
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("session") => session = Some(parser.value()?.into()),
                Long("output") => output = Some(parser.value()?.into()),
                Long("input") => input = Some(parser.value()?.into()),
                Long("no-fsync") => durability = Durability::Process,
                Long("id") => client_id = Some(parser.value()?.string()?),
                Long("user") => user_name = Some(parser.value()?.string()?),
                Long("scram") => scram = true,
                Long("ca") => files.ca = Some(parser.value()?.into()),
                Long("cert") => certificate = Some(parser.value()?.into()),
                Long("key") => key = Some(parser.value()?.into()),
                Long("patience") => patience = Some(Duration::from_secs(parser.value()?.parse()?)),
                Long("qos") => {
                    let number = parser.value()?.parse()?;
                    qos = Qos::from_number(number).ok_or("--qos is 0, 1 or 2")?;
                }
                Long("mqtt") => {
                    version = match parser.value()?.to_str() {
                        Some("5" | "5.0") => Version::V5_0,
                        Some("3.1.1") => Version::V3_1_1,
                        _ => return Err("--mqtt is 3.1.1 or 5".into()),
                    }
                }
                Long("help") | Short('h') => return Ok(None),
                Value(word) => words.push(word),
                arg => return Err(arg.unexpected().into()),
            }
        }
        files.identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err("--cert and --key belong together".into()),
        };
        let [url, command, topic] =
            words.try_into().map_err(|_| "what is wanted is URL sub FILTER, or URL pub TOPIC")?;
        let (url, topic) = (url.string()?, topic.string()?);
        let command = command_of(command, topic, version, output, input)?;
        let mut options = Options::new(Endpoint::new(&url, &files)?);
        options.version = version;
        options.user_name = user_name;
        options.password = std::env::var("MQTT_PASSWORD").ok().filter(|_| options.user_name.is_some());
        options.scram = scram;
        if scram && (options.password.is_none() || version != Version::V5_0) {
            return Err("--scram takes --user, MQTT_PASSWORD, and version 5".into());
        }
        options.patience = patience.unwrap_or(options.patience);
        Ok(Some(Self { options, session, durability, client_id, qos, command }))
    }
}

fn command_of(
    command: OsString,
    topic: String,
    version: Version,
    output: Option<PathBuf>,
    input: Option<PathBuf>,
) -> Result<Command> {
    match command.to_str() {
        Some("sub") if input.is_none() => {
            TopicFilter::new(&topic, version)
                .map_err(|error| format!("the topic filter {topic}: {error}"))?;
            Ok(Command::Sub { filter: topic, output })
        }
        Some("pub") if output.is_none() => {
            TopicName::new(&topic).map_err(|error| format!("the topic {topic}: {error}"))?;
            Ok(Command::Pub { topic, input })
        }
        Some("sub" | "pub") => Err("--output is for sub, and --input for pub".into()),
        _ => Err(format!("{} is neither sub nor pub", command.display()).into()),
    }
}

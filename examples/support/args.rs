//! The command line of the example `blocking`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use sans_mqtt::{Qos, TopicFilter, TopicName, Version};

const HELP: &str = "\
Publishes a message, or prints those that come as lines: topic, space, payload.

    blocking [OPTIONS] HOST:PORT pub TOPIC PAYLOAD
    blocking [OPTIONS] HOST:PORT sub FILTER

    -q QOS        0, 1 or 2 (default 0)
    -r            have the message retained
    -n COUNT      leave after so many messages (default: never)
    -v VERSION    3.1, 3.1.1 or 5.0 (default 5.0)
    -i CLIENT_ID  (default: one by chance)
    -u USER
    -p PASSWORD
    -t SECONDS    how long to try to come back when the connection is lost (default 300)
    --            what follows is no option

A connection that is lost is made again, with the same session: what was sent meanwhile still comes. Before 5.0, where
sessions have no end, that is so only with -i. Exits with 0 when all is done, 1 if it can't be, 2 if it makes no sense.
";

#[derive(Debug)]
pub(crate) struct Args {
    /// HOST:PORT.
    pub(crate) server: String,
    pub(crate) task: Task,
    pub(crate) qos: Qos,
    pub(crate) version: Version,
    pub(crate) client_id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) patience: Duration,
}

#[derive(Debug)]
pub(crate) enum Task {
    Publish { topic: String, payload: String, retain: bool },
    Subscribe { filter: String, count: u64 },
}

/// What was asked for; or else the exit code, when the help or a complaint is written.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Args, ExitCode> {
    match try_parse(args) {
        Ok(Some(args)) => Ok(args),
        Ok(None) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            Err(ExitCode::SUCCESS)
        }
        Err(complaint) => {
            eprintln!("blocking: {complaint}; --help tells more");
            Err(ExitCode::from(2))
        }
    }
}

/// `None` asks for help.
fn try_parse(args: impl Iterator<Item = OsString>) -> Result<Option<Args>, String> {
    let mut args = args
        .map(|arg| arg.into_string().map_err(|arg| format!("\"{}\" is not UTF-8", arg.to_string_lossy())));
    let (mut words, mut qos, mut version) = (Vec::new(), Qos::AtMostOnce, Version::V5_0);
    let (mut client_id, mut user, mut password) = (None, None, None);
    let (mut retain, mut count, mut patience) = (false, u64::MAX, Duration::from_secs(300));
    while let Some(arg) = args.next().transpose()? {
        let mut value = || args.next().transpose()?.ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "-h" | "--help" => return Ok(None),
            "--" => {
                words.extend(args.collect::<Result<Vec<_>, _>>()?);
                break;
            }
            "-q" => qos = value()?.parse().ok().and_then(Qos::from_number).ok_or("-q is 0, 1 or 2")?,
            "-r" => retain = true,
            "-n" => {
                let n = value()?.parse().ok().filter(|n| *n > 0);
                count = n.ok_or("-n is a number of messages, 1 or more")?;
            }
            "-v" => {
                let name = value()?;
                let known = Version::ALL.into_iter().find(|version| version.to_string() == name);
                version = known.ok_or("-v is 3.1, 3.1.1 or 5.0")?;
            }
            "-i" => client_id = Some(value()?),
            "-u" => user = Some(value()?),
            "-p" => password = Some(value()?),
            "-t" => {
                let seconds = value()?.parse().map_err(|_| "-t is a number of seconds")?;
                patience = Duration::from_secs(seconds);
            }
            option if option.starts_with('-') && option.len() > 1 => {
                return Err(format!("there is no option {option}"));
            }
            _ => words.push(arg),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (server, task) = match words[..] {
        [server, "pub", topic, payload] => {
            TopicName::new(topic).map_err(|error| format!("\"{topic}\" is no topic name: {error}"))?;
            (server, Task::Publish { topic: topic.into(), payload: payload.into(), retain })
        }
        [server, "sub", filter] => {
            TopicFilter::new(filter, version)
                .map_err(|error| format!("\"{filter}\" is no topic filter: {error}"))?;
            (server, Task::Subscribe { filter: filter.into(), count })
        }
        [_, "pub", ..] => return Err("pub needs a topic and a payload".into()),
        [_, "sub", ..] => return Err("sub needs a topic filter".into()),
        _ => return Err("needs HOST:PORT, and pub or sub".into()),
    };
    if server.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
        return Err(format!("\"{server}\" is not HOST:PORT, like localhost:1883"));
    }
    Ok(Some(Args { server: server.into(), task, qos, version, client_id, user, password, patience }))
}

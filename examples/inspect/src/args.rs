//! The command line.

use std::ffi::OsString;

use sans_mqtt::{Sender, Version};

#[derive(Default)]
pub(crate) struct Args {
    pub(crate) inputs: Vec<OsString>,
    /// Where no CONNECT tells it.
    pub(crate) version: Option<Version>,
    pub(crate) from: Option<Sender>,
    /// The number of the only connection to show.
    pub(crate) connection: Option<usize>,
    pub(crate) brief: bool,
    pub(crate) json: bool,
    pub(crate) help: bool,
}

/// Reads the command line; an error is a sentence for the person who wrote it.
pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Args, String> {
    let mut parsed = Args::default();
    while let Some(arg) = args.next() {
        let option = arg.to_string_lossy();
        let (name, value) =
            option.split_once('=').map_or((&*option, None), |(name, value)| (name, Some(value)));
        let mut value =
            || value.map(str::to_owned).or_else(|| args.next()?.into_string().ok()).unwrap_or_default();
        match name {
            "--help" | "-h" => parsed.help = true,
            "--json" => parsed.json = true,
            "--brief" => parsed.brief = true,
            "--connection" => {
                let value = value();
                let number = value.parse().ok().filter(|number| *number > 0);
                let wrong =
                    || format!("--connection is the number of a connection of a capture, not {value:?}");
                parsed.connection = Some(number.ok_or_else(wrong)?);
            }
            "--version" => {
                let versions = Version::ALL.map(|version| (version.to_string(), version));
                parsed.version = Some(choose(name, &value(), versions)?);
            }
            "--from" => {
                let senders = [("client".into(), Sender::Client), ("server".into(), Sender::Server)];
                parsed.from = Some(choose(name, &value(), senders)?);
            }
            _ if name.starts_with('-') && name != "-" => {
                return Err(format!("there is no option {name}; --help lists them"));
            }
            _ => parsed.inputs.push(arg),
        }
    }
    Ok(parsed)
}

fn choose<T, const N: usize>(option: &str, value: &str, choices: [(String, T); N]) -> Result<T, String> {
    let names = choices.each_ref().map(|(name, _)| name.as_str()).join(" or ");
    let chosen = choices.into_iter().find_map(|(name, choice)| (name == value).then_some(choice));
    chosen.ok_or_else(|| match value {
        "" => format!("{option} needs a value: {names}"),
        _ => format!("{option} is {names}, not {value:?}"),
    })
}

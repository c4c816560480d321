//! Where the bytes come from: hex, files, recorded conversations, and captures.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use sans_mqtt::Sender;

use crate::{capture, log};

pub(crate) enum Input {
    Conversations(Vec<Conversation>),
    /// The log of a connection.
    Log(Vec<u8>),
    /// What a network carried.
    Capture(Box<dyn Read + Send>),
}

/// What was sent on one connection.
#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) name: Option<String>,
    /// What the recording says about it.
    pub(crate) note: Option<String>,
    /// In the order it was sent.
    pub(crate) chunks: Vec<(Option<Sender>, Vec<u8>)>,
}

/// The recordings of the project, each with the connection of it that stands for all.
const RECORDED: [(&str, &str); 3] = [
    (include_str!("../../recorded/v3.1.txt"), "publisher-qos-0"),
    (include_str!("../../recorded/v3.1.1.txt"), "late-subscriber"),
    (include_str!("../../recorded/v5.0.txt"), "properties-publisher"),
];

/// Reads what the command line names: hex if it is hex, else a file.
pub(crate) fn read(inputs: &[OsString], from: Option<Sender>) -> Result<Input, String> {
    let words: Vec<_> = inputs.iter().map(|input| input.to_string_lossy()).collect();
    match (inputs, hex(&words.join(" "))) {
        ([], _) => {
            let mut selected = Vec::new();
            for (text, name) in RECORDED {
                selected.extend(recorded(text)?.into_iter().filter(|one| one.name.as_deref() == Some(name)));
            }
            Ok(Input::Conversations(selected))
        }
        ([input], _) if input == "-" => {
            let read = begin(io::stdin()).map_err(|error| format!("can't read standard input: {error}"))?;
            contained(read, from)
        }
        (_, Ok(bytes)) => single(bytes, from),
        ([file], Err(error)) => match File::open(file).and_then(begin) {
            Ok(read) => contained(read, from),
            Err(_) if !Path::new(file).exists() => Err(format!("{error}, and there is no such file")),
            Err(error) => Err(format!("can't read {}: {error}", Path::new(file).display())),
        },
        (_, Err(error)) => Err(format!("{error}; if it is a file, name no other")),
    }
}

/// All that a file contains, or as much as shows that it is a capture, and then the rest.
type Content = (Vec<u8>, Option<Box<dyn Read + Send>>);

fn begin(mut file: impl Read + Send + 'static) -> io::Result<Content> {
    let (mut content, mut chunk) = (Vec::new(), [0; 4096]);
    // In small steps, as a capture may still go on.
    while capture::is_capture(&content).is_none() {
        match file.read(&mut chunk)? {
            0 => break,
            len => content.extend_from_slice(&chunk[..len]),
        }
    }
    // Even one that ends within its header.
    if content.len() >= 4 && capture::is_capture(&content) != Some(false) {
        return Ok((content, Some(Box::new(file))));
    }
    file.read_to_end(&mut content)?;
    Ok((content, None))
}

/// What a file contains.
fn contained((content, rest): Content, from: Option<Sender>) -> Result<Input, String> {
    let input = match rest {
        Some(rest) => Input::Capture(Box::new(Cursor::new(content).chain(rest))),
        None if log::is_log(&content) => Input::Log(content),
        None => return conversations(content, from),
    };
    let what = if matches!(input, Input::Log(_)) { "log" } else { "capture" };
    match from {
        None => Ok(input),
        Some(_) => Err(format!("--from is for bytes; a {what} says itself who sent them")),
    }
}

fn conversations(content: Vec<u8>, from: Option<Sender>) -> Result<Input, String> {
    let printable = |text: &&str| !text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace());
    // No packet looks like text: it would be a PUBLISH too short for its topic.
    let text = core::str::from_utf8(&content).ok().filter(printable).unwrap_or_default();
    match from {
        _ if !text.lines().any(|line| line.starts_with(['>', '<'])) => {
            let bytes = hex(text).ok().filter(|bytes| !bytes.is_empty());
            single(bytes.unwrap_or(content), from)
        }
        None => Ok(Input::Conversations(recorded(text)?)),
        Some(_) => Err("--from is for bytes; recorded text says itself who sent them".into()),
    }
}

fn single(bytes: Vec<u8>, from: Option<Sender>) -> Result<Input, String> {
    if bytes.is_empty() {
        return Err("there are no bytes to inspect".into());
    }
    let conversation = Conversation { chunks: vec![(from, bytes)], ..Conversation::default() };
    Ok(Input::Conversations(vec![conversation]))
}

/// Bytes as pairs of hex digits; blanks, commas, colons and `0x` may stand between them.
fn hex(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for word in text.split([' ', '\t', '\r', '\n', ',', ':']).filter(|word| !word.is_empty()) {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        let digits: Option<Vec<u8>> = digits.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect();
        let digits =
            digits.filter(|digits| !digits.is_empty()).ok_or_else(|| format!("{word:?} is not hex"))?;
        if digits.len() % 2 != 0 {
            return Err(format!("{word:?} has an odd number of hex digits"));
        }
        bytes.extend(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)));
    }
    Ok(bytes)
}

fn recorded(text: &str) -> Result<Vec<Conversation>, String> {
    // Bytes may come before the first name.
    let mut all = vec![Conversation::default()];
    for (number, line) in (1..).zip(text.lines()) {
        let (mark, rest) = line.split_at_checked(1).unwrap_or_default();
        match (mark, all.last_mut()) {
            ("=", _) => all.push(Conversation { name: Some(rest.trim().into()), ..Conversation::default() }),
            (">" | "<", Some(current)) => {
                let sender = if mark == ">" { Sender::Client } else { Sender::Server };
                let bytes = hex(rest).map_err(|error| format!("line {number}: {error}"))?;
                current.chunks.push((Some(sender), bytes));
            }
            // The first comment of a connection says what it is.
            ("#", Some(current)) if current.name.is_some() => {
                current.note.get_or_insert_with(|| rest.trim().into());
            }
            ("#", _) => {}
            _ if line.trim().is_empty() => {}
            _ => return Err(format!("line {number} begins with none of = > < #")),
        }
    }
    Ok(all)
}

//! Where to listen, as it is written on the command line.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What is spoken on a listener below MQTT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Scheme {
    const ALL: [(Self, &str, u16); 4] =
        [(Self::Tcp, "tcp", 1883), (Self::Tls, "tls", 8883), (Self::Ws, "ws", 80), (Self::Wss, "wss", 443)];

    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }
}

/// `1883`, `127.0.0.1:1883`, `[::1]:1883`, `tls://example.org`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    pub scheme: Scheme,
    /// A name or an IP address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Address {
    pub fn local(port: u16) -> Self {
        Self { scheme: Scheme::Tcp, host: "127.0.0.1".into(), port }
    }

    /// Whether only programs of this machine reach it. Of a name that is not known.
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return port(text).map(Self::local);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let known = Scheme::ALL.into_iter().find(|(_, name, _)| *name == scheme);
        let (scheme, _, default) =
            known.ok_or_else(|| format!("{scheme}:// is none of tcp://, tls://, ws:// and wss://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, number)) if !number.ends_with(']') => (host, port(number)?),
            _ => (rest, default),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || host.contains(['/', '[', ']']) || bare.is_none() && host.contains(':') {
            return Err(
                "it is not of the form HOST:PORT; an IPv6 address stands in brackets, [::1]:1883".into()
            );
        }
        Ok(Self { scheme, host: host.into(), port })
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is not a port (0 to 65535)"))
}

/// As other programs know it: TCP without its scheme.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, name, _)) = Scheme::ALL.iter().find(|it| it.0 == self.scheme && it.0 != Scheme::Tcp) {
            write!(f, "{name}://")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_alone_is_known() {
        for (text, expected) in [
            ("1883", true),
            ("tls://127.1.2.3", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("0.0.0.0", false),
            ("[::]", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, expected) in [
            ("1883", "127.0.0.1:1883"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:1883", "[::1]:1883"),
            ("[::]", "[::]:1883"),
            ("localhost", "localhost:1883"),
            ("tcp://a:7", "a:7"),
            ("tls://a", "tls://a:8883"),
            ("ws://[::1]/", "ws://[::1]:80"),
            ("wss://a:1", "wss://a:1"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
        for text in [
            "",
            "70000",
            ":1883",
            "::1",
            "a:b",
            "a:65536",
            "70000:",
            "http://a",
            "ws://a/mqtt",
            "[::1",
            "a]:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}

//! Which broker, and who we are to it: `mqtt://user:password@host:1883`.

use std::fmt;
use std::str::FromStr;

/// The address of a broker, and the credentials for it.
///
/// [`Display`](fmt::Display) leaves the credentials out, so that no log has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// A name or an address; one of IPv6 stands in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<(String, String)>,
}

/// Why something is no URL of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It begins with something else.
    #[error("write it as mqtt://HOST:PORT or mqtt://USER:PASSWORD@HOST:PORT")]
    Form,
    /// It asks for TLS.
    #[error(
        "TLS is not built in; let a broker or a tunnel on this machine speak it, and use mqtt://"
    )]
    Tls,
    /// The port is no number from 1 to 65535.
    #[error("the port must be from 1 to 65535")]
    Port,
    /// A `%` that no two digits follow, or what they make is no UTF-8.
    #[error("user and password: write % as %25, @ as %40, : as %3A, / as %2F")]
    Escape,
}

impl FromStr for Broker {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(BadUrl::Form)?;
        match scheme {
            "mqtt" | "tcp" => {}
            "mqtts" | "ssl" => return Err(BadUrl::Tls),
            _ => return Err(BadUrl::Form),
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        // The colons of an IPv6 address are inside of its brackets.
        let end_of_address = place.find(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match place[end_of_address..].split_once(':') {
            Some((between, port)) => (&place[..end_of_address + between.len()], Some(port)),
            None => (place, None),
        };
        let outside = host.trim_start_matches('[').trim_end_matches(']');
        let bare = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        let fits = if in_brackets {
            outside.parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            !host.is_empty() && host.chars().all(bare)
        };
        if !fits {
            return Err(BadUrl::Form);
        }
        let port = port
            .map_or(Ok(1883), str::parse)
            .map_err(|_| BadUrl::Port)?;
        if port == 0 {
            return Err(BadUrl::Port);
        }
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            Ok((unescape(user)?, unescape(password)?))
        });
        Ok(Self {
            host: host.to_owned(),
            port,
            login: login.transpose()?,
        })
    }
}

fn unescape(text: &str) -> Result<String, BadUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = char::from(rest.next()?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        let (high, low) = (digit(), digit());
        bytes.push(
            high.zip(low)
                .map(|(h, l)| h * 16 + l)
                .ok_or(BadUrl::Escape)?,
        );
    }
    String::from_utf8(bytes).map_err(|_| BadUrl::Escape)
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = (String, u16, Option<(String, String)>);

    fn parts(url: &str) -> Result<Parts, BadUrl> {
        let broker: Broker = url.parse()?;
        assert!(!format!("{broker} {broker:?}").contains("secret"));
        Ok((broker.host, broker.port, broker.login))
    }

    #[test]
    fn urls() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let ok = |host: &str, port, login| Ok((host.to_owned(), port, login));
        for (url, wanted) in [
            ("mqtt://localhost", ok("localhost", 1883, None)),
            ("mqtt://localhost:1884/", ok("localhost", 1884, None)),
            ("tcp://10.0.0.1:1", ok("10.0.0.1", 1, None)),
            ("mqtt://[::1]", ok("[::1]", 1883, None)),
            ("mqtt://[::1]:1884", ok("[::1]", 1884, None)),
            ("mqtt://a:secret@h", ok("h", 1883, login("a", "secret"))),
            ("mqtt://a@h", ok("h", 1883, login("a", ""))),
            (
                "mqtt://a:p%40%3a%C3%A9@h",
                ok("h", 1883, login("a", "p@:é")),
            ),
            (
                "mqtt://a:se@cret:x@h:7",
                ok("h", 7, login("a", "se@cret:x")),
            ),
            ("mqtt://a:%@h", Err(BadUrl::Escape)),
            ("mqtt://a:%4@h", Err(BadUrl::Escape)),
            ("mqtt://a:%ff@h", Err(BadUrl::Escape)),
            ("mqtt://h:0", Err(BadUrl::Port)),
            ("mqtt://h:65536", Err(BadUrl::Port)),
            ("mqtt://h:", Err(BadUrl::Port)),
            ("mqtts://h", Err(BadUrl::Tls)),
            ("http://h", Err(BadUrl::Form)),
            ("localhost:1883", Err(BadUrl::Form)),
            ("", Err(BadUrl::Form)),
            ("mqtt://", Err(BadUrl::Form)),
            ("mqtt://:1883", Err(BadUrl::Form)),
            ("mqtt://[::1", Err(BadUrl::Form)),
            ("mqtt://[nonsense]:1", Err(BadUrl::Form)),
            ("mqtt://[::1]x:1", Err(BadUrl::Form)),
            ("mqtt://h/topic", Err(BadUrl::Form)),
            ("mqtt://h o", Err(BadUrl::Form)),
        ] {
            assert_eq!(parts(url), wanted, "{url}");
        }
    }
}

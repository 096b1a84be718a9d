//! The lines that a device and the gateway exchange: one JSON object each.

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use crate::codec::Lines;

/// The longest line that is accepted, in bytes, without its line feed.
pub const MAX_LINE: usize = 4096;
/// What is published under the name of a device beside its kinds: see `mqtt.rs`.
const RESERVED_KINDS: [&str; 3] = ["status", "command", "ack"];
/// What an error quotes of a line at most, in characters.
const MAX_QUOTE: usize = 200;

/// What a device sends.
#[derive(Clone, Debug, PartialEq)]
pub enum FromDevice {
    /// `{"hello":"pump-17"}`, its first line.
    Hello(String),
    /// `{"at":1790000000000,"kind":"temperature","value":21.5}`
    Reading {
        /// The device's clock, in milliseconds since 1970.
        at: i64,
        /// What it has measured.
        kind: String,
        /// Finite: JSON cannot say anything else.
        value: f64,
    },
    /// `{"ack":5,"ok":true}`, or `{"ack":5,"ok":false,"error":"…"}`
    Ack {
        /// The number of the command.
        number: u64,
        /// What became of it.
        ack: Ack,
    },
}

/// What a device says to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Whether it was done.
    pub ok: bool,
    /// Why it was not, in the words of the device: do not trust them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a device can be told to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Send a reading every so often.
    SetInterval {
        /// From 0.1 to 3600.
        seconds: f64,
    },
    /// Blink, beep: show which one you are.
    Identify,
    /// Start again. The connection then closes, and a new one comes.
    Reboot,
}

/// What the gateway sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ToDevice {
    /// The answer to the hello.
    Welcome {
        /// The id of the device.
        welcome: String,
        /// It should send a reading every so many seconds.
        every: f64,
    },
    /// Something to do, to be answered with an ack of the same number.
    Command {
        /// The number of the command, on this connection.
        command: u64,
        /// What to do.
        #[serde(flatten)]
        order: Command,
    },
    /// A line was none of the protocol.
    Error {
        /// What is wrong with it.
        error: String,
    },
    /// The last line.
    Bye {
        /// Why the gateway closes the connection.
        bye: String,
    },
}

/// Why a line is none of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadLine {
    /// Longer than [`MAX_LINE`].
    #[error("line is longer than {MAX_LINE} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("line is no UTF-8")]
    NotUtf8,
    /// Not JSON.
    #[error("line is no JSON: {0}")]
    NotJson(String),
    /// JSON, but nothing that a device may say.
    #[error("line is not understood: {0}")]
    NotUnderstood(String),
}

impl BadLine {
    fn not_understood(why: impl Into<String>) -> Self {
        Self::NotUnderstood(why.into())
    }

    /// serde quotes the value that it did not expect: without a bound, a line of 4 KiB would be
    /// answered with one that is longer.
    fn from_serde(error: &serde_json::Error) -> Self {
        let why = error.to_string().chars().take(MAX_QUOTE).collect();
        if error.is_data() {
            Self::NotUnderstood(why)
        } else {
            Self::NotJson(why)
        }
    }
}

/// Everything that a line of a device may hold.
#[derive(Deserialize)]
struct Fields {
    hello: Option<String>,
    at: Option<f64>,
    kind: Option<String>,
    value: Option<f64>,
    ack: Option<u64>,
    ok: Option<bool>,
    error: Option<String>,
}

/// Reads one line.
///
/// # Errors
///
/// If it is none that a device may send.
pub fn parse(line: &str) -> Result<FromDevice, BadLine> {
    // An enum with `#[serde(untagged)]` would be shorter, and would say of every mistake that the
    // line "did not match any variant". And for serde a struct may be an array, too, with the
    // fields in order.
    let is_object = line.trim_start().starts_with('{');
    if !is_object {
        return match serde_json::from_str::<serde::de::IgnoredAny>(line) {
            Ok(_) => Err(BadLine::not_understood("it is no JSON object")),
            Err(error) => Err(BadLine::from_serde(&error)),
        };
    }
    let fields = serde_json::from_str(line).map_err(|error| BadLine::from_serde(&error))?;
    match fields {
        Fields {
            hello: Some(id),
            at: None,
            kind: None,
            value: None,
            ack: None,
            ..
        } => Ok(FromDevice::Hello(id)),
        Fields {
            hello: None,
            at: Some(at),
            kind: Some(kind),
            value: Some(value),
            ack: None,
            ..
        } => {
            if !is_name(&kind, 32, b"-_") || RESERVED_KINDS.contains(&&*kind) {
                return Err(BadLine::not_understood(
                    "a kind is 1 to 32 of a-z, 0-9, - and _, and not status, command or ack",
                ));
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "what is too large becomes the largest, which is a bad clock like any"
            )]
            let at = at as i64;
            Ok(FromDevice::Reading { at, kind, value })
        }
        Fields {
            hello: None,
            at: None,
            kind: None,
            value: None,
            ack: Some(number),
            ok: Some(ok),
            error,
        } => {
            let ack = Ack { ok, error };
            Ok(FromDevice::Ack { number, ack })
        }
        _ => Err(BadLine::not_understood(
            "it is no hello, no reading and no ack",
        )),
    }
}

/// Whether this can be the id of a device: 1 to 64 of `a`–`z`, `0`–`9` and `-`, and not `gateway`,
/// which is the name of the gateway itself.
///
/// Strict, because ids go on into file names, topics and terminals.
#[must_use]
pub fn is_id(text: &str) -> bool {
    is_name(text, 64, b"-") && text != "gateway"
}

fn is_name(text: &str, longest: usize, others: &[u8]) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || others.contains(&b);
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

/// Writes one line, without its line feed.
#[must_use]
pub fn line(message: &impl Serialize) -> String {
    // Nothing here has a key that is no string, or a `Serialize` that fails.
    serde_json::to_string(message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_devices_are_read() {
        assert_eq!(
            parse(r#"{"hello":"pump-17"}"#),
            Ok(FromDevice::Hello("pump-17".into()))
        );
        let reading = FromDevice::Reading {
            at: 1_790_000_000_000,
            kind: "temperature".into(),
            value: 21.5,
        };
        for line in [
            r#"{"at":1790000000000,"kind":"temperature","value":21.5}"#,
            r#" { "value" : 215e-1, "unit": {"name": "C"}, "kind":"temp\u0065rature", "at":1790000000000.4 } "#,
        ] {
            assert_eq!(parse(line), Ok(reading.clone()), "{line}");
        }
        let ack = |ok, error: Option<&str>| FromDevice::Ack {
            number: 5,
            ack: Ack {
                ok,
                error: error.map(str::to_owned),
            },
        };
        assert_eq!(parse(r#"{"ack":5,"ok":true}"#), Ok(ack(true, None)));
        assert_eq!(
            parse(r#"{"ack":5,"ok":false,"error":"too hot"}"#),
            Ok(ack(false, Some("too hot")))
        );
    }

    #[test]
    fn other_lines_are_not() {
        let why = |line: &str| parse(line).unwrap_err().to_string();
        for no_json in [
            "",
            "hello",
            "{",
            "{\"at\":1",
            "\u{0}",
            "{} {}",
            "NaN",
            "{\"value\":1e999}",
        ] {
            let why = why(no_json);
            assert!(why.starts_with("line is no JSON: "), "{no_json:?}: {why}");
        }
        for no_line in [
            "{}",
            "7",
            "null",
            r#""pump-17""#,
            r#"["pump-17",null,null,null,null,null,null]"#,
            r#"[null,1,"t",2.0,null,null,null]"#,
            r#"{"hello":17}"#,
            r#"{"hello":"a","at":1,"kind":"t","value":1}"#,
            r#"{"hello":"a","hello":"b"}"#,
            r#"{"at":1,"kind":"t"}"#,
            r#"{"at":1,"kind":"t","value":"hot"}"#,
            r#"{"at":1,"kind":"t","value":null}"#,
            r#"{"at":1,"kind":"T","value":1}"#,
            r#"{"at":1,"kind":"a/b","value":1}"#,
            r#"{"at":1,"kind":"","value":1}"#,
            r#"{"at":1,"kind":"status","value":1}"#,
            r#"{"ack":5}"#,
            r#"{"ack":-5,"ok":true}"#,
            r#"{"ok":true}"#,
        ] {
            let why = why(no_line);
            assert!(
                why.starts_with("line is not understood: "),
                "{no_line}: {why}"
            );
        }
    }

    #[test]
    fn an_answer_to_a_bad_line_is_short() {
        let line = format!(r#"{{"at":"{}"}}"#, "\u{1}".repeat(4000));
        let error = parse(&line).unwrap_err().to_string();
        assert!(error.chars().count() < 250, "{error}");
    }

    #[test]
    fn ids_are_strict() {
        let longest = "a".repeat(64);
        for id in ["pump-17", "a", "7", "-", &longest] {
            assert!(is_id(id), "{id}");
        }
        let too_long = "a".repeat(65);
        for id in [
            "", "Pump", "pump_17", "pump 17", "a/b", "+", "#", "pümp", "a\n", "gateway", &too_long,
        ] {
            assert!(!is_id(id), "{id:?}");
        }
    }

    #[test]
    fn lines_of_the_gateway_are_written_and_read() {
        for (message, text) in [
            (
                ToDevice::Welcome {
                    welcome: "pump-17".into(),
                    every: 1.0,
                },
                r#"{"welcome":"pump-17","every":1.0}"#,
            ),
            (
                ToDevice::Command {
                    command: 5,
                    order: Command::SetInterval { seconds: 2.0 },
                },
                r#"{"command":5,"do":"set_interval","seconds":2.0}"#,
            ),
            (
                ToDevice::Command {
                    command: 6,
                    order: Command::Identify,
                },
                r#"{"command":6,"do":"identify"}"#,
            ),
            (
                ToDevice::Bye {
                    bye: "the gateway stops".into(),
                },
                r#"{"bye":"the gateway stops"}"#,
            ),
        ] {
            assert_eq!(line(&message), text);
            assert_eq!(serde_json::from_str::<ToDevice>(text).unwrap(), message);
        }
    }
}

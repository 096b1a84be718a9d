//! What a check tells the command that runs it: one line of standard error for each message.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Set by the command. Without it, a check talks to a person.
pub const VARIABLE: &str = "EXERCISES_PROTOCOL";

/// No line that a learner prints begins so.
const MARK: &str = "@exercises ";

/// Whether a command reads what this process writes.
#[must_use]
pub fn is_spoken() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// What a check has to say.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Message {
    /// The check recognises a misconception.
    Wrong {
        /// Its name in `misconceptions/*.toml`.
        misconception: String,
        /// What was seen.
        what: String,
    },
    /// Some code panicked. It may have been meant to.
    Panic {
        /// With what text.
        what: String,
        /// In which file, as the compiler knows it.
        file: String,
        /// In which line.
        line: u32,
    },
    /// The check hangs, and ends its process.
    Hang {
        /// How: `pending`, `blocked` or `spinning`.
        how: String,
        /// What was seen, and the usual causes.
        what: String,
        /// Its name in `misconceptions/*.toml`, if the check knows it.
        misconception: Option<String>,
    },
}

impl Message {
    /// The message as one line.
    #[must_use]
    pub fn to_line(&self) -> String {
        // Strings and numbers: there is nothing that JSON cannot write.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{MARK}{json}")
    }

    /// The message on this line, if it is one.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        // What a learner prints without a line break at its end stands on the same line.
        let (_, json) = line.split_once(MARK)?;
        serde_json::from_str(json).ok()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong {
                misconception,
                what,
            } => write!(f, "{what} ({misconception})"),
            Self::Panic { what, file, line } => write!(f, "{file}:{line}: {what}"),
            Self::Hang { what, .. } => write!(f, "{what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = Message::Wrong {
            misconception: "await-in-a-loop".to_owned(),
            what: "it took \"6 s\",\nnot 3 s".to_owned(),
        };
        let line = message.to_line();
        assert_eq!(line.lines().count(), 1);
        assert_eq!(Message::of_line(&line), Some(message.clone()));
        let after_output = format!("no line break{line}");
        assert_eq!(Message::of_line(&after_output), Some(message));
        assert_eq!(Message::of_line("test check::one ... ok"), None);
    }
}

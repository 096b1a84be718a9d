//! What client and server say to each other: JSON in text frames, and the codes of a close.
//!
//! The client begins with [`ClientMessage::Join`]; the server answers with [`ServerMessage::Welcome`],
//! or closes with a code of [`close`] and a reason for people.

use serde::{Deserialize, Serialize};

/// The largest frame and the largest message that the server reads, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// The longest text of a message, in characters after trimming.
pub const MAX_TEXT: usize = 2000;
/// The longest name of a person or a room, in characters after trimming.
pub const MAX_NAME: usize = 32;
/// The longest `ref`, in characters.
pub const MAX_REF: usize = 64;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ClientMessage {
    /// The first message, and only the first.
    Join {
        /// Who it is. Must be free in this room.
        name: String,
        /// Where it wants to be.
        room: String,
        /// The id of the last message that it has seen: a client that comes back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        /// The epoch in which it saw that message. Without it `after` counts for nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
    /// A message for everyone in the room.
    Say {
        /// What is said.
        text: String,
        /// Comes back in [`ServerMessage::Accepted`] or [`ServerMessage::Refused`].
        #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
}

/// One message of a room, as everyone sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Rises by one from message to message of a room.
    pub id: u64,
    /// Who said it.
    pub name: String,
    /// What was said: text, never markup.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerMessage {
    /// The answer to a join.
    Welcome {
        /// The name as the others see it: trimmed.
        name: String,
        /// The room.
        room: String,
        /// Ids of two different epochs have nothing to do with each other.
        epoch: String,
        /// Who is here, the newcomer too, sorted.
        people: Vec<String>,
        /// The last messages, oldest first; those after `after` for a client that comes back.
        history: Vec<Said>,
        /// How many messages after `after` are no longer kept.
        missed: u64,
    },
    /// A message, to everyone in the room, its sender too.
    Said(Said),
    /// To the sender alone, if it gave a `ref`: the message has this id.
    Accepted {
        /// As the sender gave it.
        #[serde(rename = "ref")]
        reference: String,
        /// The id of the message.
        id: u64,
    },
    /// Somebody came.
    Joined {
        /// Who.
        name: String,
    },
    /// Somebody went.
    Left {
        /// Who.
        name: String,
    },
    /// This reader was too slow, and will not get these messages.
    Missed {
        /// How many.
        count: u64,
        /// The id of the first of them.
        first: u64,
        /// The id of the last of them.
        last: u64,
    },
    /// Who is here, after something was missed. Sorted.
    People {
        /// Everyone in the room.
        people: Vec<String>,
    },
    /// A message was not accepted; the connection goes on.
    Refused {
        /// As the sender gave it.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// One sentence for people.
        reason: String,
    },
    /// The server is about to close, with code [`close::GOING_AWAY`].
    Closing {
        /// One sentence for people.
        reason: String,
    },
}

/// Why the server closes. Codes below 4000 are those of RFC 6455, the others are ours.
pub mod close {
    /// The server stops.
    pub const GOING_AWAY: u16 = 1001;
    /// A frame that the protocol does not allow.
    pub const PROTOCOL: u16 = 1002;
    /// A binary message: this server speaks text.
    pub const BINARY: u16 = 1003;
    /// Text that is not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// The client went on flooding although it was refused.
    pub const FLOOD: u16 = 1008;
    /// A frame or a message of more than [`super::MAX_MESSAGE_BYTES`].
    pub const TOO_BIG: u16 = 1009;
    /// Not now: try again later.
    pub const TRY_AGAIN: u16 = 1013;
    /// A join that cannot be, or a message that is not of this protocol. The reason says what.
    pub const BAD_MESSAGE: u16 = 4000;
    /// Somebody of this name is in the room.
    pub const NAME_TAKEN: u16 = 4001;
    /// No join in time.
    pub const NO_JOIN: u16 = 4002;
    /// Nothing was heard for two heartbeats.
    pub const NO_PONG: u16 = 4003;
}

//! Why a conversation ends, and what the client is told.

use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::protocol::{MAX_MESSAGE_BYTES, close};

/// Why a conversation ends.
pub(crate) enum End {
    /// We close, with this code and this reason.
    Close(u16, String),
    /// We close because what came is not of this protocol.
    Bad(String),
    /// The client closes; it gets its answer.
    Closed,
    /// Nobody is there.
    Gone,
}

/// tungstenite tells what is wrong with a frame, and leaves the close to us.
impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(error) => Self::Close(close::PROTOCOL, error.to_string()),
            Error::Utf8(_) => Self::Close(close::NOT_UTF8, "this is not UTF-8".to_owned()),
            Error::Capacity(_) => Self::Close(
                close::TOO_BIG,
                format!("more than {MAX_MESSAGE_BYTES} bytes"),
            ),
            _ => Self::Gone,
        }
    }
}

pub(crate) fn stopping() -> End {
    End::Close(close::GOING_AWAY, "the server stops".to_owned())
}

pub(crate) fn flood() -> End {
    End::Close(close::FLOOD, "too much, and too fast".to_owned())
}

/// The close of WebSocket. It has room for 123 bytes of reason.
pub(crate) fn frame(code: u16, mut reason: String) -> CloseFrame {
    reason.truncate(reason.floor_char_boundary(123));
    CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }
}

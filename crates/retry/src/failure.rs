//! What went wrong with one attempt, and what follows from it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

/// What went wrong, coarse enough to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nobody listens there. Nothing was sent.
    Refused,
    /// The connection ended before the answer did.
    Reset,
    /// No answer in the time of one attempt.
    TimedOut,
    /// There was an answer, and it says that it did not work.
    Answered(StatusCode),
}

/// One word, for those who count: `refused`, `503`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("reset"),
            Self::TimedOut => f.write_str("timeout"),
            Self::Answered(status) => f.write_str(status.as_str()),
        }
    }
}

/// An attempt that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What went wrong.
    pub cause: Cause,
    /// How long the one who was asked wants to be left alone.
    pub retry_after: Duration,
    // Shared, because the report of all attempts has it as well as the last error.
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that asks for no pause and has nothing below it.
    #[must_use]
    pub fn new(cause: Cause) -> Self {
        Self {
            cause,
            retry_after: Duration::ZERO,
            source: None,
        }
    }

    /// With the error of the library that noticed it, for [`Error::source`].
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        let source: Option<Arc<dyn Error + Send + Sync>> = Some(Arc::new(source));
        Self { source, ..self }
    }

    /// With a pause that was asked for.
    #[must_use]
    pub fn after(self, retry_after: Duration) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// Whether the same request may well succeed later.
    ///
    /// A 400 or a 404 is about the request, and a 500 is mostly a bug: they come again.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self.cause {
            Cause::Refused | Cause::Reset | Cause::TimedOut => true,
            Cause::Answered(status) => matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504),
        }
    }

    /// Whether the request may have done its work, although we have no answer that says so.
    ///
    /// 429 and 503 say "not now", and are believed. 502 and 504 come from a gateway, which does not
    /// know what became of the request behind it.
    #[must_use]
    pub fn may_have_been_done(&self) -> bool {
        match self.cause {
            Cause::Refused => false,
            Cause::Reset | Cause::TimedOut => true,
            Cause::Answered(status) => !matches!(status.as_u16(), 429 | 503),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Refused => f.write_str("connection refused"),
            Cause::Reset => f.write_str("connection reset"),
            Cause::TimedOut => f.write_str("timed out"),
            Cause::Answered(status) => write!(f, "answered {status}"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

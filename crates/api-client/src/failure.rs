//! What can go wrong with one request, each in one line.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;
use std::time::Duration;

use http_body_util::LengthLimitError;
use hyper_util::client::legacy;
use tokio_rustls::rustls;

/// Why there is no answer. An answer with status 404 or 500 is none of these: it is an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    NotAUrl(String),
    /// Not complete within this time.
    TimedOut(Duration),
    Refused,
    UnknownHost(String),
    Tls(String),
    TooManyOpenFiles,
    /// The body is longer than this many bytes.
    TooLong(usize),
    /// The connection ended before the head of the answer had come.
    Closed,
    /// Everything else, in the words of the library or the operating system.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAUrl(reason) => write!(f, "not a URL to fetch: {reason}"),
            Self::TimedOut(limit) => write!(f, "timed out after {} s", limit.as_secs_f64()),
            Self::Refused => f.write_str("connection refused (is the server running?)"),
            Self::UnknownHost(reason) => write!(f, "cannot find the host: {reason}"),
            Self::Tls(reason) => write!(f, "TLS: {reason}"),
            Self::TooManyOpenFiles => {
                f.write_str("too many open files (lower --concurrency, or raise `ulimit -n`)")
            }
            Self::TooLong(limit) => write!(f, "body longer than {limit} bytes"),
            Self::Closed => f.write_str("the server closed the connection without an answer"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl Error for Failure {}

/// From the client of hyper-util, whose own message is only `client error (Connect)`. What
/// happened stands in its sources.
impl From<legacy::Error> for Failure {
    fn from(error: legacy::Error) -> Self {
        let mut last = error.to_string();
        for cause in causes(&error) {
            last = cause.to_string();
            // The type of this error is private to hyper-util; its text is all there is.
            if last == "dns error" {
                let reason = cause.source().map_or(last, ToString::to_string);
                let prefix = "failed to lookup address information: ";
                let reason = reason.strip_prefix(prefix).unwrap_or(&reason);
                return Self::UnknownHost(reason.to_owned());
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>()
                && hyper.is_incomplete_message()
            {
                return Self::Closed;
            }
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Self::from_io(io, error.is_connect());
            }
        }
        if error.is_connect() {
            Self::Other(format!("cannot connect: {last}"))
        } else {
            Self::Other(format!("not an HTTP/1 answer: {last}"))
        }
    }
}

impl Failure {
    /// From reading a body that [`http_body_util::Limited`] holds to `limit` bytes.
    pub(crate) fn in_body(error: &(dyn Error + 'static), limit: usize) -> Self {
        if error.is::<LengthLimitError>() {
            return Self::TooLong(limit);
        }
        let last = causes(error).last().unwrap_or(error);
        Self::Other(format!("the body broke off: {last}"))
    }

    fn from_io(error: &io::Error, connecting: bool) -> Self {
        // "Too many open files" has no `ErrorKind` of its own.
        const TOO_MANY_OPEN_FILES: i32 = if cfg!(windows) { 10024 } else { 24 };
        if error.kind() == io::ErrorKind::ConnectionRefused {
            Self::Refused
        } else if error.raw_os_error() == Some(TOO_MANY_OPEN_FILES) {
            Self::TooManyOpenFiles
        } else if let Some(tls) = tls_error(error) {
            Self::Tls(tls.to_string())
        } else if connecting {
            Self::Other(format!("cannot connect: {error}"))
        } else {
            Self::Other(format!("the connection broke off: {error}"))
        }
    }
}

/// The error below this one, the one below that, and so on.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    iter::successors(error.source(), |&error| error.source())
}

/// rustls' error, which reaches us inside two `io::Error`s.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner
        .downcast_ref::<rustls::Error>()
        .or_else(|| tls_error(inner.downcast_ref::<io::Error>()?))
}

//! What the lesson prints: a line for each request, and a summary.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::time::Duration;

use indicatif::ProgressBar;
use tokio::time::Instant;

use crate::Outcome;

/// The line of the report.
impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url;
        match &self.result {
            Ok(answer) => {
                let status = answer.status.as_u16();
                let took = Shown(self.took).to_string();
                write!(f, "{status:<5}{:>8} bytes  {took:>6}  {url}", answer.bytes)?;
                // Whether to follow is a decision (how often, to which hosts, with which headers),
                // so hyper leaves it to its user.
                match &answer.location {
                    Some(to) if answer.status.is_redirection() => {
                        write!(f, " (to {to}, not followed)")
                    }
                    _ => Ok(()),
                }
            }
            Err(failure) => write!(f, "error  {failure}  {url}"),
        }
    }
}

/// A duration as the report shows it: `0.5 s`, or `12 ms` below a tenth of a second.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.1 {
            write!(f, "{:.0} ms", seconds * 1000.0)
        } else {
            write!(f, "{seconds:.1} s")
        }
    }
}

/// Prints the report. Unlike `println!` it does not panic when the reader has gone, as in
/// `api-client | head -1`.
///
/// # Errors
///
/// If standard output cannot be written to.
pub(crate) fn print(
    outcomes: &[Outcome],
    start: Instant,
    opened: usize,
    quiet: bool,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out, outcomes, start, opened, quiet)?;
    out.flush()
}

/// Writes a line for each outcome, in their order (only for what failed, if `quiet`), and the
/// summary: `opened` connections, and times since `start`.
///
/// # Errors
///
/// If `out` cannot be written to.
pub(crate) fn write(
    out: &mut impl Write,
    outcomes: &[Outcome],
    start: Instant,
    opened: usize,
    quiet: bool,
) -> io::Result<()> {
    for outcome in outcomes {
        if !(quiet && outcome.is_ok()) {
            writeln!(out, "{outcome}")?;
        }
    }
    let ok = outcomes.iter().filter(|o| o.is_ok()).count();
    let failed = outcomes.len() - ok;
    let connections = match opened {
        1 => "1 connection".to_owned(),
        n => format!("{n} connections"),
    };
    let total = Shown(start.elapsed());
    write!(out, "{ok} ok, {failed} failed, {connections}, ")?;
    write!(out, "{total} in all")?;
    let answered = outcomes.iter().filter(|o| o.result.is_ok());
    let answered = answered.map(|o| o.start + o.took);
    if let (Some(first), Some(last)) = (answered.clone().min(), answered.max()) {
        let (first, last) = (Shown(first - start), Shown(last - start));
        write!(out, "; first answer after {first}, last after {last}")?;
    }
    writeln!(out)
}

/// A bar for a list that is long enough to wait for, if somebody is there to see it.
pub(crate) fn progress_bar(requests: usize) -> ProgressBar {
    if requests >= 20 && io::stderr().is_terminal() {
        ProgressBar::new(requests as u64)
    } else {
        ProgressBar::hidden()
    }
}

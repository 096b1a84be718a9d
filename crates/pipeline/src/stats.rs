//! How far it is, and how fast it was. All of it goes to standard error: the report is the same on
//! every machine.

use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::chunks::{Input, Source};

/// A bar with the throughput and the time that is left, if somebody is there to see it.
pub(crate) fn progress_bar(inputs: &[Input]) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let size = |input: &Input| match &input.source {
        Source::File(path) => {
            let about = fs::metadata(path).ok()?;
            about.is_file().then_some(about.len())
        }
        Source::StandardInput => None,
        Source::BuiltIn(bytes) => Some(bytes.len() as u64),
        #[cfg(test)]
        Source::Other(_) => None,
    };
    let (bar, template) = match inputs.iter().map(size).sum::<Option<u64>>() {
        Some(all) => (
            ProgressBar::new(all),
            "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ),
        None => (
            ProgressBar::no_length(),
            "{spinner} {bytes}, {bytes_per_sec}, {elapsed}",
        ),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What a run costs, from here to its end.
pub(crate) struct Stats {
    /// The real clock, also where tokio's is paused. `None`: nobody wants to know.
    start: Option<Instant>,
}

impl Stats {
    pub(crate) fn begin(wanted: bool) -> Self {
        Self {
            start: wanted.then(Instant::now),
        }
    }

    /// Prints the line, of a run that has read so many bytes.
    #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    pub(crate) fn end(self, bytes: u64) {
        let Some(start) = self.start else { return };
        let (seconds, megabytes) = (start.elapsed().as_secs_f64(), bytes as f64 / 1e6);
        let mut line = format!(
            "{megabytes:.1} MB in {seconds:.2} s: {:.0} MB/s",
            megabytes / seconds
        );
        if let Some(cpu) = cpu_seconds() {
            line += &format!(", {cpu:.2} s of CPU: {:.1} cores busy", cpu / seconds);
        }
        if let Some(peak) = peak_megabytes() {
            line += &format!(", {peak:.0} MB of memory at most");
        }
        eprintln!("pipeline: {line}");
    }
}

/// The time that all threads of this process have computed. Linux tells; elsewhere it is `None`.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name, in brackets, and may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks: f64 = fields.next()?.parse().ok()?;
    let in_the_kernel: f64 = fields.next()?.parse().ok()?;
    Some((ticks + in_the_kernel) / 100.0) // Linux shows hundredths of a second to all programs.
}

/// The most memory that this process has had at a time. Linux tells; elsewhere it is `None`.
fn peak_megabytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

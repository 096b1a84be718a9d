//! A table with a column for each server.

use std::time::Duration;

use crate::server::Kind;

pub(crate) struct Table {
    title: String,
    rows: Vec<(String, Vec<String>)>,
    names: Vec<&'static str>,
}

impl Table {
    pub(crate) fn new(title: String) -> Self {
        Self {
            title,
            rows: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Adds what has been measured of one server: cells with their labels, the same for each server.
    pub(crate) fn add(&mut self, kind: Kind, column: Vec<(String, String)>) {
        self.names.push(kind.name());
        self.rows.resize_with(column.len(), Default::default);
        for (row, (label, cell)) in self.rows.iter_mut().zip(column) {
            row.0 = label;
            row.1.push(cell);
        }
    }

    pub(crate) fn print(&self) {
        let line = |label: &str, cells: &mut dyn Iterator<Item = &str>| {
            let cells: String = cells.map(|cell| format!("  {cell:<18}")).collect();
            println!("{}", format!("{label:<44}{cells}").trim_end());
        };
        line(&self.title, &mut self.names.iter().copied());
        for (label, cells) in &self.rows {
            line(&format!("  {label}"), &mut cells.iter().map(String::as_str));
        }
        println!();
    }
}

/// What could not be measured.
fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "–".to_owned())
}

pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_millis(100) {
        format!("{:.1} ms", duration.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

pub(crate) fn megabytes(bytes: Option<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
    or_dash(bytes.map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6)))
}

/// So much more memory for so many.
pub(crate) fn kilobytes_each(before: Option<u64>, after: Option<u64>, number: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
    or_dash(before.zip(after).map(|(before, after)| {
        format!(
            "{:.1} KB",
            (after as f64 - before as f64) / 1e3 / number as f64
        )
    }))
}

/// So much more CPU time for so many.
pub(crate) fn microseconds_each(
    before: Option<Duration>,
    after: Option<Duration>,
    number: usize,
) -> String {
    #[expect(clippy::cast_precision_loss, reason = "numbers are far below 2^53")]
    or_dash(before.zip(after).map(|(before, after)| {
        format!(
            "{:.2} µs",
            (after - before).as_secs_f64() * 1e6 / number as f64
        )
    }))
}

/// How many cores were busy.
pub(crate) fn cores(before: Option<Duration>, after: Option<Duration>, wall: Duration) -> String {
    or_dash(before.zip(after).map(|(before, after)| {
        format!("{:.2}", (after - before).as_secs_f64() / wall.as_secs_f64())
    }))
}

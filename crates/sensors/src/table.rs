//! How everything stands, as a table.

use std::cmp::Reverse;

use sensors::{DeviceStatus, Snapshot, Totals};

use crate::log::thousands;

/// How many devices are shown: on a terminal of 24 lines there is room for some lines above.
const ROWS: usize = 12;
/// How much is shown of an id. One may have 64 characters, and would leave no room for anything else.
const WIDEST: usize = 16;
/// At most so many of these are those with a problem.
const PROBLEMS: usize = 8;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }
}

/// The lines of the table. `rate` is how many readings come in a second.
pub(crate) fn lines(snapshot: &Snapshot, rate: u64, paint: Paint) -> Vec<String> {
    let mut lines = vec![String::new(), headline(&snapshot.totals, rate, paint)];
    let totals = &snapshot.totals;
    // A line of its own: at the end of the first one it would be cut off by the edge.
    lines.push(paint.yellow(&problems(
        totals.dropped,
        totals.bad_lines,
        totals.bad_clock,
    )));
    let width = shown(snapshot).map(|device| device.id.len()).max();
    let width = width.unwrap_or(0).clamp("device".len(), WIDEST);
    lines.push(paint.dim(&format!(
        "  {:<width$} {:>9}  {:<12} {:>8} {:>8} {:>8}  last minute",
        "device", "readings", "", "min", "mean", "max"
    )));
    lines.extend(shown(snapshot).map(|device| row(device, width, paint)));
    let hidden = snapshot.devices.len().saturating_sub(ROWS);
    if hidden > 0 {
        let hidden = thousands(hidden as u64);
        lines.push(paint.dim(&format!("  … and {hidden} more")));
    }
    lines
}

fn headline(totals: &Totals, rate: u64, paint: Paint) -> String {
    format!(
        "{} {} online  {} {} offline  {}/s  {} readings",
        paint.green("●"),
        paint.bold(&thousands(totals.online)),
        paint.red("○"),
        paint.bold(&thousands(totals.known - totals.online)),
        paint.bold(&thousands(rate)),
        thousands(totals.readings),
    )
}

/// What was wrong so far.
fn problems(dropped: u64, bad_lines: u64, bad_clock: u64) -> String {
    let counts = [
        (dropped, "dropped"),
        (bad_lines, "bad lines"),
        (bad_clock, "bad clock"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let texts = counts.map(|(count, what)| format!("{} {what}", thousands(count)));
    texts.collect::<Vec<_>>().join(", ")
}

/// Those with a problem first, the worst above; then some of the others. Each part in the order of
/// the ids, so that rows do not jump.
fn shown(snapshot: &Snapshot) -> impl Iterator<Item = &DeviceStatus> {
    let mut devices: Vec<&DeviceStatus> = snapshot.devices.iter().collect();
    // Stable: it keeps the order of the ids.
    devices.sort_by_key(|device| Reverse(problem(device)));
    let problems = devices
        .iter()
        .take_while(|device| problem(device) > 0)
        .count();
    let others = devices.split_off(problems);
    let room = PROBLEMS.max(ROWS.saturating_sub(others.len()));
    devices.truncate(room);
    devices.extend(others);
    devices.truncate(ROWS);
    devices.into_iter()
}

/// How bad it is.
fn problem(device: &DeviceStatus) -> u8 {
    match device {
        device if !device.online => 3,
        device if device.dropped > 0 || device.bad_lines > 0 => 2,
        device if device.bad_clock > 0 => 1,
        _ => 0,
    }
}

fn row(device: &DeviceStatus, width: usize, paint: Paint) -> String {
    let mark = if device.online {
        paint.green("●")
    } else {
        paint.red("○")
    };
    let mut line = format!(
        "{mark} {:<width$.width$} {:>9}  ",
        device.id,
        thousands(device.readings)
    );
    if !device.online {
        let why = device.why.as_deref().unwrap_or_default();
        return line + &paint.red(&format!("offline: {why}"));
    }
    let wrong = problems(device.dropped, device.bad_lines, device.bad_clock);
    let Some(kind) = device.kinds.first() else {
        return line + &paint.yellow(&wrong);
    };
    // In place of the numbers, and not behind them: there a terminal of 80 columns ends.
    line += &match &kind.minute {
        _ if !wrong.is_empty() => paint.yellow(&format!("{wrong:<39}")),
        Some(minute) => {
            let [min, mean, max] = [minute.min, minute.mean, minute.max].map(number);
            format!("{:<12.12} {min:>8} {mean:>8} {max:>8}", kind.kind)
        }
        None => format!("{:<39.12}", kind.kind),
    };
    line + "  " + &sparkline(&kind.means)
}

/// A number of at most eight characters.
fn number(value: f64) -> String {
    if value.abs() < 100_000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.1e}")
    }
}

/// A bar for each value, from the least to the greatest of them.
fn sparkline(values: &[Option<f64>]) -> String {
    let known = || values.iter().flatten().copied();
    let min = known().fold(f64::INFINITY, f64::min);
    let max = known().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: f64| {
        // Halves, because the difference of the largest numbers is infinite.
        let share = (value / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 7; a share that is no number, because all are equal, becomes 0"
        )]
        let height = (share * 7.0).round() as usize;
        BARS[height.min(7)]
    };
    values.iter().map(|value| value.map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use sensors::{BUCKETS, KindStatus, Summary};

    use super::*;

    #[test]
    fn bars_go_from_the_least_to_the_greatest() {
        let some =
            |values: &[f64]| sparkline(&values.iter().copied().map(Some).collect::<Vec<_>>());
        assert_eq!(some(&[0.0, 3.5, 7.0]), "▁▅█");
        assert_eq!(some(&[5.0, 5.0]), "▁▁");
        assert_eq!(some(&[f64::MIN, f64::MAX]), "▁█");
        assert_eq!(sparkline(&[None, Some(1.0), None]), " ▁ ");
    }

    /// What is wrong with a device must not be behind the edge of a terminal.
    #[test]
    fn a_row_fits_eighty_columns() {
        let plain = KindStatus {
            kind: "a-kind-with-a-name-of-32-letters".into(),
            last: f64::MIN,
            minute: Some(Summary {
                count: 1,
                min: f64::MIN,
                mean: 0.0,
                max: f64::MAX,
            }),
            means: [Some(1.0); BUCKETS],
        };
        let mut device = DeviceStatus {
            id: "x".repeat(64).into(),
            online: true,
            every: 1.0,
            connections: 1,
            offline: 0,
            silent: 0,
            why: None,
            quiet: Some(0.0),
            readings: 1_000_000,
            bad_clock: 0,
            dropped: 0,
            bad_lines: 0,
            kinds: vec![plain],
        };
        let columns = |device| row(device, WIDEST, Paint(false)).chars().count();
        let shape = columns(&device);
        assert!(shape - BUCKETS <= 72, "the bars begin before the edge");
        (device.dropped, device.bad_lines) = (1_234_567, 12);
        let text = row(&device, WIDEST, Paint(false));
        assert_eq!(text.chars().count(), shape, "{text}");
        assert!(text.contains("1,234,567 dropped, 12 bad lines"), "{text}");
    }

    #[test]
    fn numbers_fit_their_column() {
        for value in [0.0, -99_999.94, 123_456.0, f64::MAX, f64::MIN, 1e-300] {
            assert!(number(value).len() <= 8, "{}", number(value));
        }
        assert_eq!(number(21.46), "21.5");
    }
}

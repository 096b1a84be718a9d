//! What happens at the gateway, as lines for people.

use std::time::Duration;

use sensors::{Event, Totals};
use tokio::time::Instant;

/// How many lines a second are worth reading. When a thousand devices go at once, nobody reads a
/// thousand lines.
const LINES: u32 = 20;

/// Makes a line of an event, unless there are too many.
#[derive(Debug)]
pub(crate) struct Log {
    second: Instant,
    told: u32,
    left_out: u32,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            second: Instant::now(),
            told: 0,
            left_out: 0,
        }
    }

    /// The line of this event, if it is to have one.
    pub(crate) fn line(&mut self, event: &Event) -> Option<String> {
        let line = line(event)?;
        if self.told >= LINES {
            self.left_out += 1;
            return None;
        }
        self.told += 1;
        Some(line)
    }

    /// To be called now and then: how many lines were left out in the last second.
    pub(crate) fn left_out(&mut self) -> Option<String> {
        if self.second.elapsed() < Duration::from_secs(1) {
            return None;
        }
        let left_out = std::mem::take(&mut self.left_out);
        *self = Self::new();
        (left_out > 0).then(|| format!("… and {} more like these", thousands(left_out.into())))
    }
}

/// Readings and summaries have none: there are too many.
fn line(event: &Event) -> Option<String> {
    match event {
        Event::Online { device, .. } => Some(format!("{device}: online")),
        Event::Replaced { device } => Some(format!("{device}: a newer connection has taken over")),
        Event::Offline { device, why } => Some(format!("{device}: offline, {why}")),
        Event::BadLine { device, error } => Some(format!("{device}: {error}")),
        Event::Flooding { device, limit } => Some(format!(
            "{device}: more than {limit} readings a second; dropped, and read more slowly"
        )),
        Event::CannotAccept { error } => Some(format!(
            "cannot take more connections: {error}; is `ulimit -n` too low?"
        )),
        Event::Reading { .. } | Event::Summary { .. } => None,
    }
}

/// One line for everything, between two moments.
pub(crate) fn summary(before: &Totals, now: &Totals, between: Duration) -> String {
    let rate = thousands(rate(now.readings - before.readings, between));
    let mut line = format!(
        "{} online, {} offline; {rate} readings a second, {} counted",
        thousands(now.online),
        thousands(now.known - now.online),
        thousands(now.readings)
    );
    for (count, what) in [
        (now.dropped, "dropped"),
        (now.bad_clock, "with a bad clock"),
        (now.bad_lines, "bad lines"),
    ] {
        if count > 0 {
            line += &format!(", {} {what}", thousands(count));
        }
    }
    line
}

/// So many in this time, as a number a second.
pub(crate) fn rate(count: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    count.saturating_mul(1000) / milliseconds.max(1)
}

/// `1204` as `1,204`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        let texts = [0, 7, 999, 1000, 1204, 1_000_000].map(thousands);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,204", "1,000,000"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_to_read_a_thousand_lines() {
        let mut log = Log::new();
        let event = Event::Replaced {
            device: "pump-1".into(),
        };
        let lines = (0..1000).filter(|_| log.line(&event).is_some()).count();
        assert_eq!(lines, 20);
        assert_eq!(log.left_out(), None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(log.left_out().as_deref(), Some("… and 980 more like these"));
        assert!(log.line(&event).is_some());
    }
}

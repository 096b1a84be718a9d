//! How much one device may do.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many readings a second, and as many at once after a pause.
#[derive(Debug)]
pub(crate) struct Rate {
    /// When the next reading would come, if they came evenly. A number of tokens and when they were
    /// counted would say the same with two fields.
    next: Instant,
    step: Duration,
    /// How far ahead of an even pace a device may be.
    ahead: Duration,
}

impl Rate {
    /// At least one reading a second.
    pub(crate) fn new(a_second: u32, now: Instant) -> Self {
        let second = Duration::from_secs(1);
        let step = second / a_second.max(1);
        Self {
            next: now,
            step,
            ahead: second - step,
        }
    }

    /// Whether a reading may come now; if not, when the next one may.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let next = self.next.max(now);
        if next > now + self.ahead {
            return Err(next - self.ahead);
        }
        self.next = next + self.step;
        Ok(())
    }
}

/// Three bad lines in a row, or ten within a minute, are too many.
#[derive(Debug, Default)]
pub(crate) struct BadLines {
    in_a_row: u32,
    /// When the last ones came, at most ten. Most devices never have one.
    recent: VecDeque<Instant>,
}

impl BadLines {
    pub(crate) fn good(&mut self) {
        self.in_a_row = 0;
    }

    /// One more; whether that is one too many, and of which rule.
    pub(crate) fn bad(&mut self, now: Instant) -> Result<(), &'static str> {
        self.in_a_row += 1;
        if self.in_a_row == 3 {
            return Err("three bad lines in a row");
        }
        self.recent.push_back(now);
        while self
            .recent
            .front()
            .is_some_and(|&old| now - old >= Duration::from_mins(1))
        {
            self.recent.pop_front();
        }
        if self.recent.len() == 10 {
            return Err("ten bad lines in a minute");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_send_so_many_a_second_and_not_more() {
        let start = Instant::now();
        let mut rate = Rate::new(50, start);
        let mut taken = 0;
        // One each millisecond, for ten seconds.
        for millisecond in 0..10_000 {
            taken += u32::from(
                rate.take(start + Duration::from_millis(millisecond))
                    .is_ok(),
            );
        }
        assert_eq!(taken, 50 + 499, "those at once, and one each 20 ms");
    }

    #[test]
    fn it_says_when_the_next_may_come() {
        let start = Instant::now();
        let mut rate = Rate::new(2, start);
        assert!(rate.take(start).is_ok() && rate.take(start).is_ok());
        assert_eq!(rate.take(start), Err(start + Duration::from_millis(500)));
        assert!(rate.take(start + Duration::from_millis(500)).is_ok());
        // A pause gives it two again, not more.
        let later = start + Duration::from_mins(1);
        assert!(rate.take(later).is_ok() && rate.take(later).is_ok() && rate.take(later).is_err());
    }

    #[test]
    fn three_in_a_row_or_ten_in_a_minute_are_too_many() {
        let start = Instant::now();
        let mut lines = BadLines::default();
        assert!(lines.bad(start).is_ok() && lines.bad(start).is_ok());
        assert_eq!(lines.bad(start), Err("three bad lines in a row"));

        // One bad line each seven seconds, good ones between: nine are within a minute.
        let mut lines = BadLines::default();
        for bad in 0..100 {
            lines.good();
            assert!(
                lines.bad(start + Duration::from_secs(7) * bad).is_ok(),
                "{bad}"
            );
        }
        // Each six seconds: the tenth comes after 54.
        let mut lines = BadLines::default();
        for bad in 0..9 {
            lines.good();
            assert!(lines.bad(start + Duration::from_secs(6) * bad).is_ok());
        }
        lines.good();
        let tenth = start + Duration::from_secs(54);
        assert_eq!(lines.bad(tenth), Err("ten bad lines in a minute"));
    }
}

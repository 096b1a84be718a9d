//! What we have seen and said: all that has to survive a connection. No input, no output.

use crate::protocol::Said;

/// Our line that the server has not answered. There is at most one, so the order of our lines
/// survives a break.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) reference: String,
    pub(super) text: String,
    /// On some connection. If that broke, nobody has told us whether it arrived.
    pub(super) sent: bool,
    /// How often it was refused.
    pub(super) refused: u32,
}

/// What became of our line when the connection broke.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It arrived, or there was none, or it goes out now.
    Known,
    /// Nobody can say. This was its text.
    Unknown(String),
}

/// Which welcome this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    First,
    Back,
    /// The server has lost its memory in between, and begins to count anew.
    Restarted,
}

#[derive(Debug)]
struct Place {
    epoch: String,
    /// The newest message that we have seen.
    last: u64,
    /// Our newest message of which we know that it was accepted.
    accepted: u64,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    place: Option<Place>,
    line: Option<Line>,
    lines: u64,
}

impl Ledger {
    pub(super) fn was_inside(&self) -> bool {
        self.place.is_some()
    }

    /// What a join says of our last connection: the newest message we saw, and in which epoch.
    pub(super) fn seen(&self) -> (Option<u64>, Option<String>) {
        let place = self.place.as_ref();
        (
            place.map(|place| place.last),
            place.map(|place| place.epoch.clone()),
        )
    }

    pub(super) fn arrive(&mut self, epoch: String) -> Arrival {
        let arrival = match &self.place {
            None => Arrival::First,
            Some(place) if place.epoch == epoch => return Arrival::Back,
            Some(_) => Arrival::Restarted,
        };
        self.place = Some(Place {
            epoch,
            last: 0,
            accepted: 0,
        });
        arrival
    }

    /// Whether the message `id` is new, and if so, how many should have come before it and did not.
    pub(super) fn see(&mut self, id: u64) -> Option<u64> {
        let place = self.place.as_mut().filter(|place| place.last < id)?;
        // Ids rise by one. Only of the first one that we see nobody knows what was before.
        let gap = if place.last == 0 {
            0
        } else {
            id - place.last - 1
        };
        place.last = id;
        Some(gap)
    }

    /// The server says that nothing up to `id` will come any more.
    pub(super) fn skip_to(&mut self, id: u64) {
        if let Some(place) = &mut self.place {
            place.last = place.last.max(id);
        }
    }

    pub(super) fn take(&mut self, text: &str) {
        self.lines += 1;
        self.line = Some(Line {
            reference: self.lines.to_string(),
            text: text.to_owned(),
            sent: false,
            refused: 0,
        });
    }

    pub(super) fn has_line(&self) -> bool {
        self.line.is_some()
    }

    /// Whether our last line was answered, and we have seen it among the others.
    pub(super) fn is_through(&self) -> bool {
        let shown = |place: &Place| place.last >= place.accepted;
        self.line.is_none() && self.place.as_ref().is_some_and(shown)
    }

    /// Our line, if it has to go out now. It counts as sent from here on.
    pub(super) fn next_to_send(&mut self) -> Option<&Line> {
        let line = self.line.as_mut().filter(|line| !line.sent)?;
        line.sent = true;
        Some(line)
    }

    pub(super) fn accepted(&mut self, reference: &str, id: u64) {
        if self
            .line
            .take_if(|line| line.reference == reference)
            .is_some()
            && let Some(place) = &mut self.place
        {
            place.accepted = id;
        }
    }

    /// Our line, if this is the answer to it.
    pub(super) fn refused(&mut self, reference: Option<&str>) -> Option<Line> {
        self.line
            .take_if(|line| Some(&*line.reference) == reference)
    }

    /// It goes out again, later.
    pub(super) fn put_back(&mut self, line: Line) {
        self.line = Some(Line {
            sent: false,
            refused: line.refused + 1,
            ..line
        });
    }

    /// Finds out what became of our line on the last connection, from the messages since.
    ///
    /// Nobody has told us. The history tells: the server gave us our name again, so our last
    /// connection was over, and what is not in the history by then never comes. Only if the history
    /// has a `hole`, nobody knows.
    pub(super) fn settle(&mut self, history: &[Said], hole: bool, name: &str) -> Settled {
        let accepted = self.place.as_ref().map_or(0, |place| place.accepted);
        let Some(line) = self.line.take_if(|line| line.sent) else {
            return Settled::Known;
        };
        let mut ours = history
            .iter()
            .filter(|said| said.id > accepted && said.name == name);
        if ours.any(|said| said.text == line.text) {
            return Settled::Known;
        }
        if hole {
            return Settled::Unknown(line.text);
        }
        self.line = Some(Line {
            sent: false,
            ..line
        });
        Settled::Known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(id: u64, name: &str, text: &str) -> Said {
        Said {
            id,
            name: name.into(),
            text: text.into(),
            at: 0,
        }
    }

    /// Ada has seen 7, and her line "hi" went out on a connection that broke.
    fn broken() -> Ledger {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.arrive("e".into()), Arrival::First);
        assert_eq!(ledger.see(7), Some(0));
        ledger.take("hi");
        assert_eq!(ledger.next_to_send().map(|line| &*line.text), Some("hi"));
        assert!(ledger.next_to_send().is_none());
        ledger
    }

    #[test]
    fn what_arrived_is_not_sent_again() {
        let mut ledger = broken();
        assert_eq!(ledger.arrive("e".into()), Arrival::Back);
        let history = [said(8, "Bob", "hi"), said(9, "Ada", "hi")];
        assert_eq!(ledger.settle(&history, false, "Ada"), Settled::Known);
        assert!(!ledger.has_line());
    }

    #[test]
    fn what_did_not_arrive_is_sent_again() {
        let mut ledger = broken();
        ledger.arrive("e".into());
        assert_eq!(
            ledger.settle(&[said(8, "Bob", "hi")], false, "Ada"),
            Settled::Known
        );
        assert_eq!(ledger.next_to_send().map(|line| &*line.text), Some("hi"));
    }

    /// Who says "ok" twice is heard twice.
    #[test]
    fn an_earlier_line_of_the_same_text_is_another_line() {
        let mut ledger = broken();
        ledger.accepted("1", 8); // and the connection breaks before 8 comes
        ledger.take("hi");
        ledger.next_to_send();
        ledger.arrive("e".into());
        assert_eq!(
            ledger.settle(&[said(8, "Ada", "hi")], false, "Ada"),
            Settled::Known
        );
        assert_eq!(ledger.next_to_send().map(|line| &*line.text), Some("hi"));
    }

    #[test]
    fn with_a_hole_nobody_knows() {
        let mut ledger = broken();
        assert_eq!(ledger.arrive("f".into()), Arrival::Restarted);
        let unknown = Settled::Unknown("hi".into());
        assert_eq!(ledger.settle(&[], true, "Ada"), unknown);
        assert!(!ledger.has_line());
        // What was never sent is no question.
        let mut ledger = Ledger::default();
        ledger.take("hi");
        assert_eq!(ledger.settle(&[], true, "Ada"), Settled::Known);
        assert!(ledger.has_line());
    }

    #[test]
    fn each_message_is_seen_once_and_gaps_are_seen() {
        let mut ledger = Ledger::default();
        ledger.arrive("e".into());
        assert_eq!(ledger.see(40), Some(0));
        assert_eq!(ledger.see(40), None);
        assert_eq!(ledger.see(41), Some(0));
        assert_eq!(ledger.see(45), Some(3));
        ledger.skip_to(50);
        assert_eq!(ledger.see(51), Some(0));
        ledger.arrive("f".into());
        assert_eq!(ledger.see(1), Some(0));
    }

    #[test]
    fn the_answer_to_another_line_is_none_to_ours() {
        let mut ledger = broken();
        ledger.accepted("other", 9);
        assert!(ledger.refused(None).is_none());
        assert!(ledger.has_line());
        let line = ledger.refused(Some("1")).unwrap();
        ledger.put_back(line);
        assert_eq!(ledger.next_to_send().map(|line| line.refused), Some(1));
        ledger.accepted("1", 9);
        assert!(!ledger.is_through()); // 9 itself has not come
        ledger.see(9);
        assert!(ledger.is_through());
    }
}

//! What a page does with the events.

use std::collections::BTreeMap;

use serde_json::Value;

/// An event as a browser sees it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Event {
    /// The number in its id.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn version(&self) -> u64 {
        let version = self.id.split_once('-').map(|(_, version)| version);
        version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0)
    }
}

/// Reads the text of a stream.
pub(crate) fn events(text: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(text).unwrap();
    let blocks = text.split("\n\n").filter(|block| block.contains("data: "));
    let read = |block: &str| {
        let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
        Event {
            name: field("event: ").unwrap().to_owned(),
            id: field("id: ").unwrap_or_default().to_owned(),
            data: serde_json::from_str(field("data: ").unwrap()).unwrap(),
        }
    };
    blocks.map(read).collect()
}

/// What a page knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    clock: Value,
    late: Value,
    symbols: BTreeMap<String, Value>,
    bars: BTreeMap<(String, i64), Value>,
    alerts: BTreeMap<i64, Value>,
    pub(crate) has_ended: bool,
}

impl Page {
    pub(crate) fn take(&mut self, events: &[Event]) {
        for event in events {
            match event.name.as_str() {
                "snapshot" => self.snapshot(&event.data),
                "update" => self.update(&event.data),
                "alert" => self.alert(&event.data),
                "end" => self.has_ended = true,
                _ => {}
            }
        }
    }

    pub(crate) fn snapshot(&mut self, data: &Value) {
        *self = Self::default();
        self.update(data);
        data["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|alert| self.alert(alert));
    }

    fn update(&mut self, data: &Value) {
        (self.clock, self.late) = (data["clock"].clone(), data["late"].clone());
        for symbol in data["symbols"].as_array().unwrap() {
            let mut symbol = symbol.clone();
            let name = symbol["symbol"].as_str().unwrap().to_owned();
            for bar in symbol["bars"].take().as_array().unwrap() {
                let start = bar["t"].as_i64().unwrap();
                self.bars.insert((name.clone(), start), bar.clone());
            }
            self.symbols.insert(name.clone(), symbol);
            // The server keeps 120 closed ones and all open ones. What is older than these is gone,
            // also a bar that this page has only seen open: bars close in order of time.
            let range = (name.clone(), i64::MIN)..=(name.clone(), i64::MAX);
            let closed = self.bars.range(range.clone());
            let mut closed = closed.filter(|(_, bar)| bar["closed"] == true).rev();
            if let Some((_, oldest)) = closed.nth(119).map(|(key, _)| key.clone()) {
                self.bars
                    .retain(|(other, start), _| *other != name || *start >= oldest);
            }
        }
    }

    fn alert(&mut self, alert: &Value) {
        self.alerts
            .insert(alert["id"].as_i64().unwrap(), alert.clone());
        while self.alerts.len() > 20 {
            self.alerts.pop_first();
        }
    }
}

#[test]
fn a_page_reads_events() {
    let read = events(b"retry: 1\n\n: alive\n\nid: a-7\nevent: end\ndata: {}\n\n");
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].name.as_str(), read[0].version()), ("end", 7));
}

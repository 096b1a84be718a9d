//! The recording for other programs: its events, and the trace-event format of Perfetto.

use std::fmt::Write as _;
use std::time::Duration;

use super::recording::{Clock, Recording, What};

impl Recording {
    /// The events as JSON, one on a line. The format is the one that `timeline.py` writes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let clock = match self.clock {
            Clock::Paused => "paused",
            Clock::Real => "real",
        };
        let events: Vec<String> = self.events.iter().map(|e| event(e.at, &e.what)).collect();
        format!(
            "{{\"format\":\"timeline/1\",\"language\":{},\"clock\":\"{clock}\",\"tasks\":{},\"threads\":{},\
             \"events\":[\n{}\n],\"left_out\":{}}}\n",
            string(&self.language),
            strings(&self.tasks),
            strings(&self.threads),
            events.join(",\n"),
            self.left_out
        )
    }

    /// The recording in the trace-event format, which <https://ui.perfetto.dev> and
    /// `chrome://tracing` open: a track for each future, a slice for each poll, and an arrow from
    /// the poll that woke to the poll that followed.
    #[must_use]
    pub fn trace_events(&self, title: &str) -> String {
        let mut out = vec![meta("process_name", 0, title)];
        out.extend(
            self.tasks
                .iter()
                .enumerate()
                .map(|(task, name)| meta("thread_name", task, name)),
        );
        // The poll that each task is in, and the arrow that points at its next one.
        let mut polls: Vec<Option<(Duration, usize)>> = vec![None; self.tasks.len()];
        let mut arrows: Vec<Option<usize>> = vec![None; self.tasks.len()];
        for (number, event) in self.events.iter().enumerate() {
            let ts = micros(event.at);
            match &event.what {
                What::Scene { name } => out.push(format!(
                    "{{\"ph\":\"i\",\"s\":\"g\",\"pid\":1,\"tid\":0,\"ts\":{ts},\"name\":{}}}",
                    string(name)
                )),
                What::Created { task, .. } => out.push(instant(*task, &ts, "created")),
                What::Woken { task, by } => {
                    out.push(instant(*task, &ts, "woken"));
                    if let Some(by) = by
                        && polls[*by].is_some()
                    {
                        arrows[*task] = Some(number);
                        out.push(arrow("s", *by, &ts, number));
                    }
                }
                What::Poll { task, thread } => {
                    polls[*task] = Some((event.at, *thread));
                    if let Some(id) = arrows[*task].take() {
                        out.push(arrow("f", *task, &ts, id));
                    }
                }
                What::Pending { task }
                | What::Ready { task }
                | What::Panicked { task }
                | What::Dropped { task, .. } => {
                    if let What::Dropped { .. } = event.what {
                        out.push(instant(*task, &ts, "dropped"));
                    }
                    // Python cancels a coroutine by running it: a drop may end a poll.
                    if let Some((from, thread)) = polls[*task].take() {
                        let end = match event.what {
                            What::Pending { .. } => "pending",
                            What::Ready { .. } => "ready",
                            What::Panicked { .. } => "panicked",
                            _ => "dropped",
                        };
                        let thread = self.threads.get(thread).map_or("unnamed", String::as_str);
                        out.push(format!(
                            "{{\"ph\":\"X\",\"pid\":1,\"tid\":{},\"ts\":{},\"dur\":{},\"name\":\"poll\",\
                             \"args\":{{\"end\":\"{end}\",\"thread\":{}}}}}",
                            task + 1,
                            micros(from),
                            micros(event.at.saturating_sub(from)),
                            string(thread)
                        ));
                    }
                }
            }
        }
        format!(
            "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{}\n]}}\n",
            out.join(",\n")
        )
    }
}

fn event(at: Duration, what: &What) -> String {
    let at = at.as_nanos();
    match what {
        What::Scene { name } => format!(
            "{{\"at\":{at},\"what\":\"scene\",\"name\":{}}}",
            string(name)
        ),
        What::Created { task, by } => by_event(at, *task, "created", *by),
        What::Poll { task, thread } => {
            format!("{{\"at\":{at},\"task\":{task},\"what\":\"poll\",\"thread\":{thread}}}")
        }
        What::Pending { task } => plain_event(at, *task, "pending"),
        What::Ready { task } => plain_event(at, *task, "ready"),
        What::Woken { task, by } => by_event(at, *task, "woken", *by),
        What::Dropped { task, by } => by_event(at, *task, "dropped", *by),
        What::Panicked { task } => plain_event(at, *task, "panicked"),
    }
}

fn plain_event(at: u128, task: usize, what: &str) -> String {
    format!("{{\"at\":{at},\"task\":{task},\"what\":\"{what}\"}}")
}

fn by_event(at: u128, task: usize, what: &str, by: Option<usize>) -> String {
    let by = by.map_or("null".to_owned(), |by| by.to_string());
    format!("{{\"at\":{at},\"task\":{task},\"what\":\"{what}\",\"by\":{by}}}")
}

/// Perfetto counts microseconds.
fn micros(at: Duration) -> String {
    format!("{}.{:03}", at.as_micros(), at.as_nanos() % 1000)
}

fn meta(what: &str, task: usize, name: &str) -> String {
    let tid = if what == "process_name" { 0 } else { task + 1 };
    format!(
        "{{\"ph\":\"M\",\"pid\":1,\"tid\":{tid},\"name\":\"{what}\",\"args\":{{\"name\":{}}}}}",
        string(name)
    )
}

fn instant(task: usize, ts: &str, name: &str) -> String {
    format!(
        "{{\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":{},\"ts\":{ts},\"name\":\"{name}\"}}",
        task + 1
    )
}

fn arrow(phase: &str, task: usize, ts: &str, id: usize) -> String {
    // An arrow ends at the slice that encloses its end.
    let enclosing = if phase == "f" { ",\"bp\":\"e\"" } else { "" };
    format!(
        "{{\"ph\":\"{phase}\"{enclosing},\"pid\":1,\"tid\":{},\"ts\":{ts},\"id\":{id},\"name\":\"wakes\",\"cat\":\"wake\"}}",
        task + 1
    )
}

fn strings(all: &[String]) -> String {
    let all: Vec<String> = all.iter().map(|one| string(one)).collect();
    format!("[{}]", all.join(","))
}

/// A JSON string. By hand, so that a lesson does not compile a JSON library for its timeline.
fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

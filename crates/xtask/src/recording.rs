//! Reads recordings: `--timeline=FILE.json` of either language writes them.

use std::time::Duration;

use common::timeline::{Clock, Event, Recording, What};
use serde::Deserialize;

const FORMAT: &str = "timeline/1";

#[derive(Deserialize)]
struct File {
    format: String,
    language: String,
    clock: String,
    tasks: Vec<String>,
    threads: Vec<String>,
    events: Vec<Line>,
    left_out: usize,
}

#[derive(Deserialize)]
struct Line {
    /// Nanoseconds since the recording began.
    at: u64,
    what: String,
    task: Option<usize>,
    thread: Option<usize>,
    by: Option<usize>,
    name: Option<String>,
}

/// The recording in a JSON text.
///
/// # Errors
///
/// If the text is not JSON, or names tasks, threads or events that do not exist.
pub fn from_json(text: &str) -> Result<Recording, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.format != FORMAT {
        return Err(format!("the format is `{}`, not `{FORMAT}`", file.format));
    }
    let clock = match file.clock.as_str() {
        "paused" => Clock::Paused,
        "real" => Clock::Real,
        other => return Err(format!("there is no clock `{other}`")),
    };
    let counts = (file.tasks.len(), file.threads.len());
    let events = file.events.into_iter().enumerate().map(|(number, line)| {
        event(&line, counts).map_err(|message| format!("event {number}: {message}"))
    });
    Ok(Recording {
        language: file.language,
        clock,
        events: events.collect::<Result<_, _>>()?,
        tasks: file.tasks,
        threads: file.threads,
        left_out: file.left_out,
    })
}

fn event(line: &Line, (tasks, threads): (usize, usize)) -> Result<Event, String> {
    let below = |what: &str, index: Option<usize>, count: usize| match index {
        Some(index) if index < count => Ok(index),
        Some(index) => Err(format!("there is no {what} {index}")),
        None => Err(format!("no {what} is named")),
    };
    let task = || below("task", line.task, tasks);
    let by = || match line.by {
        Some(_) => below("task", line.by, tasks).map(Some),
        None => Ok(None),
    };
    let what = match line.what.as_str() {
        "scene" => What::Scene {
            name: line.name.clone().ok_or("a scene has no name")?,
        },
        "created" => What::Created {
            task: task()?,
            by: by()?,
        },
        "poll" => What::Poll {
            task: task()?,
            thread: below("thread", line.thread, threads)?,
        },
        "pending" => What::Pending { task: task()? },
        "ready" => What::Ready { task: task()? },
        "woken" => What::Woken {
            task: task()?,
            by: by()?,
        },
        "dropped" => What::Dropped {
            task: task()?,
            by: by()?,
        },
        "panicked" => What::Panicked { task: task()? },
        other => return Err(format!("nothing called `{other}` can happen")),
    };
    Ok(Event {
        at: Duration::from_nanos(line.at),
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Recording {
        let what = [
            What::Scene {
                name: "a \"scene\"".to_owned(),
            },
            What::Created { task: 0, by: None },
            What::Created {
                task: 1,
                by: Some(0),
            },
            What::Poll { task: 0, thread: 0 },
            What::Woken {
                task: 1,
                by: Some(0),
            },
            What::Pending { task: 0 },
            What::Poll { task: 1, thread: 0 },
            What::Panicked { task: 1 },
            What::Woken { task: 0, by: None },
            What::Dropped { task: 0, by: None },
            What::Ready { task: 0 },
        ];
        let at = |number| Duration::from_nanos(1_500_000_001_u64 * number);
        Recording {
            language: "python".to_owned(),
            clock: Clock::Paused,
            tasks: vec!["a()".to_owned(), "b(1)".to_owned()],
            threads: vec!["main".to_owned()],
            events: (0..)
                .map(at)
                .zip(what)
                .map(|(at, what)| Event { at, what })
                .collect(),
            left_out: 3,
        }
    }

    #[test]
    fn what_a_lesson_writes_is_read_back_as_it_was() {
        assert_eq!(from_json(&all().to_json()), Ok(all()));
    }

    #[test]
    fn a_recording_that_names_what_is_not_there_is_refused() {
        let json = all().to_json();
        let wrong = |from: &str, to: &str| from_json(&json.replacen(from, to, 1)).unwrap_err();
        assert!(wrong("timeline/1", "timeline/2").contains("`timeline/2`"));
        assert!(wrong("paused", "fast").contains("no clock `fast`"));
        assert!(wrong("\"task\":1", "\"task\":2").contains("event 2: there is no task 2"));
        assert!(wrong("\"thread\":0", "\"thread\":1").contains("there is no thread 1"));
        assert!(wrong("\"pending\"", "\"waiting\"").contains("nothing called `waiting`"));
        assert!(from_json("{").is_err());
    }
}

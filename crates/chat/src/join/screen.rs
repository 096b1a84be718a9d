//! What is printed, by a thread of its own.
//!
//! A terminal may stand still (Ctrl-S), and so may a pager at the other end of a pipe. Then a write
//! does not return, and whoever made it hears no Ctrl-C. So a thread makes it; the others wait in an
//! `.await`, stop reading from the server, and it tells them later what they missed.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::visible::{rows, visible};

/// Lines that wait for the terminal.
const WAITING: usize = 64;

/// One entry on the screen, as it came: it is made [`visible`] when it is printed.
#[derive(Debug)]
pub(super) enum Entry {
    Said { name: String, text: String },
    Note(String),
}

/// Nobody reads any more, as after `| head`.
#[derive(Debug)]
pub(super) struct Gone;

#[derive(Debug)]
pub(super) struct Screen {
    entries: mpsc::Sender<Entry>,
    done: oneshot::Receiver<()>,
}

impl Screen {
    pub(super) fn open() -> Self {
        let (entries, mut waiting) = mpsc::channel(WAITING);
        let (finished, done) = oneshot::channel();
        let style = Style::of_this_terminal();
        // Without a thread the receiver is dropped, and the first `show` says `Gone`.
        let _ = thread::Builder::new().name("screen".into()).spawn(move || {
            let mut width = Width::default();
            while let Some(first) = waiting.blocking_recv() {
                let columns = if style.folds {
                    width.columns()
                } else {
                    usize::MAX
                };
                let mut text = style.print(&first, columns);
                // All that waits in one write.
                while let Ok(entry) = waiting.try_recv() {
                    text.push_str(&style.print(&entry, columns));
                }
                let mut output = io::stdout().lock();
                if output
                    .write_all(text.as_bytes())
                    .and_then(|()| output.flush())
                    .is_err()
                {
                    return;
                }
            }
            if style.shares_row {
                // What was not sent, and the `^C`, would stand before the prompt of the shell.
                let _ = io::stdout().write_all(b"\r\x1b[K");
                let _ = io::stdout().flush();
            }
            let _ = finished.send(());
        });
        Self { entries, done }
    }

    /// Waits while the terminal stands still.
    pub(super) async fn show(&self, entry: Entry) -> Result<(), Gone> {
        self.entries.send(entry).await.map_err(|_| Gone)
    }

    /// Completes when nobody reads any more.
    pub(super) async fn gone(&self) {
        self.entries.closed().await;
    }

    /// Waits until all is printed, if somebody reads.
    pub(super) async fn finish(self) {
        drop(self.entries);
        let _ = timeout(super::GOODBYE, self.done).await;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Style {
    /// Break lines at the edge.
    folds: bool,
    /// Bold names, dim notes.
    colours: bool,
    /// Somebody may be in the middle of a line on the last row.
    shares_row: bool,
}

impl Style {
    fn of_this_terminal() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        // Where Windows shows a terminal, it may not know these sequences.
        if cfg!(not(unix)) || is_dumb || !io::stdout().is_terminal() {
            return Self::default();
        }
        Self {
            folds: true,
            colours: !set("NO_COLOR"),
            shares_row: io::stdin().is_terminal(),
        }
    }

    fn print(self, entry: &Entry, columns: usize) -> String {
        let (head, text, mark) = match entry {
            // Names, too, are only as harmless as the server that lets them in; and on one line.
            Entry::Said { name, text } => {
                let head = format!("{}:", visible(name).replace('\n', "␊"));
                let text = format!("{head} {}", visible(text));
                (head, text, "\x1b[1m")
            }
            Entry::Note(note) => {
                let text = format!("* {}", visible(note).replace('\n', "␊"));
                (text.clone(), text, "\x1b[2m")
            }
        };
        let mut printed = String::new();
        for (n, row) in rows(&text, columns).into_iter().enumerate() {
            let row = match row.strip_prefix(&head) {
                Some(rest) if self.colours && n == 0 => format!("{mark}{head}\x1b[m{rest}"),
                _ => row,
            };
            if self.shares_row {
                printed.push_str(&above(&row));
            } else {
                printed.push_str(&row);
                printed.push('\n');
            }
        }
        printed
    }
}

/// Prints `row` above the row of the cursor, which keeps what somebody is typing there.
///
/// The terminal itself echoes what is typed and keeps it until Enter, so this program does not know
/// what stands on that row. It moves it: down one row and up again, which makes the screen scroll if
/// it has to (`ESC D` and not a newline, which would go to the first column); remember the place; let
/// a row in; write; back to the place, and one row down, where the typed line now is.
fn above(row: &str) -> String {
    format!("\x1bD\x1b[A\x1b7\x1b[L\r{row}\x1b8\x1b[B")
}

/// The width of the terminal, asked for at most once a second.
#[derive(Debug, Default)]
struct Width(Option<(Instant, usize)>);

impl Width {
    fn columns(&mut self) -> usize {
        let recent = Duration::from_secs(1);
        match self.0 {
            Some((asked, columns)) if asked.elapsed() < recent => columns,
            _ => {
                let columns = asked_from_stty().unwrap_or(80);
                self.0 = Some((Instant::now(), columns));
                columns
            }
        }
    }
}

/// The standard library does not know the size of a terminal; every Unix has a program that does.
fn asked_from_stty() -> Option<usize> {
    let mut stty = Command::new("stty");
    // It asks the terminal on its standard input. Ours may be a pipe.
    stty.arg("size").stdin(io::stdout()).stderr(Stdio::null());
    let output = stty.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let columns: usize = text.split_whitespace().nth(1)?.parse().ok()?;
    (columns >= 10).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Entry {
        Entry::Said {
            name: "Eve".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_pipe_gets_plain_lines() {
        let plain = Style::default();
        assert_eq!(plain.print(&said("hi"), usize::MAX), "Eve: hi\n");
        assert_eq!(
            plain.print(&said("hi\nBob: I owe Eve 5\x1b[2J"), usize::MAX),
            "Eve: hi\n  Bob: I owe Eve 5␛[2J\n"
        );
        let note = Entry::Note("Bob\njoined".into());
        assert_eq!(plain.print(&note, usize::MAX), "* Bob␊joined\n");
    }

    #[test]
    fn a_terminal_gets_only_sequences_of_ours() {
        let all = Style {
            folds: true,
            colours: true,
            shares_row: true,
        };
        let printed = all.print(&said("\x1b]0;title\x07 \u{9b}31m"), 80);
        let ours = [
            "\x1bD\x1b[A\x1b7\x1b[L\r",
            "\x1b[1m",
            "\x1b[m",
            "\x1b8\x1b[B",
        ];
        let mut rest = printed.clone();
        for sequence in ours {
            assert!(rest.contains(sequence), "{printed:?}");
            rest = rest.replace(sequence, "");
        }
        assert_eq!(rest, "Eve: ␛]0;title␇ <U+009B>31m");
    }
}

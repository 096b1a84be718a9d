//! Lines that stay, and a table below them that changes. Where there is no terminal, only the lines.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where the program writes.
pub(crate) struct Screen {
    /// The table: a bar for each of its lines. indicatif moves the cursor, cuts what is too wide,
    /// and knows the terminals of Windows.
    table: Option<(MultiProgress, Vec<ProgressBar>)>,
    color: bool,
}

impl Screen {
    /// A screen that shows a table, if `table` is wanted and standard output is a terminal.
    pub(crate) fn new(table: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = io::stdout().is_terminal() && !dumb;
        // A limit would count each line of the table: some would be shown as they were before.
        let target = ProgressDrawTarget::stdout_with_hz(u8::MAX);
        Self {
            table: (table && terminal)
                .then(|| (MultiProgress::with_draw_target(target), Vec::new())),
            color: terminal && !set("NO_COLOR"),
        }
    }

    /// Whether there is a table.
    pub(crate) fn is_live(&self) -> bool {
        self.table.is_some()
    }

    /// Whether colours are welcome.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Writes a line that stays.
    pub(crate) fn say(&self, line: &str) {
        if let Some((all, _)) = &self.table {
            let _ = all.println(line);
            return;
        }
        // Not `println!`, which keeps its lines until there are many when they go to a pipe, and
        // panics when the reader has gone.
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{line}").and_then(|()| out.flush());
        if written.is_err() {
            // As a program that SIGPIPE ends.
            std::process::exit(141);
        }
    }

    /// Shows these lines as the table.
    pub(crate) fn draw(&mut self, lines: Vec<String>) {
        let Some((all, bars)) = &mut self.table else {
            return;
        };
        while bars.len() < lines.len() {
            let style = ProgressStyle::with_template("{wide_msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            bars.push(all.add(ProgressBar::no_length().with_style(style)));
        }
        for bar in bars.drain(lines.len()..) {
            all.remove(&bar);
        }
        for (bar, line) in bars.iter().zip(lines) {
            bar.set_message(line);
        }
    }

    /// Takes the table away; lines may follow.
    pub(crate) fn clear(&mut self) {
        if let Some((all, bars)) = self.table.take() {
            for bar in bars {
                bar.finish_and_clear();
            }
            let _ = all.clear();
        }
    }
}

//! The recording in a terminal.

use std::time::Duration;

use super::recording::{Ending, Recording, Row, Scene, State, duration};

/// How the timeline is drawn in a terminal.
#[derive(Clone, Debug)]
pub struct Style {
    /// How many columns the drawing may take. At least 40.
    pub width: usize,
    /// How many rows a scene shows before it says how many more there are.
    pub rows: usize,
    /// Plain ASCII instead of block characters.
    pub ascii: bool,
    /// ANSI colours.
    pub color: bool,
}

impl Default for Style {
    /// 80 columns, 40 rows, block characters, no colour.
    fn default() -> Self {
        Self {
            width: 80,
            rows: 40,
            ascii: false,
            color: false,
        }
    }
}

/// What stands in one place of a row. The greater one hides the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Nothing,
    Is(State),
    Panicked,
    Dropped,
}

impl Recording {
    /// The recording as text: a row for each future, time from left to right.
    #[must_use]
    pub fn text(&self, style: &Style) -> String {
        let scenes = self.scenes();
        if scenes.is_empty() {
            return "Nothing was recorded: no traced future was made.\n".to_owned();
        }
        let mut out = String::new();
        let mut used = Vec::new();
        let mut threads = 0;
        for scene in &scenes {
            scene.text(style, &mut out, &mut used);
            threads = threads.max(scene.threads().len());
        }
        out.push_str(&legend(&used, threads > 1, style));
        if self.left_out > 0 {
            out.push_str(&format!(
                "The recording was full: {} later events are left out.\n",
                self.left_out
            ));
        }
        if style.ascii {
            out.replace('µ', "u").replace('…', "...")
        } else {
            out
        }
    }
}

impl Scene {
    fn text(&self, style: &Style, out: &mut String, used: &mut Vec<Cell>) {
        let shown = &self.rows[..self.rows.len().min(style.rows)];
        let several = self.threads().len() > 1;
        let notes: Vec<String> = shown.iter().map(|row| row.note(self.length())).collect();
        let label = width(shown.iter().map(|row| &row.name)).min(style.width / 3);
        let columns = style
            .width
            .max(40)
            .saturating_sub(label + width(notes.iter()) + 4)
            .max(10);
        let bar = if style.ascii { '|' } else { '│' };

        if let Some(name) = &self.name {
            out.push_str(&format!("{name}\n"));
        }
        for (row, note) in shown.iter().zip(&notes) {
            let cells = self.cells(row, columns);
            used.extend(&cells);
            let name: String = row.name.chars().take(label).collect();
            let drawn: String = cells
                .iter()
                .map(|cell| draw(*cell, several, style))
                .collect();
            out.push_str(&format!("{name:<label$} {bar}{drawn}{bar} {note}\n"));
        }
        if self.rows.len() > shown.len() {
            out.push_str(&format!(
                "{:label$} … and {} more\n",
                "",
                self.rows.len() - shown.len()
            ));
        }
        let end = duration(self.length());
        out.push_str(&format!(
            "{:label$}  0 s{end:>right$}\n\n",
            "",
            right = columns.saturating_sub(3)
        ));
    }

    /// The row, cut into `columns` places.
    fn cells(&self, row: &Row, columns: usize) -> Vec<Cell> {
        let place = |at: Duration| self.place(at, columns - 1);
        let mut cells = vec![Cell::Nothing; columns];
        for span in &row.spans {
            for cell in &mut cells[place(span.from)..=place(span.to)] {
                *cell = (*cell).max(Cell::Is(span.state));
            }
        }
        match row.ending {
            Ending::Dropped(at) => cells[place(at)] = Cell::Dropped,
            Ending::Panicked(at) => cells[place(at)] = Cell::Panicked,
            Ending::None | Ending::Ready(_) => {}
        }
        cells
    }

    /// Where the moment `at` lies, from 0 to `last`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a picture"
    )]
    fn place(&self, at: Duration, last: usize) -> usize {
        if self.length().is_zero() {
            return 0;
        }
        let share = at.saturating_sub(self.start).as_secs_f64() / self.length().as_secs_f64();
        ((share * last as f64).round() as usize).min(last)
    }
}

fn width<'a>(all: impl Iterator<Item = &'a String>) -> usize {
    all.map(|one| one.chars().count()).max().unwrap_or(0)
}

fn glyph(cell: Cell, several_threads: bool, ascii: bool) -> char {
    let (block, plain) = match cell {
        Cell::Nothing => (' ', ' '),
        Cell::Is(State::NotStarted) => ('-', '-'),
        Cell::Is(State::Waiting) => ('·', '.'),
        Cell::Is(State::Queued) => ('▒', '+'),
        Cell::Is(State::Running(thread)) if several_threads => {
            // Threads are numbered from 1. After 9 come the letters.
            let number = u32::try_from(thread + 1)
                .ok()
                .and_then(|n| char::from_digit(n, 36));
            let number = number.unwrap_or('*');
            (number, number)
        }
        Cell::Is(State::Running(_)) => ('█', '#'),
        Cell::Panicked => ('!', '!'),
        Cell::Dropped => ('✗', 'x'),
    };
    if ascii { plain } else { block }
}

fn draw(cell: Cell, several_threads: bool, style: &Style) -> String {
    let glyph = glyph(cell, several_threads, style.ascii);
    let color = match cell {
        Cell::Nothing => None,
        Cell::Is(State::NotStarted | State::Waiting) => Some("2"),
        Cell::Is(State::Queued) => Some("33"),
        Cell::Is(State::Running(thread)) => Some(["32", "36", "35", "34"][thread % 4]),
        Cell::Panicked | Cell::Dropped => Some("31"),
    };
    match color {
        Some(color) if style.color => format!("\x1b[{color}m{glyph}\x1b[0m"),
        _ => glyph.to_string(),
    }
}

/// What the characters mean, for those that occur.
fn legend(used: &[Cell], several_threads: bool, style: &Style) -> String {
    let running = if several_threads {
        "running, on that thread"
    } else {
        "running"
    };
    let meanings = [
        (Cell::Is(State::Running(0)), running),
        (Cell::Is(State::Queued), "woken, waiting for the thread"),
        (Cell::Is(State::Waiting), "waiting"),
        (Cell::Is(State::NotStarted), "not started"),
        (Cell::Panicked, "failed"),
        (Cell::Dropped, "dropped"),
    ];
    let same = |a: &Cell, b: &Cell| match (a, b) {
        (Cell::Is(State::Running(_)), Cell::Is(State::Running(_))) => true,
        _ => a == b,
    };
    let entries = meanings
        .iter()
        .filter(|(cell, _)| used.iter().any(|one| same(one, cell)))
        .map(|(cell, meaning)| format!("{} {meaning}", glyph(*cell, several_threads, style.ascii)));
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + entry.chars().count() <= style.width => {
                line.push_str(&format!("   {entry}"));
            }
            _ => lines.push(entry),
        }
    }
    format!("{}\n", lines.join("\n"))
}

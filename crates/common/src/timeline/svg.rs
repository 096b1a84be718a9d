//! The recording as an SVG picture.
//!
//! Drawn 480 units wide, so that its letters can still be read when a phone shrinks it; the
//! colours follow the reader's light or dark setting; a title and a description say in words what
//! it shows.

use std::fmt::Write as _;
use std::time::Duration;

use super::recording::{Clock, Ending, Recording, Row, Scene, State, duration};

const WIDTH: f64 = 480.0;
const MARGIN: f64 = 12.0;
/// How wide a letter of the labels is: a monospaced font of 13 units.
const LETTER: f64 = 7.83;
const ROW: f64 = 24.0;
const BAR: f64 = 12.0;
/// No picture is longer than this many rows a scene; it then says how many more there are.
const MOST_ROWS: usize = 60;
const MOST_LABEL: usize = 18;

/// The colours. A poll has the colour of its thread, so there are four of those.
const STYLE: &str = "\
svg{--page:#fff;--text:#1f2328;--soft:#59636e;--line:#d1d9e0;--wait:#9aa4af;--queue:#d4a72c;--stop:#cf222e;\
--t0:#1a7f37;--t1:#0969da;--t2:#8250df;--t3:#bc4c00}\
@media(prefers-color-scheme:dark){svg{--page:#0d1117;--text:#f0f6fc;--soft:#9198a1;--line:#3d444d;--wait:#6e7681;\
--queue:#d29922;--stop:#f85149;--t0:#3fb950;--t1:#4493f8;--t2:#ab7df8;--t3:#f0883e}}\
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:var(--text)}\
.h{font-weight:bold}.s{fill:var(--soft);font-size:12px}.e{text-anchor:end}.m{text-anchor:middle}\
.page{fill:var(--page);stroke:var(--line)}.axis{stroke:var(--line)}\
.r0{fill:var(--t0)}.r1{fill:var(--t1)}.r2{fill:var(--t2)}.r3{fill:var(--t3)}\
.q{fill:var(--queue)}.w{fill:var(--wait)}.n{stroke:var(--wait);stroke-width:2;stroke-dasharray:1 5;stroke-linecap:round}\
.x{stroke:var(--stop);stroke-width:2.5;stroke-linecap:round}.k{fill:none;stroke:var(--queue);stroke-width:1.5}\
.kk{fill:var(--queue)}.t{stroke:var(--soft);stroke-width:1.5}";

impl Recording {
    /// The recording as an SVG picture under `title`, with all its scenes below each other.
    #[must_use]
    pub fn svg(&self, title: &str) -> String {
        let mut body = String::new();
        let mut words = String::new();
        let mut y = MARGIN + 15.0;
        let source = match (self.language.as_str(), self.clock) {
            ("python", Clock::Paused) => "Python, virtual time",
            ("python", Clock::Real) => "Python",
            (_, Clock::Paused) => "Rust, virtual time",
            (_, Clock::Real) => "Rust",
        };
        text(&mut body, MARGIN, y, "h", title);
        text(&mut body, WIDTH - MARGIN, y, "s e", source);
        y += 12.0;
        let scenes = self.scenes();
        let several_threads = scenes.iter().any(|scene| scene.threads().len() > 1);
        for scene in &scenes {
            scene.svg(&mut body, &mut y);
            scene.describe(&mut words);
        }
        legend(&scenes, several_threads, &mut body, &mut y);
        if self.left_out > 0 {
            y += 18.0;
            let more = format!(
                "The recording was full: {} later events are left out.",
                self.left_out
            );
            text(&mut body, MARGIN, y, "s", &more);
        }
        let height = y + MARGIN;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"title desc\" \
             width=\"640\" height=\"{tall:.0}\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\">\n\
             <title id=\"title\">{title}: what each future did, over time ({source})</title>\n\
             <desc id=\"desc\">{words}</desc>\n\
             <style>{STYLE}</style>\n\
             <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{w:.0}\" height=\"{h:.0}\" rx=\"6\"/>\n\
             {body}</svg>\n",
            tall = height * 640.0 / WIDTH,
            title = escape(title),
            words = escape(words.trim_end()),
            w = WIDTH - 1.0,
            h = height - 1.0,
        )
    }
}

/// Where things of a scene lie.
struct Frame<'a> {
    scene: &'a Scene,
    left: f64,
    right: f64,
    /// The middle of the first row.
    top: f64,
}

impl Frame<'_> {
    fn x(&self, at: Duration) -> f64 {
        if self.scene.length().is_zero() {
            return self.left;
        }
        let share =
            at.saturating_sub(self.scene.start).as_secs_f64() / self.scene.length().as_secs_f64();
        self.left + share.min(1.0) * (self.right - self.left)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "there are at most MOST_ROWS rows"
    )]
    fn y(&self, row: usize) -> f64 {
        self.top + row as f64 * ROW
    }
}

impl Scene {
    #[expect(clippy::cast_precision_loss, reason = "lengths of labels")]
    fn svg(&self, body: &mut String, y: &mut f64) {
        let shown = &self.rows[..self.rows.len().min(MOST_ROWS)];
        let letters = shown
            .iter()
            .map(|row| row.name.chars().count())
            .max()
            .unwrap_or(0);
        let notes: Vec<String> = shown.iter().map(|row| row.note(self.length())).collect();
        let note_letters = notes
            .iter()
            .map(|note| note.chars().count())
            .max()
            .unwrap_or(0);
        if let Some(name) = &self.name {
            *y += 18.0;
            text(body, MARGIN, *y, "h", name);
        }
        *y += 20.0;
        let frame = Frame {
            scene: self,
            left: MARGIN + letters.min(MOST_LABEL) as f64 * LETTER + 10.0,
            right: WIDTH - MARGIN - note_letters as f64 * LETTER - 10.0,
            top: *y,
        };
        // Wakes first: they lie under the bars.
        for wake in &self.wakes {
            frame.wake(wake, shown, body);
        }
        for (number, (row, note)) in shown.iter().zip(&notes).enumerate() {
            let middle = frame.y(number);
            let name: String = row.name.chars().take(MOST_LABEL).collect();
            text(body, MARGIN, middle + 4.5, "", &name);
            text(body, WIDTH - MARGIN, middle + 4.5, "e s", note);
            frame.row(row, middle, body);
        }
        *y = frame.y(shown.len());
        if self.rows.len() > shown.len() {
            text(
                body,
                MARGIN,
                *y,
                "s",
                &format!("… and {} more", self.rows.len() - shown.len()),
            );
            *y += 18.0;
        }
        frame.axis(body, *y - 8.0);
        *y += 10.0;
    }

    /// The scene in words, for those who do not see the picture.
    fn describe(&self, words: &mut String) {
        if let Some(name) = &self.name {
            let _ = write!(words, "{name}: ");
        }
        let _ = write!(words, "{} long. ", duration(self.length()));
        for row in self.rows.iter().take(MOST_ROWS) {
            let begins = row.spans.first().map_or(self.start, |span| span.from);
            let ends = row.spans.last().map_or(self.end, |span| span.to);
            let _ = write!(
                words,
                "{}: {}, from {} to {}. ",
                row.name,
                row.note(self.length()),
                duration(begins - self.start),
                duration(ends - self.start)
            );
        }
    }
}

impl Frame<'_> {
    fn row(&self, row: &Row, middle: f64, body: &mut String) {
        // Waiting before running, so that a short poll is not painted over.
        let mut spans = row.spans.clone();
        spans.sort_by_key(|span| span.state);
        for span in spans {
            let (from, to) = (self.x(span.from), self.x(span.to));
            match span.state {
                State::NotStarted if to > from => {
                    let _ = writeln!(
                        body,
                        "<path class=\"n\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>"
                    );
                }
                State::NotStarted => {}
                State::Waiting => rect(body, "w", from, to, middle, 3.0),
                State::Queued => rect(body, "q", from, to, middle, BAR * 0.6),
                // A poll too short to see is drawn three units wide.
                State::Running(thread) => {
                    let class = format!("r{}", thread % 4);
                    let from = if to - from < 3.0 {
                        f64::midpoint(from, to) - 1.5
                    } else {
                        from
                    };
                    rect(body, &class, from, to.max(from + 3.0), middle, BAR);
                }
            }
        }
        if let Ending::Dropped(at) | Ending::Panicked(at) = row.ending {
            let (x, r) = (self.x(at), 4.0);
            let _ = writeln!(
                body,
                "<path class=\"x\" d=\"M{:.1} {:.1}l{d} {d}m0 -{d}l-{d} {d}\"/>",
                x - r,
                middle - r,
                d = 2.0 * r
            );
        }
    }

    /// A wake by another task is an arrow from its row; one by the runtime is a tick from above.
    fn wake(&self, wake: &super::recording::Wake, shown: &[Row], body: &mut String) {
        let row_of = |task| shown.iter().position(|row: &Row| row.task == task);
        let Some(to) = row_of(wake.task) else { return };
        let (x, y) = (self.x(wake.at), self.y(to));
        match wake.by.and_then(row_of) {
            Some(from) if from != to => {
                let from_y = self.y(from);
                let tip = if from_y < y {
                    y - BAR / 2.0
                } else {
                    y + BAR / 2.0
                };
                let back = if from_y < y { -5.0 } else { 5.0 };
                let _ = writeln!(
                    body,
                    "<path class=\"k\" d=\"M{x:.1} {from_y:.1}V{tip:.1}\"/>"
                );
                let _ = writeln!(
                    body,
                    "<path class=\"kk\" d=\"M{x:.1} {tip:.1}l-3.5 {back:.1}h7z\"/>"
                );
            }
            Some(_) => {}
            None => {
                let _ = writeln!(
                    body,
                    "<path class=\"kk\" d=\"M{x:.1} {:.1}l-3 -4.5h6z\"/>",
                    y - BAR / 2.0 - 0.5
                );
            }
        }
    }

    fn axis(&self, body: &mut String, y: f64) {
        let _ = writeln!(
            body,
            "<path class=\"axis\" fill=\"none\" d=\"M{:.1} {:.1}v-4h{:.1}v4\"/>",
            self.left,
            y + 2.0,
            self.right - self.left
        );
        text(body, self.left, y + 14.0, "s", "0 s");
        text(
            body,
            self.right,
            y + 14.0,
            "s e",
            &duration(self.scene.length()),
        );
    }
}

/// What the colours mean, for those that occur.
fn legend(scenes: &[Scene], several_threads: bool, body: &mut String, y: &mut f64) {
    let rows = || scenes.iter().flat_map(|scene| &scene.rows);
    let has = |state: fn(&State) -> bool| {
        rows().any(|row| row.spans.iter().any(|span| state(&span.state)))
    };
    let visible = |state: State| {
        rows().any(|row| {
            row.spans
                .iter()
                .any(|span| span.state == state && span.to > span.from)
        })
    };
    let mut entries: Vec<(&str, String)> = Vec::new();
    if several_threads {
        let mut threads: Vec<usize> = scenes.iter().flat_map(Scene::threads).collect();
        threads.sort_unstable();
        threads.dedup();
        for thread in threads.into_iter().take(4) {
            let class = ["r0", "r1", "r2", "r3"][thread % 4];
            entries.push((class, format!("thread {}", thread + 1)));
        }
    } else if has(|state| matches!(state, State::Running(_))) {
        entries.push(("r0", "running".into()));
    }
    if visible(State::Queued) {
        entries.push(("q", "woken, waiting for the thread".into()));
    }
    if visible(State::Waiting) {
        entries.push(("w", "waiting".into()));
    }
    if visible(State::NotStarted) {
        entries.push(("n", "not started".into()));
    }
    if scenes.iter().any(|scene| !scene.wakes.is_empty()) {
        entries.push(("kk", "woken".into()));
    }
    if rows().any(|row| matches!(row.ending, Ending::Dropped(_) | Ending::Panicked(_))) {
        entries.push(("x", "dropped or failed".into()));
    }
    *y += 8.0;
    let mut x = MARGIN;
    *y += 14.0;
    for (class, meaning) in entries {
        #[expect(clippy::cast_precision_loss, reason = "the length of a word")]
        let length = 22.0 + meaning.chars().count() as f64 * LETTER * 12.0 / 13.0 + 14.0;
        if x + length > WIDTH && x > MARGIN {
            x = MARGIN;
            *y += 18.0;
        }
        let middle = *y - 4.0;
        match class {
            "n" => {
                let _ = writeln!(body, "<path class=\"n\" d=\"M{x:.1} {middle:.1}h14\"/>");
            }
            "kk" => {
                let _ = writeln!(
                    body,
                    "<path class=\"kk\" d=\"M{:.1} {:.1}l-3 -4.5h6z\"/>",
                    x + 7.0,
                    middle + 3.0
                );
            }
            "x" => {
                let _ = writeln!(
                    body,
                    "<path class=\"x\" d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\"/>",
                    x + 3.0,
                    middle - 4.0
                );
            }
            "w" => rect(body, "w", x, x + 14.0, middle, 3.0),
            "q" => rect(body, "q", x, x + 14.0, middle, BAR * 0.6),
            _ => rect(body, class, x, x + 14.0, middle, BAR),
        }
        text(body, x + 20.0, *y, "s", &meaning);
        x += length;
    }
}

fn rect(body: &mut String, class: &str, from: f64, to: f64, middle: f64, height: f64) {
    let (width, top) = (to - from, middle - height / 2.0);
    if width > 0.0 {
        let _ = writeln!(
            body,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }
}

fn text(body: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
    let _ = writeln!(
        body,
        "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escape(text)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

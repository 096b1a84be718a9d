//! The flags that every lesson answers.

use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use lexopt::Arg;

use crate::timeline::{Clock, Style, Timeline};

/// A flag of one lesson, beside those that all lessons have.
#[derive(Debug)]
struct Flag {
    /// With the dashes: `--tasks`.
    name: &'static str,
    /// What its value is called in the help, if it takes one.
    value: Option<&'static str>,
    help: &'static str,
}

/// Where the command line sends the timeline.
#[derive(Debug)]
enum Destination {
    Terminal,
    File(PathBuf),
}

/// Where the timeline goes after the run.
#[derive(Debug)]
enum Picture {
    Terminal,
    File {
        file: RefCell<File>,
        path: PathBuf,
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Json,
    TraceEvents,
    Text,
}

impl Format {
    /// The format that the name of a file asks for.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        // The longer ending first: a trace is a `.json` too.
        [
            (".trace.json", Self::TraceEvents),
            (".json", Self::Json),
            (".svg", Self::Svg),
            (".txt", Self::Text),
        ]
        .into_iter()
        .find_map(|(ending, format)| name.ends_with(ending).then_some(format))
    }
}

/// A lesson that has not read its command line yet: says which flags it takes.
#[derive(Debug)]
pub struct Unopened {
    about: &'static str,
    flags: Vec<Flag>,
    arguments: Option<(&'static str, &'static str)>,
    package: Option<&'static str>,
    real_io: bool,
}

/// The command line of a lesson, read, and its recording, begun.
///
/// A mistake on the command line is one line on standard error and exit code 2.
#[derive(Debug)]
pub struct Stage {
    name: String,
    values: Vec<(&'static str, String)>,
    positional: Vec<String>,
    instant: bool,
    ascii: bool,
    recording: Option<(Timeline, Picture)>,
}

impl Stage {
    /// A lesson described by `about`, one or two lines that `--help` prints first.
    #[expect(
        clippy::new_ret_no_self,
        reason = "a stage exists once its command line has been read, which is what `begin` does"
    )]
    #[must_use]
    pub fn new(about: &'static str) -> Unopened {
        Unopened {
            about,
            flags: Vec::new(),
            arguments: None,
            package: None,
            real_io: false,
        }
    }

    /// The value of the flag `name`, if it was given. Given twice, the last one counts.
    ///
    /// A value that is no `T` ends the program with one line and exit code 2.
    #[must_use]
    pub fn value<T>(&self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.usage_error(format_args!("{name} cannot be {text:?}: {error}")),
        }
    }

    /// The value of the flag `name` in seconds, such as `2` or `0.25`.
    ///
    /// A value that is negative, too large or no number ends the program with one line and exit
    /// code 2.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        let text = self.text(name)?;
        let seconds = text
            .parse()
            .ok()
            .and_then(|s| Duration::try_from_secs_f64(s).ok());
        Some(seconds.unwrap_or_else(|| {
            self.usage_error(format_args!(
                "{name} cannot be {text:?}: it takes seconds, such as 2 or 0.25"
            ))
        }))
    }

    /// Whether the switch `name` was given.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// Whether `--instant` was given: tokio's clock is then paused.
    #[must_use]
    pub fn instant(&self) -> bool {
        self.instant
    }

    /// What was given beside the flags, in order.
    #[must_use]
    pub fn positional(&self) -> &[String] {
        &self.positional
    }

    fn text(&self, name: &str) -> Option<&str> {
        let given = self.values.iter().rev().find(|(flag, _)| *flag == name);
        given.map(|(_, value)| value.as_str())
    }

    /// Ends the program with `NAME: what` on standard error and exit code 2.
    pub fn usage_error(&self, what: impl Display) -> ! {
        usage_error(&self.name, what)
    }

    /// Begins a new picture of the timeline: what is recorded from here on is drawn under `name`,
    /// with its own zero of time.
    pub fn scene(&self, name: &str) {
        if let Some((timeline, _)) = &self.recording {
            timeline.scene(name);
        }
    }

    /// Draws the timeline, if one was asked for.
    ///
    /// The exit code is a success, or 1 when the file of the timeline could not be written, which
    /// is then said in one line.
    #[must_use]
    pub fn finish(self) -> ExitCode {
        let Some((timeline, picture)) = &self.recording else {
            return ExitCode::SUCCESS;
        };
        let recording = timeline.recording();
        let title = &self.name;
        match picture {
            Picture::Terminal => {
                print!("\n{}", recording.text(&self.style()));
                ExitCode::SUCCESS
            }
            Picture::File { file, path, format } => {
                let text = match format {
                    Format::Svg => recording.svg(title),
                    Format::Json => recording.to_json(),
                    Format::TraceEvents => recording.trace_events(title),
                    Format::Text => recording.text(&Style {
                        color: false,
                        ..self.style()
                    }),
                };
                match file.borrow_mut().write_all(text.as_bytes()) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => {
                        eprintln!("{title}: cannot write {}: {error}", path.display());
                        ExitCode::FAILURE
                    }
                }
            }
        }
    }

    /// Colour is for people: only on a terminal, and not where `NO_COLOR` asks for none.
    fn style(&self) -> Style {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Style {
            ascii: self.ascii,
            color: std::io::stdout().is_terminal() && !unwanted,
            ..Style::default()
        }
    }
}

impl Unopened {
    /// Adds a flag with a value, such as `.option("--tasks", "N", "how many")`.
    #[must_use]
    pub fn option(mut self, name: &'static str, value: &'static str, help: &'static str) -> Self {
        self.flags.push(Flag {
            name,
            value: Some(value),
            help,
        });
        self
    }

    /// Adds a flag without a value, such as `.switch("--quiet", "print the summary only")`.
    #[must_use]
    pub fn switch(mut self, name: &'static str, help: &'static str) -> Self {
        self.flags.push(Flag {
            name,
            value: None,
            help,
        });
        self
    }

    /// Says that this is a second program of the lesson `package`, which `--help` then names.
    #[must_use]
    pub fn package(mut self, package: &'static str) -> Self {
        self.package = Some(package);
        self
    }

    /// Allows arguments that are no flags, such as `.arguments("URL...", "what to fetch")`.
    #[must_use]
    pub fn arguments(mut self, name: &'static str, help: &'static str) -> Self {
        self.arguments = Some((name, help));
        self
    }

    /// Says that the lesson does real input and output, for which no clock can be paused:
    /// `--instant` is then not offered.
    #[must_use]
    pub fn real_io(mut self) -> Self {
        self.real_io = true;
        self
    }

    /// Reads the command line; pauses the clock under `--instant`; begins to record under
    /// `--timeline`.
    ///
    /// Ends the program after `--help` (exit code 0) and after a mistake (exit code 2).
    pub async fn begin(self) -> Stage {
        end_quietly_when_nobody_reads();
        let mut parser = lexopt::Parser::from_env();
        let name = parser
            .bin_name()
            .and_then(|bin| Path::new(bin).file_stem()?.to_str())
            .unwrap_or("lesson")
            .to_owned();
        let read = match self.read(&mut parser) {
            Ok(read) => read,
            Err(error) => usage_error(&name, error),
        };
        if read.help {
            print!("{}", self.help(&name));
            std::process::exit(0);
        }
        if read.instant {
            pause().await;
        }
        let recording = read.timeline.map(|to| {
            let picture = match open_picture(to) {
                Ok(picture) => picture,
                Err(error) => usage_error(&name, error),
            };
            let clock = if read.instant {
                Clock::Paused
            } else {
                Clock::Real
            };
            (Timeline::start_for_all(clock), picture)
        });
        Stage {
            name,
            values: read.values,
            positional: read.positional,
            instant: read.instant,
            ascii: read.ascii,
            recording,
        }
    }

    fn read(&self, parser: &mut lexopt::Parser) -> Result<Read, lexopt::Error> {
        let mut read = Read::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => read.help = true,
                Arg::Long("ascii") => read.ascii = true,
                Arg::Long("instant") if self.real_io => {
                    return Err(
                        "--instant does not work here: this lesson does real input and output, \
                         which no clock can hurry"
                            .into(),
                    );
                }
                Arg::Long("instant") => read.instant = true,
                // Only `--timeline=FILE` names a file: the word after `--timeline` may be an
                // argument of the lesson.
                Arg::Long("timeline") => {
                    let file = parser.optional_value().map(PathBuf::from);
                    read.timeline = Some(file.map_or(Destination::Terminal, Destination::File));
                }
                Arg::Long(long) => {
                    let flag = self.flags.iter().find(|flag| flag.name[2..] == *long);
                    let Some(flag) = flag else {
                        return Err(format!("there is no flag --{long}; see --help").into());
                    };
                    let value = match flag.value {
                        Some(_) => parser.value()?.into_string()?,
                        None => String::new(),
                    };
                    read.values.push((flag.name, value));
                }
                Arg::Short(short) => {
                    return Err(format!("there is no flag -{short}; see --help").into());
                }
                Arg::Value(value) if self.arguments.is_some() => {
                    read.positional.push(value.into_string()?);
                }
                Arg::Value(value) => {
                    let value = value.to_string_lossy();
                    return Err(format!("unexpected argument {value:?}; see --help").into());
                }
            }
        }
        Ok(read)
    }

    fn help(&self, name: &str) -> String {
        let mut rows: Vec<(String, &str)> = Vec::new();
        if let Some((arguments, help)) = self.arguments {
            rows.push((arguments.to_owned(), help));
        }
        for flag in &self.flags {
            let value = flag.value.map(|v| format!(" {v}")).unwrap_or_default();
            rows.push((format!("{}{value}", flag.name), flag.help));
        }
        if !self.real_io {
            rows.push((
                "--instant".into(),
                "virtual time: waits take no time, durations stay the same",
            ));
        }
        rows.extend([
            (
                "--timeline".into(),
                "draw what happened to each future, after the run",
            ),
            (
                "--timeline=FILE".into(),
                "write the drawing to FILE: .svg, .txt, .json (events) or .trace.json (Perfetto)",
            ),
            ("--ascii".into(), "draw with plain ASCII"),
            ("--help".into(), "print this help"),
        ]);
        let width = rows
            .iter()
            .map(|(flag, _)| flag.chars().count())
            .max()
            .unwrap_or(0);
        let arguments = self
            .arguments
            .map(|(a, _)| format!(" [{a}]"))
            .unwrap_or_default();
        let program = match self.package {
            Some(package) => format!("{package} --bin {name}"),
            None => name.to_owned(),
        };
        let mut help = format!(
            "{}\n\nUsage: cargo run -p {program} -- [FLAGS]{arguments}\n\n",
            self.about
        );
        for (flag, text) in rows {
            help.push_str(&format!("  {flag:<width$}  {text}\n"));
        }
        help
    }
}

/// What stood on the command line.
#[derive(Debug, Default)]
struct Read {
    help: bool,
    instant: bool,
    ascii: bool,
    timeline: Option<Destination>,
    values: Vec<(&'static str, String)>,
    positional: Vec<String>,
}

/// Opens the file before the run: a path that cannot be written is better told at once.
fn open_picture(to: Destination) -> Result<Picture, String> {
    let Destination::File(path) = to else {
        return Ok(Picture::Terminal);
    };
    let Some(format) = Format::of(&path) else {
        return Err(format!(
            "--timeline cannot write {}: name a file that ends in .svg, .txt, .json or .trace.json",
            path.display()
        ));
    };
    match File::create(&path) {
        Ok(file) => Ok(Picture::File {
            file: RefCell::new(file),
            path,
            format,
        }),
        Err(error) => Err(format!(
            "--timeline cannot write {}: {error}",
            path.display()
        )),
    }
}

/// `cargo run -p gather | head -n 3` closes the pipe after three lines, and the next `println!`
/// panics. That is no fault of the lesson: the program ends then, without a word, with the exit
/// code that a shell gives a program which the signal SIGPIPE has ended.
fn end_quietly_when_nobody_reads() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or_default();
        if let Some(why) = message.strip_prefix("failed printing to stdout: ") {
            if why.starts_with("Broken pipe") || !cfg!(unix) {
                std::process::exit(141);
            }
            eprintln!("cannot write to standard output: {why}");
            std::process::exit(1);
        }
        usual(info);
    }));
}

fn usage_error(name: &str, what: impl Display) -> ! {
    eprintln!("{name}: {what}");
    std::process::exit(2)
}

/// Pauses tokio's clock, on a whole millisecond.
///
/// tokio's timers count whole milliseconds since the runtime began and round up. The clock is
/// paused a fraction of a millisecond off that grid, so each wait of two seconds would take
/// 2.001 s. tokio does not say how large the fraction is, so it is searched: a wait that is
/// shorter than what is missing to the next whole millisecond ends there, a longer one ends a
/// millisecond later. A test with `start_paused = true` is on the grid from the start.
async fn pause() {
    use tokio::time::{Instant, advance, sleep_until};

    tokio::time::pause();
    let millisecond = Duration::from_millis(1);
    let (mut low, mut high) = (Duration::ZERO, millisecond);
    while high - low > Duration::from_nanos(1) {
        let middle = low + (high - low) / 2;
        let before = Instant::now();
        sleep_until(before + middle).await;
        if before.elapsed() > millisecond {
            high = middle;
        } else {
            low = middle;
        }
    }
    advance(low).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    fn lesson() -> Unopened {
        Stage::new("Shows something.")
            .option("--tasks", "N", "how many")
            .switch("--quiet", "say less")
    }

    fn read(lesson: &Unopened, args: &[&str]) -> Result<Read, String> {
        let mut parser = lexopt::Parser::from_args(args);
        lesson.read(&mut parser).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_of_the_stage_and_of_the_lesson_are_read() {
        let read = read(
            &lesson(),
            &["--instant", "--tasks", "7", "--quiet", "--timeline=x.svg"],
        )
        .unwrap();
        assert!(read.instant && !read.help && !read.ascii);
        assert_eq!(
            read.values,
            [("--tasks", "7".to_owned()), ("--quiet", String::new())]
        );
        assert!(
            matches!(read.timeline, Some(Destination::File(file)) if file == Path::new("x.svg"))
        );
    }

    #[test]
    fn the_word_after_timeline_is_not_its_file() {
        let lesson = lesson().arguments("URL...", "what to fetch");
        let read = read(&lesson, &["--timeline", "http://localhost"]).unwrap();
        assert!(matches!(read.timeline, Some(Destination::Terminal)));
        assert_eq!(read.positional, ["http://localhost"]);
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        let told = |args: &[&str]| read(&lesson(), args).unwrap_err();
        assert_eq!(told(&["--speed"]), "there is no flag --speed; see --help");
        assert_eq!(told(&["-v"]), "there is no flag -v; see --help");
        assert_eq!(told(&["five"]), "unexpected argument \"five\"; see --help");
        assert_eq!(told(&["--tasks"]), "missing argument for option '--tasks'");
        let lesson = lesson().real_io();
        let told = read(&lesson, &["--instant"]).unwrap_err();
        assert!(told.starts_with("--instant does not work here"), "{told}");
    }

    #[test]
    fn a_picture_needs_a_name_that_says_its_format() {
        let told = open_picture(Destination::File("x.png".into())).unwrap_err();
        assert!(told.contains(".svg, .txt, .json or .trace.json"), "{told}");
        for (name, format) in [
            ("a.svg", Format::Svg),
            ("a.json", Format::Json),
            ("a.trace.json", Format::TraceEvents),
            ("a.txt", Format::Text),
        ] {
            assert_eq!(Format::of(Path::new(name)), Some(format));
        }
    }

    #[test]
    fn help_names_every_flag() {
        let help = lesson().help("gather");
        assert!(
            help.starts_with("Shows something.\n\nUsage: cargo run -p gather -- [FLAGS]\n"),
            "{help}"
        );
        let second = lesson().package("retry").help("http");
        let usage = "Usage: cargo run -p retry --bin http -- [FLAGS]\n";
        assert!(second.contains(usage), "{second}");
        for flag in [
            "--tasks N",
            "--quiet",
            "--instant",
            "--timeline",
            "--timeline=FILE",
            "--ascii",
            "--help",
        ] {
            assert!(help.contains(flag), "{flag} in {help}");
        }
        assert!(!lesson().real_io().help("gather").contains("--instant"));
    }

    // On a runtime whose clock is *not* paused from the start, as that of a lesson.
    #[tokio::test]
    async fn instant_waits_are_exact() {
        pause().await;
        for wait in [1, 2_000, 3_600_000].map(Duration::from_millis) {
            let start = Instant::now();
            sleep(wait).await;
            assert_eq!(start.elapsed(), wait);
        }
    }
}

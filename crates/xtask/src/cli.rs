//! The command line.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use common::timeline::{Recording, Style};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::findings::{Findings, Problem};
use crate::process;
use crate::project::{Project, slashes};
use crate::recording;
use crate::replay::Options;
use crate::slides;
use crate::tutorials::{self, Kind};
use crate::twins::{self, Verdict};

const HELP: &str = "\
The maintainer's commands.

cargo xtask tutorials [--write] [--real-time] [FILE...]
    Checks every claim of the README and the chapters: code, commands and what they
    print, changes, pictures, links. Says file, line and what is not so.
    --write      rewrites what has changed, where a machine can know the truth
    --real-time  as a reader has it: sleeps take their time, and each lesson is
                 built alone; a lesson whose manifest says `virtual_only` stays
                 in virtual time
cargo xtask twins [--real-time] [NAME...]
    Runs each lesson and its Python twin, and compares what they print.
cargo xtask timeline NAME [ARGS...]
    Runs a lesson and its Python twin, and draws both timelines, Rust's first.
cargo xtask draw RECORDING.json [--svg FILE]
    Draws what `--timeline=RECORDING.json` has recorded, of either language.
cargo xtask slides [--out FOLDER] [FILE...]
    Makes slides of chapters for a class, one page each, into target/slides.
cargo xtask help
    Prints this. `cargo doc -p xtask --open` says how a chapter is written.

The tests of this package check the same; `cargo test --workspace` runs them.
";

/// Why a command stops: what to say, and the exit code.
enum Stop {
    Usage(String),
    Failed(String),
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

/// Runs `cargo xtask` with these arguments.
///
/// 0: all is well. 1: something is not so, which has been said. 2: the command line is wrong.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match command(Parser::from_iter(arguments)) {
        Ok(code) => code,
        Err(Stop::Usage(message)) => {
            eprintln!("xtask: {message}; `cargo xtask help` shows the commands");
            ExitCode::from(2)
        }
        Err(Stop::Failed(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn command(mut parser: Parser) -> Result<ExitCode, Stop> {
    let command = match parser.next()? {
        Some(Arg::Value(command)) => command.string()?,
        Some(Arg::Long("help") | Arg::Short('h')) => "help".to_owned(),
        Some(other) => return Err(other.unexpected().into()),
        None => return Err(Stop::Usage("which command?".to_owned())),
    };
    match command.as_str() {
        "tutorials" => check_tutorials(parser),
        "twins" => check_twins(parser),
        "timeline" => timeline(parser),
        "draw" => draw(parser),
        "slides" => make_slides(parser),
        "help" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(Stop::Usage(format!("there is no command {other}"))),
    }
}

fn check_tutorials(mut parser: Parser) -> Result<ExitCode, Stop> {
    let mut write = false;
    let mut options = Options::default();
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("write") => write = true,
            Arg::Long("real-time") => options.real_time = true,
            Arg::Value(file) => files.push(file.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let start = Instant::now();
    let project = Project::this()?;
    let all = tutorials::documents(&project)?;
    let mut some = all.clone();
    if !files.is_empty() {
        let mut wanted = Vec::new();
        for file in &files {
            wanted.push(path_in(&project, file)?);
        }
        if let Some(unknown) = wanted
            .iter()
            .find(|path| !all.iter().any(|document| document.path == **path))
        {
            return Err(Stop::Usage(format!(
                "{unknown} is neither README.md nor a chapter"
            )));
        }
        some.retain(|document| wanted.contains(&document.path));
    }

    let mut counts = Vec::new();
    let mut findings = Findings::default();
    for kind in Kind::ALL {
        let found = tutorials::check(&project, kind, &some, &all, options);
        if found.checked > 0 {
            counts.push(format!("{} {}", found.checked, kind.noun()));
        }
        findings.add(found);
    }
    if write {
        for place in tutorials::write(&project, &some, &findings)? {
            println!("{place}: rewritten");
        }
        findings.problems.retain(|problem| problem.mend.is_none());
    }
    findings.sort();
    print!("{findings}");
    let counts = counts.join(", ");
    let seconds = start.elapsed().as_secs_f64();
    let skipped = match findings.skipped.len() {
        0 => String::new(),
        count => format!(" {count} were skipped."),
    };
    println!("{} files: {counts}.{skipped} ({seconds:.1} s)", some.len());
    Ok(verdict(&findings.problems))
}

fn verdict(problems: &[Problem]) -> ExitCode {
    match problems.len() {
        0 => ExitCode::SUCCESS,
        1 => {
            println!("1 thing is not so.");
            ExitCode::FAILURE
        }
        count => {
            println!("{count} things are not so.");
            ExitCode::FAILURE
        }
    }
}

/// The path from the repository root of a file that is named from the current folder.
fn path_in(project: &Project, file: &Path) -> Result<String, Stop> {
    let whole = |path: &Path| {
        fs::canonicalize(path)
            .map_err(|error| Stop::Usage(format!("cannot find {}: {error}", path.display())))
    };
    Ok(slashes(&whole(&project.root)?, &whole(file)?))
}

fn check_twins(mut parser: Parser) -> Result<ExitCode, Stop> {
    let mut real_time = false;
    let mut names = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("real-time") => real_time = true,
            Arg::Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let project = Project::this()?;
    let lessons = twins::of(&project, &names).map_err(Stop::Usage)?;
    let verdicts = twins::check_all(&project, lessons, real_time);
    let mut failed = false;
    for (lesson, verdict) in verdicts {
        println!("{}: {verdict}", lesson.name);
        if real_time && let Some(why) = twins::virtual_only(lesson) {
            println!("  - compared on virtual time: {why}");
        }
        failed |= matches!(verdict, Verdict::Failed(_));
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn draw(mut parser: Parser) -> Result<ExitCode, Stop> {
    let mut file: Option<PathBuf> = None;
    let mut svg: Option<PathBuf> = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("svg") => svg = Some(parser.value()?.into()),
            Arg::Value(path) if file.is_none() => file = Some(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let file = file.ok_or_else(|| Stop::Usage("draw which recording?".to_owned()))?;
    let recording = read_recording(&file)?;
    match svg {
        None => print!("{}", recording.text(&Style::default())),
        Some(svg) => {
            let title = file.file_stem().unwrap_or_default().to_string_lossy();
            fs::write(&svg, recording.svg(&title))
                .map_err(|error| format!("cannot write {}: {error}", svg.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn make_slides(mut parser: Parser) -> Result<ExitCode, Stop> {
    let project = Project::this()?;
    let mut out = project.root.join("target/slides");
    let mut wanted = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("out") => out = parser.value()?.into(),
            Arg::Value(file) => wanted.push(path_in(&project, Path::new(&file))?),
            other => return Err(other.unexpected().into()),
        }
    }
    let chapters = tutorials::chapters(&project)?;
    for path in &wanted {
        if !chapters.iter().any(|chapter| chapter.path == *path) {
            return Err(Stop::Usage(format!("{path} is no chapter")));
        }
    }
    fs::create_dir_all(&out).map_err(|error| format!("cannot make {}: {error}", out.display()))?;
    for chapter in chapters {
        if !wanted.is_empty() && !wanted.contains(&chapter.path) {
            continue;
        }
        let file = project.root.join(&chapter.path);
        let folder = file.parent().unwrap_or(&project.root);
        let page = slides::html(&chapter, folder)?;
        let page_file = out.join(file.with_extension("html").file_name().unwrap_or_default());
        fs::write(&page_file, page)
            .map_err(|error| format!("cannot write {}: {error}", page_file.display()))?;
        println!("{}", page_file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn read_recording(file: &Path) -> Result<Recording, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    recording::from_json(&text).map_err(|error| {
        format!(
            "{} is no recording ({error}); `--timeline=FILE.json` makes one",
            file.display()
        )
    })
}

fn timeline(mut parser: Parser) -> Result<ExitCode, Stop> {
    let name = parser.value()?.string()?;
    let arguments = parser.raw_args()?.collect();
    let project = Project::this()?;
    let lesson = project.package(&name).map_err(Stop::Usage)?;
    let Some((rust, python)) = twins::recorded(&project, lesson, arguments)? else {
        return Ok(ExitCode::FAILURE);
    };
    for (language, (command, file)) in [("Rust", rust), ("Python", python)] {
        let output = process::run(command, None, false, twins::LIMIT)?;
        if output.code != 0 {
            let errors = output.errors.trim_end();
            return Err(Stop::Failed(format!("{language} fails\n{errors}")));
        }
        let recording = read_recording(&file)?;
        println!("{language}\n\n{}", recording.text(&Style::default()));
    }
    Ok(ExitCode::SUCCESS)
}

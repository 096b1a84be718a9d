//! The concept inventory: the same questions before and after a course.
//!
//! Each asks what a program prints. Each wrong option is what somebody would answer who has one
//! misconception, and the right one is what the program prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, name_after_number, read};
use crate::compile::{Bench, Compiled, Variant};

/// A question: a folder such as `inventory/01-inert`.
#[derive(Debug)]
pub(crate) struct Question {
    /// `inert`. Answers are kept under it.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) about: About,
}

/// Its `question.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The chapter that answers it.
    pub(crate) chapter: String,
    pub(crate) ask: String,
    /// Why it is so, for who has answered for the second time.
    pub(crate) why: String,
    pub(crate) options: Vec<Choice>,
}

/// An answer to choose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// What the program prints, according to this answer.
    #[serde(default)]
    pub(crate) prints: Option<String>,
    /// Or with which error the compiler refuses it, such as `E0382`.
    #[serde(default)]
    pub(crate) refused: Option<String>,
    /// What the answer looks like, where that is not the output itself.
    #[serde(default)]
    pub(crate) says: Option<String>,
    /// Who answers so believes this; nothing for the right answer.
    #[serde(default)]
    pub(crate) misconception: Option<String>,
}

impl Choice {
    fn text(&self) -> String {
        match (&self.says, &self.prints, &self.refused) {
            (Some(says), _, _) => says.clone(),
            (None, Some(prints), _) => prints.trim_end().to_owned(),
            (None, None, Some(error)) => format!("It does not compile: {error}"),
            (None, None, None) => String::new(),
        }
    }
}

impl Question {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("question.toml");
        let about: About = toml::from_str(&read(&file)?)
            .with_context(|| format!("{} is not in its form", file.display()))?;
        let right = about
            .options
            .iter()
            .filter(|one| one.misconception.is_none());
        ensure!(
            right.count() == 1 && about.options.len() >= 3,
            "{} needs one right answer and two wrong ones",
            file.display()
        );
        Ok(Self {
            name: name_after_number(folder)?,
            program: folder.join("program.rs"),
            about,
        })
    }

    fn right(&self) -> usize {
        let mut options = self.about.options.iter();
        options
            .position(|one| one.misconception.is_none())
            .unwrap_or(0)
    }
}

/// When the inventory is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Before,
    After,
}

/// What a learner answered, by the name of the question: the number of the option, or nothing for
/// "I do not know".
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Answers {
    pub(crate) before: BTreeMap<String, Option<usize>>,
    pub(crate) after: BTreeMap<String, Option<usize>>,
}

impl Answers {
    /// Reads the answers in a learner's folder.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or are not what was written.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(Self::default());
        }
        serde_json::from_str(&read(&file)?)
            .with_context(|| format!("{} is damaged", file.display()))
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let file = folder.join(FILE);
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    fn round(&mut self, round: Round) -> &mut BTreeMap<String, Option<usize>> {
        match round {
            Round::Before => &mut self.before,
            Round::After => &mut self.after,
        }
    }
}

const FILE: &str = "inventory.json";

/// Asks what has not been answered in this round. Each answer is kept at once: who stops goes on
/// where he was.
///
/// # Errors
///
/// If the answers cannot be read or written, or the input ends.
pub(crate) fn ask(
    catalogue: &Catalogue,
    folder: &Path,
    round: Round,
    input: &mut impl BufRead,
) -> Result<()> {
    let mut answers = Answers::open(folder)?;
    println!("{INTRODUCTION}");
    let all = catalogue.questions.len();
    for (number, question) in catalogue.questions.iter().enumerate() {
        if answers.round(round).contains_key(&question.name) {
            continue;
        }
        println!("\n--- {} of {all} ---\n", number + 1);
        println!("{}", read(&question.program)?.trim_end());
        println!("\n{}\n", question.about.ask);
        for (letter, option) in ('a'..).zip(&question.about.options) {
            let text = option.text().replace('\n', "\n      ");
            println!("  {letter}   {text}");
        }
        let answer = answer(question, input)?;
        answers.round(round).insert(question.name.clone(), answer);
        answers.save(folder)?;
    }
    let given = answers.round(round);
    let right = |question: &&Question| given.get(&question.name) == Some(&Some(question.right()));
    let right = catalogue.questions.iter().filter(right).count();
    println!("\n{right} of {all} are right.");
    if round == Round::Before {
        println!("Which ones, you will know after the course: `inventory after` asks again.");
        return Ok(());
    }
    for question in &catalogue.questions {
        let answer = given.get(&question.name).copied().flatten();
        if answer == Some(question.right()) {
            continue;
        }
        let correct = &question.about.options[question.right()];
        println!("\n{}: it prints\n{}", question.name, correct.text());
        println!("{}", question.about.why);
        let chosen = answer.and_then(|answer| question.about.options.get(answer));
        let believed = chosen.and_then(|chosen| chosen.misconception.as_ref());
        if let Some(one) = believed.and_then(|name| catalogue.misconceptions.get(name)) {
            println!("Your answer is that of who believes: {}", one.belief);
        }
        println!("Read tutorials/{}.md.", question.about.chapter);
    }
    Ok(())
}

const INTRODUCTION: &str = "\
What does each program print? Read, do not run. Answer with a letter, or `?` if you do not know:
a guess hides from you and your teacher what the course should show.
Clocks in these programs are paused: when everything waits, time jumps to the next timer.
`quit` stops; you go on later where you were.";

fn answer(question: &Question, input: &mut impl BufRead) -> Result<Option<usize>> {
    loop {
        print!("> ");
        io::stdout().flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 || line.trim() == "quit" {
            bail!("stopped; what you have answered is kept, and the same command goes on");
        }
        let line = line.trim().to_lowercase();
        if line == "?" {
            return Ok(None);
        }
        let letters = 'a'..;
        let mut letters = letters.zip(0..question.about.options.len());
        let found = letters.find(|(letter, _)| line == letter.to_string());
        if let Some((_, index)) = found {
            return Ok(Some(index));
        }
        println!("A letter from the list, or ?");
    }
}

/// The part of a class's table that tells of the inventory; empty, if nobody answered it.
pub(crate) fn class(questions: &[Question], answers: &[(&str, &Answers)]) -> String {
    let is_answered =
        |(_, one): &&(&str, &Answers)| !one.before.is_empty() || !one.after.is_empty();
    let answers: Vec<_> = answers.iter().filter(is_answered).collect();
    let mut text = String::new();
    if answers.is_empty() {
        return text;
    }
    let right = |question: &Question, given: &BTreeMap<String, Option<usize>>| {
        given.get(&question.name) == Some(&Some(question.right()))
    };
    let all = questions.len();
    let _ = writeln!(
        text,
        "\nconcept inventory: right of {all}\nbefore  after  learner"
    );
    for (learner, one) in &answers {
        let score = |given: &BTreeMap<String, Option<usize>>| {
            if given.is_empty() {
                return "-".to_owned();
            }
            let right = questions.iter().filter(|question| right(question, given));
            right.count().to_string()
        };
        let _ = writeln!(
            text,
            "{:>6} {:>6}  {learner}",
            score(&one.before),
            score(&one.after)
        );
    }
    let _ = writeln!(text, "\nbefore  after  question: right answers");
    for question in questions {
        let count = |of: fn(&Answers) -> &BTreeMap<String, Option<usize>>| {
            let right = answers.iter().filter(|(_, one)| right(question, of(one)));
            right.count()
        };
        let (before, after) = (count(|one| &one.before), count(|one| &one.after));
        let _ = writeln!(text, "{before:>6} {after:>6}  {}", question.name);
    }
    let _ = writeln!(text, "\nbefore  after  misconception: times chosen");
    let mut chosen: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for question in questions {
        for (_, one) in &answers {
            for (round, given) in [&one.before, &one.after].into_iter().enumerate() {
                let option = given.get(&question.name).copied().flatten();
                let option = option.and_then(|option| question.about.options.get(option));
                if let Some(name) = option.and_then(|option| option.misconception.as_deref()) {
                    chosen.entry(name).or_default()[round] += 1;
                }
            }
        }
    }
    for (name, [before, after]) in chosen {
        let _ = writeln!(text, "{before:>6} {after:>6}  {name}");
    }
    text
}

/// Runs each program, and says where the right answer is not what it does.
///
/// # Errors
///
/// If the programs cannot be compiled or run for a reason that lies outside of them.
pub(crate) fn verify(catalogue: &Catalogue, scratch: &Path) -> Result<Vec<String>> {
    let variants: Vec<Variant> = catalogue
        .questions
        .iter()
        .map(|question| Variant {
            name: question.name.clone(),
            file: question.program.clone(),
            check: None,
        })
        .collect();
    let mut problems = Vec::new();
    if variants.is_empty() {
        return Ok(problems);
    }
    let bench = Bench::prepare(catalogue, scratch, &variants)?;
    let mut compiled = bench.compile(&[], false)?;
    for question in &catalogue.questions {
        let one = compiled.remove(&question.name).unwrap_or_default();
        let found = findings(catalogue, question, &one)?;
        problems.extend(
            found
                .into_iter()
                .map(|why| format!("inventory {}: {why}", question.name)),
        );
    }
    Ok(problems)
}

fn findings(
    catalogue: &Catalogue,
    question: &Question,
    compiled: &Compiled,
) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let right = question.right();
    let about = &question.about;
    let chapter = catalogue
        .package
        .join("../../tutorials")
        .join(format!("{}.md", about.chapter));
    if !chapter.exists() {
        problems.push("its chapter does not exist".to_owned());
    }
    for option in &about.options {
        if option.prints.is_some() == option.refused.is_some() {
            problems.push("an option needs `prints` or `refused`".to_owned());
        }
        let known = option.misconception.as_ref();
        if let Some(name) = known.filter(|name| !catalogue.misconceptions.contains_key(*name)) {
            problems.push(format!("no file of misconceptions/ knows {name}"));
        }
    }
    let Some(program) = &compiled.program else {
        let refused = about.options[right].refused.as_ref();
        let as_said =
            refused.is_some_and(|code| compiled.errors.iter().any(|one| one.contains(code)));
        if !as_said {
            problems.push(format!(
                "it does not compile: {}",
                compiled.errors.join("\n")
            ));
        }
        return Ok(problems);
    };
    let output = Command::new(program)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    for (index, option) in about.options.iter().enumerate() {
        let same = option
            .prints
            .as_ref()
            .is_some_and(|prints| prints.trim() == printed.trim());
        if same != (index == right) {
            problems.push(format!(
                "it prints {printed:?}, and option {} says {option:?}",
                index + 1
            ));
        }
    }
    Ok(problems)
}

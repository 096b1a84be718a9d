//! What the teacher's guide says of chapters and exercises is so.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use toml::Table;
use xtask::tutorials;
use xtask::{Document, Project};

const CHAPTERS: &str = "tutorials/teaching/chapters.md";
const PLANS: &str = "tutorials/teaching/plans.md";

/// Fails with one line for each thing that is not so.
fn holds(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}\n", broken.join("\n  "));
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

// What the guide is held against: the repository.

struct Exercise {
    /// `03-gather`.
    chapter: String,
    /// `at-once`, as it is called on the command line.
    name: String,
    kind: String,
    minutes: u32,
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn exercises(project: &Project) -> Vec<Exercise> {
    let mut found = Vec::new();
    for chapter in folders(&project.root.join("crates/exercises/catalogue")) {
        for folder in folders(&chapter) {
            let about = fs::read_to_string(folder.join("exercise.toml")).unwrap();
            let about: Table = about.parse().unwrap();
            let name = file_name(&folder);
            found.push(Exercise {
                chapter: file_name(&chapter),
                name: name.split_once('-').unwrap().1.to_owned(),
                kind: about["kind"].as_str().unwrap().to_owned(),
                minutes: about["minutes"].as_integer().unwrap().try_into().unwrap(),
            });
        }
    }
    assert!(!found.is_empty(), "no exercises");
    found
}

fn misconceptions(project: &Project) -> BTreeSet<String> {
    let files = fs::read_dir(project.root.join("crates/exercises/misconceptions")).unwrap();
    let tables = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    tables
        .flat_map(|table| table.parse::<Table>().unwrap().into_iter())
        .map(|(name, _)| name)
        .collect()
}

/// A question of a chapter that has options.
#[derive(Debug, PartialEq)]
struct Vote {
    options: String,
    right: Option<char>,
}

/// The questions of a chapter that can be voted on. Counted is each list of options, wherever it
/// stands: a list item that begins with `**a.**`, with those of `**b.**` and so on after it. Several
/// of them may stand under one heading "Predict", and some stand under none.
///
/// The answers begin with their letter, and with the number of their question if it has one:
/// `**b.**`, or `**2 c.**`. They come in the order of the questions.
fn questions(chapter: &Document) -> Vec<Vote> {
    let option = regex(r"^\s*- \*\*([a-z])\.\*\*");
    let numbered = regex(r"^\d\. ");
    let answer = regex(r"^\*\*(\d )?([a-z])[.*]");
    let mut found: Vec<(Vote, bool)> = Vec::new();
    let mut has_number = false;
    for line in chapter.text.lines() {
        if line.starts_with('#') {
            has_number = false;
        } else if numbered.is_match(line) {
            has_number = true;
        } else if let Some(letter) = option.captures(line).map(|captures| captures[1].to_owned()) {
            if letter == "a" {
                let options = String::new();
                let right = None;
                found.push((Vote { options, right }, has_number));
            }
            if let Some((vote, _)) = found.last_mut() {
                vote.options.push_str(&letter);
            }
        } else if let Some(captures) = answer.captures(line) {
            let unanswered = found.iter_mut().find(|(vote, _)| vote.right.is_none());
            if let Some((vote, has_number)) = unanswered
                && *has_number == captures.get(1).is_some()
            {
                vote.right = captures[2].chars().next();
            }
        }
    }
    found.into_iter().map(|(vote, _)| vote).collect()
}

// What the guide says.

struct Section {
    title: String,
    lines: Vec<String>,
}

/// The parts of a text that begin with `## `.
fn sections(text: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let (title, lines) = (title.to_owned(), Vec::new());
            found.push(Section { title, lines });
        } else if let Some(section) = found.last_mut() {
            section.lines.push(line.to_owned());
        }
    }
    found
}

impl Section {
    /// The rows of each table whose first line begins with `head`, cell by cell.
    fn tables(&self, head: &str) -> Vec<Vec<Vec<String>>> {
        let mut tables = Vec::new();
        let mut lines = self.lines.iter();
        while let Some(line) = lines.next() {
            if line.starts_with(head) {
                let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
                // The first is the rule below the head.
                tables.push(rows.skip(1).map(|row| cells(row)).collect());
            }
        }
        tables
    }
}

fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|').trim_end_matches('|');
    row.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// The vote that a table describes. The right option stands in bold.
fn vote(table: &[Vec<String>]) -> Vote {
    let letter = |row: &[String]| row[0].trim_matches('*').to_owned();
    let right = table.iter().find(|row| row[0].starts_with("**"));
    Vote {
        options: table.iter().map(|row| letter(row)).collect(),
        right: right.and_then(|row| letter(row).chars().next()),
    }
}

/// The guide's section of each chapter; what is missing or too much goes to `broken`.
fn guide(project: &Project, broken: &mut Vec<String>) -> Vec<(Document, Section)> {
    let mut sections: BTreeMap<String, Section> = sections(&project.read(CHAPTERS).unwrap())
        .into_iter()
        .map(|section| (section.title.clone(), section))
        .collect();
    let mut found = Vec::new();
    for chapter in tutorials::chapters(project).unwrap() {
        let title = chapter.headings[0].text.clone();
        match sections.remove(&title) {
            Some(section) => found.push((chapter, section)),
            None => broken.push(format!("{}: no section \"## {title}\"", chapter.path)),
        }
    }
    broken.extend(
        sections
            .keys()
            .map(|title| format!("{title}: no such chapter")),
    );
    found
}

/// `03-gather` of `tutorials/03-gather.md`.
fn chapter_name(chapter: &Document) -> &str {
    let name = chapter.path.strip_prefix("tutorials/").unwrap();
    name.strip_suffix(".md").unwrap()
}

#[test]
fn each_chapter_has_a_section_with_its_exercises() {
    let project = Project::this().unwrap();
    let mut broken = Vec::new();
    let guide = guide(&project, &mut broken);
    let exercises = exercises(&project);
    let together = regex(r"(\d+) for the exercises");
    for (chapter, section) in &guide {
        let title = &section.title;
        let link = format!("(../{}.md)", chapter_name(chapter));
        if !section.lines.iter().any(|line| line.contains(&link)) {
            broken.push(format!("{title}: no link {link}"));
        }
        let mut rows = section.tables("| exercise |").concat();
        for exercise in &exercises {
            if exercise.chapter != chapter_name(chapter) {
                continue;
            }
            let Exercise {
                name,
                kind,
                minutes,
                ..
            } = exercise;
            let is = [format!("`{name}`"), kind.clone(), minutes.to_string()];
            let place = rows.iter().position(|row| row[0] == is[0]);
            match place.map(|place| rows.remove(place)) {
                None => broken.push(format!("{title}: no exercise {name}, {kind}, {minutes}")),
                Some(row) if row.len() != 4 || row[3].is_empty() => {
                    broken.push(format!("{title}: {name}: what does it practise?"));
                }
                Some(row) if row[..3] != is => {
                    broken.push(format!("{title}: {name} is {kind}, {minutes} minutes"));
                }
                Some(_) => {}
            }
        }
        let of_chapter = exercises
            .iter()
            .filter(|it| it.chapter == chapter_name(chapter));
        let sum = of_chapter
            .map(|exercise| exercise.minutes)
            .sum::<u32>()
            .to_string();
        let told = together.captures(&section.lines[1]);
        if told.map_or("0", |told| told.get(1).unwrap().as_str()) != sum {
            broken.push(format!("{title}: the exercises take {sum} minutes"));
        }
        broken.extend(
            rows.iter()
                .map(|row| format!("{title}: no such exercise: {}", row[0])),
        );
    }
    for exercise in &exercises {
        let is_there =
            |(chapter, _): &(Document, Section)| chapter_name(chapter) == exercise.chapter;
        if !guide.iter().any(is_there) {
            broken.push(format!(
                "{}: {} is in no section",
                exercise.chapter, exercise.name
            ));
        }
    }
    holds("each chapter has its section and its exercises", &broken);
}

#[test]
fn each_question_has_its_table_of_votes() {
    let project = Project::this().unwrap();
    let known = misconceptions(&project);
    let mut broken = Vec::new();
    for (chapter, section) in guide(&project, &mut Vec::new()) {
        let title = &section.title;
        let tables = section.tables("| option |");
        let asked = questions(&chapter);
        if asked.is_empty() {
            broken.push(format!(
                "{title}: the chapter asks nothing that has options"
            ));
        }
        if asked.len() != tables.len() {
            broken.push(format!(
                "{title}: {} questions, {} tables",
                asked.len(),
                tables.len()
            ));
        }
        for (number, (asked, table)) in (1..).zip(asked.iter().zip(&tables)) {
            let told = vote(table);
            if *asked != told || asked.right.is_none() {
                broken.push(format!(
                    "{title}: vote {number} is {told:?}, asked is {asked:?}"
                ));
            }
            for row in table {
                if row.len() != 3 || row[1].is_empty() {
                    broken.push(format!(
                        "{title}: vote {number}: {}: who answers so believes what?",
                        row[0]
                    ));
                    continue;
                }
                let is_right = row[0].starts_with("**");
                if is_right != row[1].starts_with("right:") || (is_right && !row[2].is_empty()) {
                    broken.push(format!("{title}: vote {number}: is {} right?", row[0]));
                }
                let names = quoted(&row[2]);
                let unknown = names.iter().filter(|name| !known.contains(*name));
                broken.extend(unknown.map(|name| format!("{title}: no misconception {name}")));
                if names.is_empty() != row[2].is_empty() {
                    broken.push(format!("{title}: vote {number}: not a name: {}", row[2]));
                }
            }
        }
    }
    holds("each question has its table", &broken);
}

/// Whether a text has a command, also one with more arguments behind.
fn stands_in(command: &str, text: &str) -> bool {
    text.match_indices(command).any(|(at, _)| {
        let behind = text[at + command.len()..].chars().next();
        behind.is_none_or(|next| !next.is_alphanumeric() && next != '-')
    })
}

/// The experiments of a chapter, as they are numbered in its section *Modify*.
fn experiments(chapter: &Document) -> BTreeSet<String> {
    let modify = chapter.text.split("\n## Modify").nth(1);
    let modify = modify.unwrap_or_default();
    let modify = modify.split("\n## ").next().unwrap();
    let numbered = regex(r"(?m)^(\d+)\. ");
    let numbers = numbered.captures_iter(modify);
    numbers.map(|captures| captures[1].to_owned()).collect()
}

/// A name in brackets, `(…, `such-as-this`)`, is a misconception; a command stands in the chapter;
/// and what is to be changed is one of the chapter's experiments.
#[test]
fn what_is_shown_live_stands_in_the_chapter() {
    let project = Project::this().unwrap();
    let known = misconceptions(&project);
    let in_brackets = regex(r"\(((?:`[a-z0-9]+(?:-[a-z0-9]+)+`(?:, | and )?)+)[;)]");
    let experiment = regex(r"Modify (\d+)( of chapter)?");
    let mut broken = Vec::new();
    for (chapter, section) in guide(&project, &mut Vec::new()) {
        let title = &section.title;
        let text = &chapter.text;
        let experiments = experiments(&chapter);
        for line in section.lines.iter().filter(|line| !line.starts_with('|')) {
            for command in quoted(line) {
                let is_command = ["cargo ", "python3 "]
                    .iter()
                    .any(|it| command.starts_with(it));
                if is_command && !stands_in(&command, text) {
                    broken.push(format!("{title}: not in the chapter: {command}"));
                }
            }
            for captures in in_brackets.captures_iter(line) {
                let names = quoted(&captures[1]);
                let unknown = names.iter().filter(|name| !known.contains(*name));
                broken.extend(unknown.map(|name| format!("{title}: no misconception {name}")));
            }
            for captures in experiment.captures_iter(line) {
                let number = &captures[1];
                if captures.get(2).is_none() && !experiments.contains(number) {
                    broken.push(format!("{title}: no experiment {number} in Modify"));
                }
            }
        }
    }
    holds("what is shown live stands in the chapter", &broken);
}

/// The exercises that a text names, and how long they take together.
fn minutes_of(
    text: &str,
    exercises: &[Exercise],
    at: &str,
    broken: &mut Vec<String>,
) -> (u32, Vec<String>) {
    let mut total = 0;
    let mut names = Vec::new();
    for name in quoted(text) {
        if let Some(exercise) = exercises.iter().find(|exercise| exercise.name == name) {
            total += exercise.minutes;
            names.push(name);
        } else {
            broken.push(format!("{at}: no exercise {name}"));
        }
    }
    (total, names)
}

/// A plan is a heading that ends in its minutes, such as `### Monday: 360 minutes`, and a table of
/// `| minutes | what | show or ask | exercises |` below it. In the last column only exercises stand
/// in backticks.
#[test]
fn plans_add_up() {
    let project = Project::this().unwrap();
    let exercises = exercises(&project);
    let text = project.read(PLANS).unwrap();
    let heading = regex(r"^#+ (.*): (\d+) minutes$");
    let (mut plans, mut rows_seen) = (0, 0);
    let mut broken = Vec::new();
    let mut lines = text.lines().peekable();
    let mut stated: Option<(String, u32)> = None;
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            let captures = heading.captures(line);
            stated = captures.map(|all| (all[1].to_owned(), all[2].parse().unwrap()));
        }
        if !line.starts_with("| minutes |") {
            continue;
        }
        let Some((plan, stated)) = stated.take() else {
            broken.push("a plan whose heading does not end in its minutes".to_owned());
            continue;
        };
        plans += 1;
        let (mut total, mut practised) = (0, Vec::new());
        while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
            if row.starts_with("|---") {
                continue;
            }
            let cells = cells(row);
            let Some(minutes) = cells[0].parse::<u32>().ok().filter(|_| cells.len() == 4) else {
                broken.push(format!(
                    "{plan}: not a row with minutes and four cells: {row}"
                ));
                continue;
            };
            rows_seen += 1;
            total += minutes;
            let at = format!("{plan}, {}", cells[1]);
            let (needed, names) = minutes_of(&cells[3], &exercises, &at, &mut broken);
            practised.extend(names);
            if needed > minutes {
                broken.push(format!("{at}: {minutes} minutes for exercises of {needed}"));
            }
        }
        if total != stated {
            broken.push(format!(
                "{plan}: {stated} minutes stated, the rows are {total}"
            ));
        }
        let different: BTreeSet<&String> = practised.iter().collect();
        if different.len() != practised.len() {
            broken.push(format!("{plan}: an exercise twice in {practised:?}"));
        }
    }
    holds("plans add up", &broken);
    assert!(
        plans >= 3 && rows_seen > plans,
        "{plans} plans, {rows_seen} rows"
    );
}

/// A table of weeks, `| week | … | homework | minutes | … |`: the column *minutes* is at least what
/// the exercises of *homework* take together, and the heading states their sum.
#[test]
fn homework_fits() {
    let project = Project::this().unwrap();
    let exercises = exercises(&project);
    let text = project.read(PLANS).unwrap();
    let stated = regex(r"(?m)^#+ .*: (\d+) minutes of homework$").captures(&text);
    let stated: u32 = stated.unwrap()[1].parse().unwrap();
    let mut broken = Vec::new();
    let (mut weeks, mut total) = (0, 0);
    for section in sections(&text) {
        let Some(head) = section
            .lines
            .iter()
            .find(|line| line.starts_with("| week |"))
        else {
            continue;
        };
        let head = cells(head);
        let column = |name: &str| head.iter().position(|cell| cell == name).unwrap();
        let (homework, minutes) = (column("homework"), column("minutes"));
        let mut given = BTreeSet::new();
        for row in section.tables("| week |").concat() {
            weeks += 1;
            let at = format!("week {}", row[0]);
            let (needed, names) = minutes_of(&row[homework], &exercises, &at, &mut broken);
            let given_minutes = row[minutes].parse().unwrap_or(0);
            total += given_minutes;
            if given_minutes < needed {
                broken.push(format!("{at}: {given_minutes} minutes for {needed}"));
            }
            let twice = names.into_iter().filter(|name| !given.insert(name.clone()));
            broken.extend(twice.map(|name| format!("{at}: {name} for the second time")));
        }
    }
    if total != stated {
        broken.push(format!(
            "{stated} minutes of homework stated, the weeks are {total}"
        ));
    }
    assert!(weeks > 0, "no weeks");
    holds("homework fits", &broken);
}

/// Every name in backticks that looks like an exercise or a misconception is one.
#[test]
fn plans_name_what_there_is() {
    let project = Project::this().unwrap();
    let known = misconceptions(&project);
    let exercises = exercises(&project);
    let name = regex(r"^[a-z0-9]+(-[a-z0-9]+)+$");
    let text = project.read(PLANS).unwrap();
    let mut broken = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for quoted in quoted(line).iter().filter(|quoted| name.is_match(quoted)) {
            let is_exercise = exercises.iter().any(|exercise| exercise.name == **quoted);
            if !is_exercise && !known.contains(quoted) {
                broken.push(format!(
                    "{PLANS}:{number}: no exercise or misconception {quoted}"
                ));
            }
        }
    }
    holds("plans name what there is", &broken);
}

/// What plans show: "the third vote of chapter 6", "Modify 1 of chapter 3", "votes 2 to 4" and
/// "Modify 1, 2 and 4" in a row whose second cell is a chapter, and commands.
#[test]
fn plans_show_what_there_is() {
    let project = Project::this().unwrap();
    let chapters: BTreeMap<u32, Document> = tutorials::chapters(&project)
        .unwrap()
        .into_iter()
        .map(|chapter| (chapter_name(&chapter)[..2].parse().unwrap(), chapter))
        .collect();
    let ordinals = ["first", "second", "third", "fourth", "fifth"];
    let vote_of = regex(r"\b(first|second|third|fourth|fifth) vote of chapter (\d+)");
    let modify_of = regex(r"Modify (\d+) of chapter (\d+)");
    let of_chapter = regex(r"^Chapter (\d+)");
    let listed = regex(r"\b([Vv]otes?|Modify) (\d+(?:(?:, then |, | and | to )\d+)*)");
    let mut shown: Vec<(String, bool, u32, usize)> = Vec::new();
    let mut broken = Vec::new();
    let text = project.read(PLANS).unwrap();
    for line in text.lines() {
        for all in vote_of.captures_iter(line) {
            let number = ordinals.iter().position(|it| *it == &all[1]).unwrap() + 1;
            shown.push((all[0].to_owned(), true, all[2].parse().unwrap(), number));
        }
        for all in modify_of.captures_iter(line) {
            let (number, chapter) = (all[1].parse().unwrap(), all[2].parse().unwrap());
            shown.push((all[0].to_owned(), false, chapter, number));
        }
        let row = cells(line);
        if let Some(chapter) = row.get(1).and_then(|cell| of_chapter.captures(cell)) {
            for all in listed.captures_iter(&row[2]) {
                let is_vote = &all[1] != "Modify";
                let numbers = all[2].split(|character: char| !character.is_ascii_digit());
                for number in numbers.filter_map(|number| number.parse().ok()) {
                    let what = format!("chapter {}: {}", &chapter[1], &all[0]);
                    shown.push((what, is_vote, chapter[1].parse().unwrap(), number));
                }
            }
        }
        for command in quoted(line) {
            let in_chapter = |chapter: &Document| stands_in(&command, &chapter.text);
            let is_lesson = command.starts_with("cargo run -p ");
            let is_tool = command.starts_with("cargo run -p exercises");
            if is_lesson && !is_tool && !chapters.values().any(in_chapter) {
                broken.push(format!("in no chapter: {command}"));
            }
        }
    }
    for (what, is_vote, chapter, number) in &shown {
        let is_there = chapters.get(chapter).is_some_and(|chapter| {
            if *is_vote {
                *number <= questions(chapter).len()
            } else {
                experiments(chapter).contains(&number.to_string())
            }
        });
        if !is_there {
            broken.push(format!("is not there: {what}"));
        }
    }
    assert!(!shown.is_empty(), "nothing is shown");
    holds("plans show what there is", &broken);
}

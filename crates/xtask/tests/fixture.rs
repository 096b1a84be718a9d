//! The checks, on a small project that is true in some chapters and wrong in others: each check
//! is seen to pass and to fail.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use xtask::replay::Options;
use xtask::tutorials::{self, Kind};
use xtask::twins::{self, Verdict};
use xtask::{Document, Findings, Project};

/// A copy that tests only read.
fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| copy("shared"))
}

/// A copy of the small project. All copies are built in one folder, and because their files are as
/// old as the original's, only the first one is.
fn copy(name: &str) -> Project {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let root = tmp.join("projects").join(name);
    let _ = fs::remove_dir_all(&root);
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/project");
    copy_folder(&original, &root);
    Project::open(&root)
        .unwrap()
        .built_in(&tmp.join(format!("{name}-target")))
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            let copy = fs::File::options().append(true).open(to).unwrap();
            copy.set_modified(modified).unwrap();
        }
    }
}

fn check(project: &Project, kind: Kind, chapter: &str) -> Findings {
    let all = tutorials::documents(project).unwrap();
    let chapter = format!("tutorials/{chapter}");
    let some: Vec<Document> = all
        .iter()
        .filter(|one| one.path == chapter)
        .cloned()
        .collect();
    assert_eq!(some.len(), 1, "{chapter}");
    tutorials::check(project, kind, &some, &all, Options::default())
}

/// Each problem's place and first line.
fn problems(findings: &Findings) -> Vec<String> {
    let problems = findings.problems.iter();
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    problems.map(|problem| first(problem.to_string())).collect()
}

fn has_python() -> bool {
    common::testing::python(&[]).is_some()
}

#[test]
fn a_true_chapter_has_no_problem() {
    for kind in Kind::ALL {
        let findings = check(project(), kind, "right.md");
        assert!(findings.problems.is_empty(), "{kind:?}\n{findings}");
        assert!(findings.checked > 0, "{kind:?}");
    }
}

#[test]
fn python_is_replayed_drawn_and_changed() {
    let findings = check(project(), Kind::Console, "python.md");
    assert!(findings.problems.is_empty(), "{findings}");
    if !has_python() {
        assert_eq!(findings.skipped.len(), 4);
    }
}

#[test]
fn code_that_drifted_is_reported() {
    let findings = check(project(), Kind::Code, "wrong.md");
    assert_eq!(
        problems(&findings),
        ["tutorials/wrong.md:13: crates/hello/src/main.rs now reads otherwise"]
    );
}

#[test]
fn a_question_without_an_answer_and_a_comment_that_nobody_hears_are_reported() {
    let findings = check(project(), Kind::Form, "wrong.md");
    assert_eq!(
        problems(&findings),
        [
            "tutorials/wrong.md:5: this question has no answer in <details> … </details>",
            "tutorials/wrong.md:75: nobody hears `exit: 1`: it stands directly above no block or \
             picture that it fits",
        ]
    );
}

#[test]
fn dead_links_are_reported() {
    let findings = check(project(), Kind::Links, "wrong.md");
    assert_eq!(
        problems(&findings),
        [
            "tutorials/wrong.md:3: the reference [nowhere] is defined nowhere",
            "tutorials/wrong.md:3: nowhere.md: there is no tutorials/nowhere.md",
            "tutorials/wrong.md:3: right.md#nowhere: tutorials/right.md has no heading for #nowhere",
        ]
    );
}

#[test]
fn what_is_left_out_is_reported() {
    let project = copy("incomplete");
    let summary = project.root.join("tutorials/SUMMARY.md");
    fs::write(summary, "[a](right.md) [b](wrong.md) [c](wrong.md)").unwrap();
    fs::remove_file(project.root.join("crates/hello/hello.py")).unwrap();
    for chapter in ["right.md", "wrong.md"] {
        let path = project.root.join("tutorials").join(chapter);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("-p serve", "-p nothing")).unwrap();
    }
    let all = tutorials::documents(&project).unwrap();
    let findings = xtask::links::check_completeness(&project, &all);
    assert_eq!(
        problems(&findings),
        [
            "tutorials/SUMMARY.md:1: names tutorials/README.md 0 times, not once",
            "tutorials/SUMMARY.md:1: names tutorials/python.md 0 times, not once",
            "tutorials/SUMMARY.md:1: names tutorials/wrong.md 2 times, not once",
            "crates/hello/Cargo.toml:1: its Python twin is missing: crates/hello/hello.py",
            "crates/serve/Cargo.toml:1: no chapter says `cargo run -p serve`",
        ]
    );
}

#[test]
fn wrong_output_exit_codes_diffs_and_commands_are_reported() {
    let findings = check(project(), Kind::Console, "wrong.md");
    let lines = problems(&findings);
    assert_eq!(
        lines,
        [
            "tutorials/wrong.md:19: prints otherwise",
            "tutorials/wrong.md:25: exit code 3, expected 0",
            "tutorials/wrong.md:31: `varies: lasted \\d+ ms` matches nothing in this block",
            "tutorials/wrong.md:38: there is no shell here for the `&&` of `cargo run -p hello -- \
             --no-such-flag && echo`",
            "tutorials/wrong.md:39: `no-such-program` cannot be replayed: put a command that nobody \
             checks in a ```sh block",
            "tutorials/wrong.md:52: this diff does not apply: crates/hello/src/main.rs has no place \
             with `format!(\"Good day, {name}\")` and what follows it",
            "tutorials/wrong.md:58: not replayed, because the diff above it does not apply",
            "tutorials/wrong.md:66: prints otherwise",
            "tutorials/wrong.md:71: exit code 130, expected 0",
        ]
    );
    let diff = findings.problems[0].to_string();
    assert!(
        diff.contains("-Good day, world!\n    +Hello, world!\n"),
        "{diff}"
    );
}

#[test]
fn pictures_without_words_without_a_command_and_without_a_chapter_are_reported() {
    let all = tutorials::documents(project()).unwrap();
    let some: Vec<Document> = all
        .iter()
        .filter(|document| !document.path.contains("python"))
        .cloned()
        .collect();
    let findings = xtask::picture::check(project(), &some, true);
    let mut lines = problems(&findings);
    lines.sort();
    assert_eq!(
        lines,
        [
            "tutorials/pictures/orphan.svg:1: no chapter shows this picture",
            "tutorials/wrong.md:42: say in words what pictures/hello.svg shows: ![…](…)",
            "tutorials/wrong.md:44: nothing says how tutorials/pictures/other.svg is drawn: put \
             `<!-- picture: COMMAND -->` on the line above",
            "tutorials/wrong.md:47: tutorials/pictures/missing.svg is missing",
            "tutorials/wrong.md:81: nothing says which test takes tutorials/pictures/page.png: put \
             `<!-- screenshot: FILE -->` on the line above",
            "tutorials/wrong.md:84: crates/hello/src/main.rs does not take page.png",
            "tutorials/wrong.md:86: pictures/page.jpg is no .svg and no .png: pictures are drawn \
             from runs",
        ]
    );
}

#[test]
fn a_picture_that_changed_is_reported_and_drawn_anew() {
    let project = copy("pictures");
    let picture = project.root.join("tutorials/pictures/hello.svg");
    let right = fs::read_to_string(&picture).unwrap();
    fs::write(&picture, "<svg xmlns='old'/>\n").unwrap();
    let findings = check(&project, Kind::Pictures, "right.md");
    assert_eq!(
        problems(&findings),
        [
            "tutorials/right.md:67: tutorials/pictures/hello.svg is not what `cargo run -p hello -- \
             --timeline=tutorials/pictures/hello.svg` draws"
        ]
    );
    let all = tutorials::documents(&project).unwrap();
    tutorials::write(&project, &all, &findings).unwrap();
    assert_eq!(fs::read_to_string(&picture).unwrap(), right);
}

#[test]
fn a_recording_of_python_is_drawn() {
    if !has_python() {
        return;
    }
    let project = copy("python-picture");
    let findings = check(&project, Kind::Pictures, "python.md");
    assert_eq!(
        problems(&findings),
        ["tutorials/python.md:11: tutorials/pictures/hello-python.svg is missing"]
    );
    let all = tutorials::documents(&project).unwrap();
    tutorials::write(&project, &all, &findings).unwrap();
    let picture = project.root.join("tutorials/pictures/hello-python.svg");
    let picture = fs::read_to_string(picture).unwrap();
    assert!(picture.contains("hello.py"), "{picture}");
    assert!(picture.contains("greet()"), "{picture}");
    assert!(
        check(&project, Kind::Pictures, "python.md")
            .problems
            .is_empty()
    );
}

#[test]
fn what_a_machine_can_mend_it_mends_and_nothing_else() {
    let project = copy("mended");
    let path = "tutorials/wrong.md";
    let before = project.read(path).unwrap();
    for kind in [Kind::Code, Kind::Console] {
        let all = tutorials::documents(&project).unwrap();
        let findings = check(&project, kind, "wrong.md");
        tutorials::write(&project, &all, &findings).unwrap();
    }
    let after = project.read(path).unwrap();
    let expected = before
        .replace(
            "    format!(\"Good day, {name}\")\n}\n```",
            "    format!(\"Hello, {name}{}\", common::mark())\n}\n```",
        )
        .replace("Good day, world!\n...", "Hello, world!\n...")
        .replace("Ready\n", "Listening on http://127.0.0.1:8080/\n");
    assert_eq!(after, expected);
    // A second time there is nothing left to do for a machine.
    for kind in [Kind::Code, Kind::Console] {
        let findings = check(&project, kind, "wrong.md");
        let mut problems = findings.problems.iter();
        assert!(problems.all(|problem| problem.mend.is_none()), "{findings}");
    }
}

#[test]
fn twins_are_the_same_or_differ_as_recorded() {
    if !has_python() {
        return;
    }
    let verdict = |name| {
        let lesson = project().package(name).unwrap();
        twins::check(project(), lesson, false)
    };
    let Verdict::Differs(reasons) = verdict("hello") else {
        panic!("{}", verdict("hello"));
    };
    assert_eq!(reasons, ["Python does not say how large a string is."]);
    #[cfg(unix)]
    assert!(
        matches!(verdict("serve"), Verdict::Differs(_)),
        "{}",
        verdict("serve")
    );
}

#[test]
fn twins_that_differ_otherwise_fail() {
    if !has_python() {
        return;
    }
    let project = copy("twins");
    let script = project.root.join("crates/hello/hello.py");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replace("Hello", "Good day")).unwrap();
    let verdict = twins::check(&project, project.package("hello").unwrap(), false);
    let Verdict::Failed(message) = &verdict else {
        panic!("{verdict}");
    };
    assert!(
        message.contains("-Hello, Ada!\n+Good day, Ada!"),
        "{message}"
    );
    assert!(verdict.to_string().starts_with("FAIL\n"), "{verdict}");
}

#[test]
fn paths_are_those_of_the_repository() {
    let paths: Vec<PathBuf> = vec![project().root.join("README.md")];
    assert!(paths[0].exists());
    let all = tutorials::documents(project()).unwrap();
    let paths: Vec<&str> = all.iter().map(|document| document.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "README.md",
            "tutorials/README.md",
            "tutorials/SUMMARY.md",
            "tutorials/python.md",
            "tutorials/right.md",
            "tutorials/wrong.md",
        ]
    );
}

//! Each lesson prints what its Python twin prints, or differs as its manifest says.

use xtask::Project;
use xtask::twins::{self, Verdict};

#[test]
fn each_lesson_and_its_python_twin_print_the_same() {
    let project = Project::this().unwrap();
    let lessons: Vec<_> = project.lessons().collect();
    assert!(!lessons.is_empty());
    let verdicts = twins::check_all(&project, lessons, false);
    let failed = verdicts
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_)));
    let failed: Vec<String> = failed
        .map(|(lesson, verdict)| format!("{}: {verdict}", lesson.name))
        .collect();
    assert!(
        failed.is_empty(),
        "\n\n{}\n\n`cargo xtask twins NAME` runs one of them.",
        failed.join("\n\n")
    );
}

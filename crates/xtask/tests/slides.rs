//! Slides of every chapter.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may its helpers: the panic is the report"
)]

use xtask::{Project, slides, tutorials};

#[test]
fn every_chapter_makes_slides_that_need_no_network() {
    let project = Project::this().unwrap();
    let chapters = tutorials::chapters(&project).unwrap();
    assert!(chapters.len() >= 12);
    for chapter in chapters {
        let page = slides::html(&chapter, &project.root.join("tutorials")).unwrap();
        let count = page.matches("<section ").count();
        assert!(count >= 5, "{}: {count} slides", chapter.path);
        let questions = chapter
            .headings
            .iter()
            .filter(|heading| heading.text.starts_with("Predict"))
            .count();
        let answers = page.matches(": answer</h2>").count();
        assert!(answers >= questions, "{}: {answers} answers", chapter.path);
        for outside in ["src=\"http", "href=\"http", "url(", "@import"] {
            assert!(!page.contains(outside), "{}: {outside}", chapter.path);
        }
    }
}

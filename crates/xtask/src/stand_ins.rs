//! What stands in for the port, the files and the folders that a chapter names.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::experiment::without_folder;
use crate::markdown::Document;
use crate::project::Project;

/// The port that chapters name. Each chapter is replayed on a free one of as many digits.
const PORT: &str = "8080";

/// The stand-ins of one chapter.
pub(crate) struct StandIns {
    port: Option<u16>,
    /// Files that the chapter writes, and where they are written here.
    files: Vec<(String, String)>,
    own_folder: PathBuf,
    /// The folders of its experiments, which are no part of any path that a reader sees.
    pub(crate) folders: Vec<String>,
}

impl StandIns {
    pub(crate) fn new(project: &Project, document: &Document) -> Self {
        let chapter = document.path.replace('/', "-");
        Self {
            port: None,
            files: Vec::new(),
            own_folder: project.scratch.join("files").join(chapter),
            folders: Vec::new(),
        }
    }

    /// A text with the chapter's own port.
    pub(crate) fn text(&mut self, text: &str) -> Result<String, String> {
        if !text.contains(PORT) {
            return Ok(text.to_owned());
        }
        Ok(text.replace(PORT, &self.port()?.to_string()))
    }

    /// The words with the chapter's own port, and with its files out of the reader's sight.
    pub(crate) fn words(&mut self, words: &[String]) -> Result<Vec<String>, String> {
        let mut own: Vec<String> = Vec::new();
        for word in words {
            let before = own.last().map_or("", String::as_str);
            let writes = matches!(before, "-o" | "--output" | "--svg") && word != "/dev/null";
            let known = self.files.iter().find(|(path, _)| path == word);
            let timeline = word.strip_prefix("--timeline=");
            own.push(if let Some((_, own)) = known {
                own.clone()
            } else if writes {
                self.file(word)
            } else if let Some(path) = timeline.filter(|path| !path.is_empty()) {
                format!("--timeline={}", self.file(path))
            } else {
                self.text(word)?
            });
        }
        Ok(own)
    }

    /// Where a file is written that the chapter names.
    pub(crate) fn file(&mut self, path: &str) -> String {
        let own = self.own_folder.join(path);
        if let Some(folder) = own.parent() {
            // If it cannot be made, the command will say so.
            let _ = std::fs::create_dir_all(folder);
        }
        let own = own.display().to_string();
        self.files.push((path.to_owned(), own.clone()));
        own
    }

    pub(crate) fn port(&mut self) -> Result<u16, String> {
        let port = self.port.map_or_else(free_port, Ok)?;
        self.port = Some(port);
        Ok(port)
    }

    /// Lines with the paths and the port that the chapter names.
    pub(crate) fn as_in_chapter(&self, lines: Vec<String>) -> Vec<String> {
        let port = self.port.map(|port| port.to_string());
        lines
            .into_iter()
            .map(|mut line| {
                for (path, own) in &self.files {
                    line = line.replace(own, path);
                }
                for folder in &self.folders {
                    line = without_folder(&line, folder);
                }
                match &port {
                    Some(port) => with_number(&line, port, PORT),
                    None => line,
                }
            })
            .collect()
    }
}

/// The line with another number in place of this one.
fn with_number(line: &str, number: &str, other: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(number) {
        let (before, after) = (&rest[..at], &rest[at + number.len()..]);
        let digit = |c: char| c.is_ascii_digit();
        let is_part = before.ends_with(digit) || after.starts_with(digit);
        text.push_str(before);
        text.push_str(if is_part { number } else { other });
        rest = after;
    }
    text + rest
}

/// A free port of four digits: as long as the one it stands for, so that a body that names it has
/// the same length. None is a round number, which a program could print for another reason.
fn free_port() -> Result<u16, String> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 400).unwrap_or(0);
    for _ in 0..400 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % 400;
        let port = 4007 + (first + step) % 400 * 10;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free between 4000 and 8000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_never_the_same() {
        let (a, b) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(a, b);
        assert!((4000..8000).contains(&a), "{a}");
        assert_ne!(a % 10, 0);
    }

    #[test]
    fn the_port_is_replaced_where_it_stands_alone() {
        let line = "127.0.0.1:4127, port 4127; 41270 and 94127";
        let back = with_number(line, "4127", "8080");
        assert_eq!(back, "127.0.0.1:8080, port 8080; 41270 and 94127");
    }
}

//! How much code each server is. The files are counted as this program was built from them.

use super::Kind;

type Count = fn(Kind) -> usize;

/// What is counted.
pub(super) const COUNTED: [(&str, Count); 2] = [
    ("the server", |kind| {
        code(match kind {
            Kind::Hyper => include_str!("../bare.rs"),
            Kind::Axum => include_str!("../with_axum.rs"),
            Kind::Aiohttp => include_str!("../../frameworks.py"),
            Kind::Tornado => include_str!("../../with_tornado.py"),
        })
    }),
    ("the notes, their rules, helpers", |kind| match kind {
        Kind::Hyper => code(include_str!("../notes.rs")) + code(include_str!("../percent.rs")),
        Kind::Axum => code(include_str!("../notes.rs")),
        Kind::Aiohttp | Kind::Tornado => code(include_str!("../../notes.py")),
    }),
];

/// Lines that are neither blank nor a comment nor a line of documentation, without tests.
fn code(source: &str) -> usize {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().map(str::trim_start);
    lines
        .filter(|line| {
            let comment = ["//", "# ", "\"\"\""];
            !line.is_empty() && !comment.iter().any(|begin| line.starts_with(begin))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let rust = "//! About.\n\nuse a; // b\n/// About.\n#[must_use]\nfn f() {\n    // Why.\n}\n\
                    #[cfg(test)]\nmod tests {}\n";
        assert_eq!(code(rust), 4);
        let python = "\"\"\"About.\"\"\"\n\nimport a\n\n# Why.\n@b\ndef f():\n    \"\"\"About.\"\"\"\n    c  # d\n";
        assert_eq!(code(python), 4);
    }
}

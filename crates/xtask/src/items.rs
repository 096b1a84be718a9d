//! Where functions, types and statements end, by indentation: enough for formatted Rust and Python.

/// How far a line is indented; a blank one not at all.
pub(crate) fn indent(line: &str) -> Option<usize> {
    let rest = line.trim_start();
    (!rest.is_empty()).then_some(line.len() - rest.len())
}

/// Comments, attributes and decorators belong to what follows them.
pub(crate) fn is_attached(line: &str) -> bool {
    line.starts_with("//") || line.starts_with('#') || line.starts_with('@')
}

/// Whether more must follow this line.
pub(crate) fn is_open(line: &str) -> bool {
    line.trim_end().ends_with(['{', '(', '[', ',', ':', '='])
}

/// How many items the lines are.
pub(crate) fn count_items(lines: &[&str]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while at < lines.len() {
        at = end_of_items(lines, at, 1);
        count += 1;
    }
    count
}

/// The line after the `count` items that begin at `start`, all at the indentation of that line.
pub(crate) fn end_of_items(lines: &[&str], start: usize, count: usize) -> usize {
    let base = indent(lines[start]).unwrap_or(0);
    let mut end = start;
    let mut next = start;
    for _ in 0..count {
        while next < lines.len() && lines[next].trim().is_empty() {
            next += 1;
        }
        if next >= lines.len() || indent(lines[next]).unwrap_or(0) < base {
            break;
        }
        next = end_of_item(lines, next, base);
        end = next;
    }
    end
}

fn end_of_item(lines: &[&str], start: usize, base: usize) -> usize {
    let mut at = start;
    while at + 1 < lines.len() && is_attached(lines[at].trim()) && !lines[at + 1].trim().is_empty()
    {
        at += 1;
    }
    let mut end = at + 1;
    let mut next = end;
    while next < lines.len() {
        let line = lines[next].trim();
        match indent(lines[next]) {
            None => {}
            Some(i) if i > base => end = next + 1,
            Some(i) if i == base && continues(line) => {
                end = next + 1;
                let next = lines.get(next + 1).map_or("", |line| line.trim());
                let goes_on = next == "where" || next == "{";
                if line.starts_with(['}', ')', ']']) && !is_open(line) && !goes_on {
                    break;
                }
            }
            Some(_) => break,
        }
        next += 1;
    }
    end
}

/// Whether a line at the indentation of its item still belongs to the item.
fn continues(line: &str) -> bool {
    const CLAUSES: [&str; 6] = ["where", "{", "else", "elif ", "except", "finally"];
    line.starts_with(['}', ')', ']']) || CLAUSES.iter().any(|clause| line.starts_with(clause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_ends_where_its_indentation_does() {
        let rust = [
            "fn a(",
            "    b: u8,",
            ") {",
            "    c();",
            "",
            "    d();",
            "}",
            "",
            "fn e() {}",
        ];
        assert_eq!(end_of_items(&rust, 0, 1), 7);
        assert_eq!(end_of_items(&rust, 0, 2), 9);
        assert_eq!(count_items(&rust), 2);
        let python = [
            "@a", "def b():", "    c()", "", "    d()", "e = [", "    1,", "]", "f()",
        ];
        assert_eq!(end_of_items(&python, 0, 1), 5);
        assert_eq!(end_of_items(&python, 5, 1), 8);
        assert_eq!(count_items(&python), 3);
    }

    #[test]
    fn branches_belong_to_their_condition() {
        let rust = ["if a {", "    b();", "} else {", "    c();", "}", "d();"];
        assert_eq!(end_of_items(&rust, 0, 1), 5);
        let python = [
            "try:",
            "    a()",
            "except B:",
            "    c()",
            "finally:",
            "    d()",
            "e()",
        ];
        assert_eq!(end_of_items(&python, 0, 1), 6);
    }

    #[test]
    fn the_end_of_the_enclosing_item_ends_the_last() {
        let rust = ["    a();", "    b();", "}", "c();"];
        assert_eq!(end_of_items(&rust, 0, 5), 2);
    }
}

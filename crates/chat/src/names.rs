//! Which names and texts are taken.
//!
//! A name is shown beside others, so it must not pretend to be one of them or turn the line around:
//! nothing invisible, and no characters that change the direction of writing.

use std::sync::LazyLock;

use regex::Regex;

use crate::protocol::{MAX_NAME, MAX_TEXT};

/// Letters and digits of any script with the signs that belong to them: accents, vowel signs, the
/// virama of अर्जुन. Not `char::is_alphanumeric`, which refuses the virama, and takes letters that nobody
/// can see, such as U+3164. A tower of signs would reach into the lines above.
static PERSON: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x)^(?:
        [[\p{L}\p{N}]--\p{Default_Ignorable_Code_Point}]
        [[\p{Mn}\p{Mc}]--\p{Default_Ignorable_Code_Point}]{0,4}
        | [\x20\-_.']
    )+$";
    Regex::new(pattern).ok()
});

/// A name as it will be shown: trimmed, 1 to 32 letters, digits, spaces and `-_.'`, of any script.
///
/// # Errors
///
/// One sentence that says what is wrong.
pub fn person(name: &str) -> Result<&str, String> {
    let name = name.trim();
    let allowed = |name: &str| PERSON.as_ref().is_some_and(|person| person.is_match(name));
    match name.chars().count() {
        0 => Err("a name is empty; say who you are".to_owned()),
        1..=MAX_NAME if allowed(name) => Ok(name),
        1..=MAX_NAME => {
            Err("a name has only letters, digits, spaces and the characters -_.'".to_owned())
        }
        _ => Err(format!("a name has at most {MAX_NAME} characters")),
    }
}

/// What two names have in common that nobody should tell apart: `Ada` and `ADA` are one person.
///
/// Letters that look alike, such as the Latin and the Cyrillic `a`, or an `é` of one character and
/// one of two, are different here.
#[must_use]
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// The name of a room: trimmed, 1 to 32 of `a` to `z`, `0` to `9` and `-`.
///
/// # Errors
///
/// One sentence that says what is wrong.
pub fn room(room: &str) -> Result<&str, String> {
    let room = room.trim();
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=MAX_NAME).contains(&room.len()) && room.bytes().all(allowed) {
        Ok(room)
    } else {
        Err(format!(
            "the name of a room is 1 to {MAX_NAME} of the characters a-z, 0-9 and -"
        ))
    }
}

/// The text of a message: trimmed, 1 to 2000 characters, no control characters but newline and tab.
///
/// # Errors
///
/// One sentence that says what is wrong.
pub fn text(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 {
        Err("the message is empty".to_owned())
    } else if count > MAX_TEXT {
        Err(format!(
            "the message has {count} characters; at most {MAX_TEXT} are taken"
        ))
    } else if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        Err("the message has control characters".to_owned())
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_taken_and_trimmed() {
        for name in [
            "Ada",
            "Jean-Luc O'Neill Jr.",
            "Żółć",
            "अदिति",
            "小明",
            "a_1",
        ] {
            assert_eq!(person(&format!("  {name}\t")), Ok(name));
        }
        assert_eq!(person(&"ä".repeat(32)), Ok("ä".repeat(32).as_str()));
    }

    #[test]
    fn names_that_deceive_are_refused() {
        for name in [
            "",
            "   ",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{2066}b",
            "<b>",
            "a\u{1b}[2J",
            "\u{3164}",
            "Ada\u{fe0f}",
            "\u{301}a",
            "a \u{301}",
            "a\u{301}\u{301}\u{301}\u{301}\u{301}",
            "🦀",
        ] {
            assert!(person(name).is_err(), "{name:?}");
        }
        assert!(person(&"a".repeat(33)).is_err());
        assert_eq!(folded("ÄDA"), folded("äda"));
    }

    #[test]
    fn rooms_are_plain() {
        assert_eq!(room(" rust-2026 "), Ok("rust-2026"));
        for name in ["", "Rust", "a b", "a/b", "ä", &"a".repeat(33)] {
            assert!(room(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn texts_are_counted_in_characters() {
        assert_eq!(text(" a\n\tb "), Ok("a\n\tb"));
        assert!(text(&"🦀".repeat(2000)).is_ok());
        assert!(text(&"a".repeat(2001)).is_err());
        for bad in ["", " \n", "a\u{7}b", "a\u{1b}[31mb", "a\u{9b}b", "a\0b"] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
        // Not a control character: text only, but shown by a page that isolates it.
        assert!(text("a\u{202e}b").is_ok());
    }
}

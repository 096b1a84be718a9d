//! One line of an access log: a record, or what is wrong with it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The longest line that is looked at, in bytes. A longer one is set aside unread.
pub(crate) const LONGEST_LINE: usize = 16 * 1024;

/// The longest name of a client, in bytes. An address has 45 at most.
const LONGEST_CLIENT: usize = 64;

/// The largest size of an answer in bytes, and the longest time in microseconds: 2^40. What is
/// larger is no measurement, and sums of a chunk cannot overflow.
const LARGEST: u64 = 1 << 40;

/// How deep arrays and objects may be nested. Parsers differ in how much they stand; this does not.
const DEEPEST: usize = 100;

/// The start of a file that some editors write. It is no part of the record.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a request left in the log. Other fields of the line are not looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Record<'a> {
    /// Who asked. It is borrowed from the line, unless the line writes it with escapes.
    #[serde(borrow)]
    pub(crate) client: Cow<'a, str>,
    /// What for, with its query.
    #[serde(borrow)]
    path: Cow<'a, str>,
    /// The status of the answer, 100 to 599.
    pub(crate) status: u16,
    /// The size of the answer.
    pub(crate) bytes: u64,
    /// How long the answer took, in microseconds.
    pub(crate) micros: u64,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It has nothing but blanks.
    Empty,
    /// It has more than [`LONGEST_LINE`] bytes.
    TooLong,
    NotUtf8,
    NotJson,
    /// The input ends in its middle.
    CutOff,
    /// It is no object, or lacks one of the fields of a [`Record`].
    FieldMissing,
    /// A field has the wrong type, or a value that cannot be.
    FieldWrong,
}

impl Bad {
    pub(crate) const ALL: [Self; 7] = [
        Self::Empty,
        Self::TooLong,
        Self::NotUtf8,
        Self::NotJson,
        Self::CutOff,
        Self::FieldMissing,
        Self::FieldWrong,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too long",
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not JSON",
            Self::CutOff => "cut off",
            Self::FieldMissing => "field missing",
            Self::FieldWrong => "field wrong",
        }
    }
}

/// What is unusual about a line, and does no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Odd {
    /// It ends as lines end on Windows.
    pub(crate) carriage_return: bool,
    pub(crate) byte_order_mark: bool,
}

/// Reads one line, given without its line feed.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn parse(line: &[u8]) -> Result<(Record<'_>, Odd), Bad> {
    if line.len() > LONGEST_LINE {
        return Err(Bad::TooLong);
    }
    let mut odd = Odd::default();
    let mut rest = line;
    if let Some(without) = rest.strip_suffix(b"\r") {
        (rest, odd.carriage_return) = (without, true);
    }
    if let Some(without) = rest.strip_prefix(BYTE_ORDER_MARK) {
        (rest, odd.byte_order_mark) = (without, true);
    }
    let text = str::from_utf8(rest).map_err(|_| Bad::NotUtf8)?;
    if text.starts_with('{') && !is_deep(text) {
        // The usual case: one pass over the text, which copies nothing.
        if let Ok(record) = serde_json::from_str::<Record>(text)
            && record.is_possible()
        {
            return Ok((record, odd));
        }
    }
    judge(text).map(|record| (record, odd))
}

/// Looks again, slowly and closely, at a line that was not the usual case.
fn judge(text: &str) -> Result<Record<'_>, Bad> {
    // What JSON calls blanks.
    if text.trim_matches([' ', '\t', '\r']).is_empty() {
        return Err(Bad::Empty);
    }
    if is_deep(text) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Err(Bad::NotJson);
    }
    if !text.trim_start().starts_with('{') {
        return Err(Bad::FieldMissing);
    }
    // Of a field that is there twice the last one counts, as in most parsers.
    let fields: HashMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|_| Bad::NotJson)?;
    let field = |name| fields.get(name).map(|value| value.get());
    let (Some(client), Some(path), Some(status), Some(bytes), Some(micros)) = (
        field("client"),
        field("path"),
        field("status"),
        field("bytes"),
        field("micros"),
    ) else {
        return Err(Bad::FieldMissing);
    };
    let string = |text| serde_json::from_str(text).ok().map(Cow::Owned);
    let record = || {
        Some(Record {
            client: string(client)?,
            path: string(path)?,
            status: status.parse().ok()?,
            bytes: bytes.parse().ok()?,
            micros: micros.parse().ok()?,
        })
    };
    let record: Option<Record> = record();
    record.filter(Record::is_possible).ok_or(Bad::FieldWrong)
}

impl Record<'_> {
    fn is_possible(&self) -> bool {
        (1..=LONGEST_CLIENT).contains(&self.client.len())
            && !self.path.is_empty()
            && (100..600).contains(&self.status)
            && self.bytes <= LARGEST
            && self.micros <= LARGEST
    }

    /// The path without the query: what was asked for, not with which words.
    pub(crate) fn page(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// Whether arrays and objects are nested deeper than [`DEEPEST`].
fn is_deep(text: &str) -> bool {
    // Counting is fast, and nearly always enough.
    let mut opening = memchr::memchr2_iter(b'[', b'{', text.as_bytes());
    opening.nth(DEEPEST).is_some() && depth(text) > DEEPEST
}

/// How deep arrays and objects are nested, brackets in strings aside.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest): (usize, usize) = (0, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => {
                        bytes.next();
                    }
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"client":"192.0.2.1","path":"/a?b=c","status":200,"bytes":10,"micros":20}"#;

    fn verdict(line: impl AsRef<[u8]>) -> Result<(), Bad> {
        parse(line.as_ref()).map(|_| ())
    }

    #[test]
    fn a_good_line_is_borrowed() {
        let (record, odd) = parse(GOOD.as_bytes()).unwrap();
        assert!(matches!(record.client, Cow::Borrowed("192.0.2.1")));
        assert_eq!(record.page(), "/a");
        assert_eq!(
            (record.status, record.bytes, record.micros, odd),
            (200, 10, 20, Odd::default())
        );
    }

    #[test]
    fn oddities_are_accepted_and_told() {
        let (_, odd) = parse(format!("\u{feff}{GOOD}\r").as_bytes()).unwrap();
        assert!(odd.byte_order_mark && odd.carriage_return);
        let (_, odd) = parse(format!(" \t{GOOD} ").as_bytes()).unwrap();
        assert_eq!(odd, Odd::default());
    }

    #[test]
    fn each_kind_of_bad_line_is_told() {
        let change = |from: &str, to: &str| {
            assert!(GOOD.contains(from));
            verdict(GOOD.replace(from, to))
        };
        for empty in ["", "\r", " \t\r", "\u{feff}"] {
            assert_eq!(verdict(empty), Err(Bad::Empty), "{empty:?}");
        }
        assert_eq!(change("/a", &"/a".repeat(9000)), Err(Bad::TooLong));
        assert_eq!(verdict(b"{\"client\":\"\xff\"}"), Err(Bad::NotUtf8));
        for not_json in [
            "{",
            "{}x",
            "GET / HTTP/1.1",
            "{'client':1}",
            "NaN",
            "\u{a0}",
        ] {
            assert_eq!(verdict(not_json), Err(Bad::NotJson), "{not_json}");
        }
        assert_eq!(change("}", ",}"), Err(Bad::NotJson));
        for missing in ["{}", "[]", "17", "null", r#"["192.0.2.1","/",200,10,20]"#] {
            assert_eq!(verdict(missing), Err(Bad::FieldMissing), "{missing}");
        }
        assert_eq!(change("micros", "millis"), Err(Bad::FieldMissing));
        for (from, to) in [
            ("200", "\"200\""),
            ("200", "99"),
            ("200", "600"),
            ("200", "70000"),
            ("200", "200.0"),
            ("200", "null"),
            (":10", ":-1"),
            (":10", ":-0"),
            (":10", ":1e3"),
            (":10", ":true"),
            (":10", ":1099511627777"),
            ("\"192.0.2.1\"", "\"\""),
            ("\"192.0.2.1\"", "\"\\ud800\""),
            ("\"/a?b=c\"", "[]"),
            ("192.0.2.1", &"1".repeat(65)),
        ] {
            assert_eq!(change(from, to), Err(Bad::FieldWrong), "{to}");
        }
        assert_eq!(change(":10", ":1099511627776"), Ok(()));
        assert_eq!(change("192.0.2.1", &"1".repeat(64)), Ok(()));
    }

    /// One of them missing weighs more than another one wrong: a line has one verdict.
    #[test]
    fn missing_comes_before_wrong() {
        let line = GOOD.replace("200", "null").replace("path", "way");
        assert_eq!(verdict(line), Err(Bad::FieldMissing));
    }

    #[test]
    fn what_is_not_looked_at_may_be_anything_that_is_json() {
        let with = |more: &str| verdict(GOOD.replace('}', &format!(",\"more\":{more}}}")));
        for more in ["1e999", "\"\\ud800\"", "[[[]]]", "{\"path\":1}"] {
            assert_eq!(with(more), Ok(()), "{more}");
        }
        assert_eq!(with("1e"), Err(Bad::NotJson));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(with(&nested(DEEPEST - 1)), Ok(()));
        assert_eq!(with(&nested(DEEPEST)), Err(Bad::NotJson));
        let in_a_string = format!("\"\\\"{}\"", "[".repeat(500));
        assert_eq!(with(&in_a_string), Ok(()));
    }

    #[test]
    fn of_a_field_that_is_there_twice_the_last_one_counts() {
        let twice = GOOD.replace('}', ",\"status\":404,\"path\":\"/\\u0062\"}");
        let (record, _) = parse(twice.as_bytes()).unwrap();
        assert_eq!((record.status, record.page()), (404, "/b"));
        assert_eq!(verdict(twice.replace("404", "4.5")), Err(Bad::FieldWrong));
    }
}

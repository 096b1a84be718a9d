//! A trade, and how its numbers are written.

use std::fmt;

use serde::{Serialize, Serializer};

/// A price or a volume of 1.
pub const UNIT: i64 = 10_000;

/// A trade as it reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Decides which of two trades of the same millisecond was the first.
    pub number: u64,
    /// When it happened, in milliseconds since 1970.
    pub time: i64,
    /// When it reaches us, in milliseconds since 1970. Only [`crate::feed`] looks at it.
    pub arrival: i64,
    /// What was traded.
    pub symbol: Symbol,
    /// In 1/10000, positive.
    pub price: i64,
    /// In 1/10000, positive.
    pub volume: i64,
}

/// The name of what is traded: 1 to 16 letters, digits, dots, hyphens or underscores, all ASCII.
///
/// It is copied and never allocated: each trade has one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Filled up with zeros, so that they are in order as their texts are.
pub struct Symbol([u8; 16]);

impl Symbol {
    /// A symbol of this name, if it is one.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if name.is_empty() || !name.iter().all(is_allowed) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self(bytes))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0);
        let name = &self.0[..end.unwrap_or(self.0.len())];
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A quotient rounded to the nearest integer, halves upwards. For `n` ≥ 0 and `d` > 0.
///
/// # Panics
///
/// If `d` is 0.
#[must_use]
pub fn divide(n: i128, d: i128) -> i128 {
    (2 * n + d) / (2 * d)
}

/// A price as people write it: `101.2500`.
#[must_use]
pub fn price(value: i64) -> String {
    format!("{}.{:04}", value / UNIT, value % UNIT)
}

/// A volume as people write it, without zeros that say nothing: `12` or `0.5`.
#[must_use]
pub fn volume(value: i128) -> String {
    let unit = i128::from(UNIT);
    let text = format!("{}.{:04}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads a positive decimal number with at most `digits` digits before the point, into 1/10000.
/// What comes after the fourth decimal is rounded, halves upwards.
#[must_use]
pub fn decimal(text: &[u8], digits: usize) -> Option<i64> {
    let point = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&text[..point], Some(&text[point + 1..])),
        None => (text, None),
    };
    let all_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let is_number = (1..=digits).contains(&whole.len())
        && all_digits(whole)
        && fraction.is_none_or(|part| (1..=18).contains(&part.len()) && all_digits(part));
    if !is_number {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    let decimals = fraction.iter().copied().chain([b'0'; 4]).take(4);
    let value = whole.iter().copied().chain(decimals);
    let value = value.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    let value = value + i64::from(fraction.get(4).is_some_and(|digit| *digit >= b'5'));
    (value > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        let cases: [(&str, Option<i64>); 17] = [
            ("1", Some(10_000)),
            ("101.25", Some(1_012_500)),
            ("0.0001", Some(1)),
            ("0.00005", Some(1)),
            ("0.00004", None),
            ("1.99995", Some(20_000)),
            ("007", Some(70_000)),
            ("123456789", Some(1_234_567_890_000)),
            ("1234567890", None),
            ("0", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("+5", None),
            ("-5", None),
            ("1e3", None),
            ("1.0000000000000000000", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decimal(text.as_bytes(), 9), expected, "{text}");
        }
        assert_eq!(price(1_012_500), "101.2500");
        assert_eq!(volume(120_000), "12");
        assert_eq!(volume(5_000), "0.5");
        assert_eq!(volume(1_000_000), "100");
    }

    #[test]
    fn symbols() {
        let symbol = Symbol::new(b"BRK.B").unwrap();
        assert_eq!(symbol.as_str(), "BRK.B");
        assert!(Symbol::new(b"0123456789abcdef").is_some());
        for wrong in ["", "0123456789abcdefg", "A B", "\u{e4}", "A\0"] {
            assert_eq!(Symbol::new(wrong.as_bytes()), None, "{wrong:?}");
        }
        let in_order = ["A", "A-B", "AA", "B", "a"].map(|name| Symbol::new(name.as_bytes()));
        assert!(in_order.is_sorted(), "as their texts are");
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!([divide(4, 8), divide(3, 8), divide(12, 8)], [1, 0, 2]);
    }
}

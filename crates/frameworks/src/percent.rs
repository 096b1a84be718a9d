//! `two+bottles%21` is `two bottles!`: the one thing of a URL's query that hyper leaves to us.

/// Decodes a value of a query.
///
/// A `%` that no two hexadecimal digits follow stays as it is; bytes that are no UTF-8 become
/// U+FFFD.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        rest = match rest {
            [] => return String::from_utf8_lossy(&bytes).into_owned(),
            [b'%', a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                bytes.push(digit(*a) * 16 + digit(*b));
                rest
            }
            [b'+', rest @ ..] => {
                bytes.push(b' ');
                rest
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

/// The value of a hexadecimal digit.
fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(decode("two+bottles%21"), "two bottles!");
        assert_eq!(decode("%C3%A9%c3%A9"), "éé");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%+1%zz%é"), "% 1%zz%é");
        assert_eq!(decode("%FF"), "\u{FFFD}");
        assert_eq!(decode(""), "");
    }
}

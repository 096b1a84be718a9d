//! Moments: milliseconds since 1970, and how people write them.

/// The last moment that is accepted: the end of the year 9999.
pub const LATEST: i64 = 253_402_300_799_999;

const DAY: i64 = 86_400_000;

/// Reads milliseconds since 1970, or a time of RFC 3339 such as `2026-01-05T14:30:00.250Z` or
/// `2026-01-05 15:30:00+01:00`. What is finer than a millisecond is cut off.
///
/// # Errors
///
/// What is wrong, in one clause.
pub fn parse(text: &[u8]) -> Result<i64, &'static str> {
    let moment = if (1..=15).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) {
        number(text)
    } else {
        rfc3339(text).ok_or("the time is neither RFC 3339 nor milliseconds since 1970")?
    };
    match moment {
        ..0 => Err("the time is before 1970"),
        0..=LATEST => Ok(moment),
        _ => Err("the time is after the year 9999"),
    }
}

fn number(digits: &[u8]) -> i64 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

fn rfc3339(text: &[u8]) -> Option<i64> {
    let (moment, rest) = text.split_at_checked(19)?;
    let shape = b"0000-00-00T00:00:00";
    let fits = moment.iter().zip(shape).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => b"Tt ".contains(byte),
        _ => byte == form,
    });
    if !fits {
        return None;
    }
    let field = |from: usize, to: usize| number(&moment[from..to]);
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let (hour, minute, second) = (field(11, 13), field(14, 16), field(17, 19));
    if year == 0 || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    // No leap second: no clock that counts milliseconds since 1970 has one.
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (milliseconds, zone) = match rest.split_first()? {
        (b'.', rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            let first: Vec<u8> = rest[..digits]
                .iter()
                .copied()
                .chain(*b"00")
                .take(3)
                .collect();
            (number(&first), &rest[digits..])
        }
        _ => (0, rest),
    };
    let offset = match zone {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            let (hours, minutes) = (number(&[*h1, *h2]), number(&[*m1, *m2]));
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    let seconds = hour * 3600 + (minute - offset) * 60 + second;
    Some(days_since_1970(year, month, day) * DAY + seconds * 1000 + milliseconds)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The years of this count begin in March, so that the day that is there only sometimes is the last
/// one of its year, and 400 years are always 146097 days.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

/// The reverse: year, month, day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, month, day)
}

/// `2026-01-05 14:30:00`, and `.250` where there are milliseconds.
#[must_use]
pub fn show(moment: i64) -> String {
    let milliseconds = moment.rem_euclid(1000);
    let text = format!("{} {}", day(moment), clock(moment));
    if milliseconds == 0 {
        text
    } else {
        format!("{text}.{milliseconds:03}")
    }
}

/// `2026-01-05T14:30:00.250Z`.
#[must_use]
pub fn rfc3339_text(moment: i64) -> String {
    let milliseconds = moment.rem_euclid(1000);
    format!("{}T{}.{milliseconds:03}Z", day(moment), clock(moment))
}

fn day(moment: i64) -> String {
    let (year, month, day) = date(moment.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

fn clock(moment: i64) -> String {
    let seconds = moment.rem_euclid(DAY) / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_read() {
        let start = crate::exchange::START;
        let cases = [
            ("1767623400000", start),
            ("0", 0),
            ("2026-01-05T14:30:00Z", start),
            ("2026-01-05t14:30:00z", start),
            ("2026-01-05 15:30:00+01:00", start),
            ("2026-01-05T09:00:00-05:30", start),
            ("2026-01-05T14:30:00.25Z", start + 250),
            ("2026-01-05T14:30:00.123999999Z", start + 123),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("9999-12-31T23:59:59.999Z", LATEST),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not() {
        let neither = "the time is neither RFC 3339 nor milliseconds since 1970";
        let cases = [
            ("", neither),
            ("-1", neither),
            ("1767623400.5", neither),
            ("1234567890123456", neither),
            ("253402300800000", "the time is after the year 9999"),
            (
                "9999-12-31T23:59:59-01:00",
                "the time is after the year 9999",
            ),
            ("1969-12-31T23:59:59Z", "the time is before 1970"),
            ("1970-01-01T00:00:00+00:01", "the time is before 1970"),
            ("2026-01-05T14:30:00", neither),
            ("2026-01-05T14:30Z", neither),
            ("2026-01-05T24:00:00Z", neither),
            ("2026-01-05T14:30:60Z", neither),
            ("2026-02-29T00:00:00Z", neither),
            ("2026-13-01T00:00:00Z", neither),
            ("0000-01-01T00:00:00Z", neither),
            ("2026-01-05T14:30:00.Z", neither),
            ("2026-01-05T14:30:00.0123456789Z", neither),
            ("2026-01-05T14:30:00+0100", neither),
            ("2026-01-05T14:30:00+24:00", neither),
            ("2026-01-05T14:30:00Z ", neither),
            ("2026-01-05T14:30:0\u{e4}Z", neither),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(moment in 0..=LATEST) {
            prop_assert_eq!(parse(rfc3339_text(moment).as_bytes()), Ok(moment));
        }

        #[test]
        fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&text);
        }
    }
}

//! Dates as `YYYY-MM-DD`, in UTC.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Days since 1970 of a date (the proleptic Gregorian calendar).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a moment in seconds since 1970.
pub(crate) fn date(seconds: i64) -> String {
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The first second of a date; `None` if it is none.
pub(crate) fn begin(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-');
    let mut part = |digits: usize| {
        let text = parts.next().filter(|text| text.len() == digits)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let seconds = days(year, month, day) * DAY;
    // A day that its month does not have is another date.
    (date(seconds) == text.trim()).then_some(seconds)
}

/// The first second after a date.
pub(crate) fn end(text: &str) -> Option<i64> {
    begin(text).map(|seconds| seconds + DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_and_others_are_refused() {
        for (text, seconds) in
            [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2026-11-26", 1_795_651_200)]
        {
            assert_eq!(begin(text), Some(seconds));
            assert_eq!(date(seconds + DAY - 1), text);
        }
        for wrong in ["2026-02-29", "2026-13-01", "2026-1-1", "today", "2026-01-01T00:00", ""] {
            assert_eq!(begin(wrong), None, "{wrong}");
        }
    }
}

//! Points in time as people give them on the command line.
//!
//! In: `2026-11-22T07:00:00Z` (RFC 3339), `15m`, `2h`, `now`. Out: a `Timestamp`.
//! Always: the present comes in as an argument.
//! Not here: comparing records with it (`reader::Bounds`).

use jiff::{SignedDuration, Timestamp};

/// A text that is no point in time.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a point in time\n\
     hint: give RFC 3339 (2026-11-22T07:00:00Z), a time before now (90s, 15m, 2h, 7d), or now"
)]
pub struct MomentError(pub String);

/// The point in time that `text` means at the moment `now`.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, MomentError> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Some(before) = duration(text) {
        return now.checked_sub(before).map_err(|_| MomentError(text.to_owned()));
    }
    text.parse().map_err(|_| MomentError(text.to_owned()))
}

fn duration(text: &str) -> Option<SignedDuration> {
    let split = text.find(|character: char| !character.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(split)?;
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let seconds = count.parse::<i64>().ok()?.checked_mul(unit_seconds)?;
    Some(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let found = parse(text, now).map(|moment| moment.to_string());
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{text}");
    }

    #[test]
    fn absolute_and_relative() {
        check("2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z");
        check("2026-11-22T07:00:00.5+02:00", "2026-11-22T05:00:00.5Z");
        check("now", "2026-11-22T12:00:00Z");
        check("0s", "2026-11-22T12:00:00Z");
        check("90s", "2026-11-22T11:58:30Z");
        check("15m", "2026-11-22T11:45:00Z");
        check("2h", "2026-11-22T10:00:00Z");
        check("7d", "2026-11-15T12:00:00Z");
        check("1w", "2026-11-15T12:00:00Z");
    }

    #[test]
    fn anything_else_is_refused() {
        let huge = format!("{}w", i64::MAX);
        for text in ["", "m", "5", "5 m", "-5m", "5y", "yesterday", "2026-11-22", &huge] {
            check(text, "none");
        }
    }
}

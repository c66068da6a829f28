//! How long a server asks to wait: `Retry-After` (RFC 9110, 10.2.3), in both of its forms.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The wait that an answer asks for. What is neither a number of seconds nor a date asks for none.
///
/// A date is compared with the answer's own `Date`, so that it does not matter whose clock is wrong;
/// without that there is nothing to compare it with.
pub(super) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let value: &str = text(RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is no less absurd than the largest that does.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    // A date that has passed asks for no wait.
    Some(until.duration_since(now).unwrap_or_default())
}

/// A wait as people read it.
pub(super) fn shown_wait(wait: Duration) -> String {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    if wait > CENTURY { "centuries".to_owned() } else { humantime::format_duration(wait).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Sat, 31 Oct 2020 07:10:55 GMT";

    fn wait(value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        asked_wait(&headers)
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait("0", None), seconds(0));
        assert_eq!(wait(" 120 ", None), seconds(120));
        assert_eq!(wait("Sat, 31 Oct 2020 07:11:00 GMT", Some(NOW)), seconds(5));
        assert_eq!(wait("Saturday, 31-Oct-20 07:11:00 GMT", Some(NOW)), seconds(5));
        assert_eq!(wait("Sat, 31 Oct 2020 07:00:00 GMT", Some(NOW)), seconds(0));
    }

    #[test]
    fn what_is_absurd_is_ignored_or_very_long() {
        for garbage in ["", "soon", "-1", "+1", "1.5", "1e3", "0x10", "Sat, 99 Oct 2020 07:11:00 GMT"] {
            assert_eq!(wait(garbage, Some(NOW)), None, "{garbage}");
        }
        assert_eq!(wait("Sat, 31 Oct 2020 07:11:00 GMT", None), None);
        assert_eq!(wait("Sat, 31 Oct 2020 07:11:00 GMT", Some("today")), None);
        let long = wait(&format!("1{}", "0".repeat(30)), None).unwrap();
        assert_eq!(long, Duration::from_secs(u64::MAX));
        assert_eq!(shown_wait(long), "centuries");
        assert_eq!(shown_wait(Duration::from_secs(3_600)), "1h");
        assert_eq!(asked_wait(&HeaderMap::new()), None);
    }
}

//! UTC timestamps that name reports.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    fmt::strtime,
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "%Y-%m-%dT%H%M%SZ";

/// A UTC time with second precision, in a form that can name a directory: `2025-10-17T112849Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(test, schemars(with = "String", extend("pattern" = r"^\d{4}-\d{2}-\d{2}T\d{6}Z$")))]
pub struct RunTimestamp(DateTime);

/// A text that is not a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid timestamp {0:?}: expected a UTC time such as 2025-10-17T112849Z")]
pub struct InvalidTimestamp(String);

impl RunTimestamp {
    /// The current time.
    pub fn now() -> Self {
        let now = TimeZone::UTC.to_datetime(Timestamp::now());
        Self(now.with().subsec_nanosecond(0).build().unwrap_or(now))
    }

    /// The date, in UTC.
    pub fn day(self) -> Date {
        self.0.date()
    }

    /// The time one second later.
    pub fn next_second(self) -> Self {
        Self(self.0.saturating_add(1.seconds()))
    }

    /// The seconds from an RFC 3339 time to this one, negative if this one is earlier; None for any other text.
    pub fn seconds_since(self, rfc3339: &str) -> Option<i64> {
        let then: Timestamp = rfc3339.parse().ok()?;
        let this = TimeZone::UTC.to_timestamp(self.0).ok()?;
        Some(this.as_second().saturating_sub(then.as_second()))
    }

    /// The time as RFC 3339, for other tools: `2025-10-17T11:28:49Z`.
    pub fn rfc3339(self) -> String {
        format!("{}Z", self.0)
    }
}

impl fmt::Display for RunTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.strftime(FORMAT).to_string())
    }
}

impl FromStr for RunTimestamp {
    type Err = InvalidTimestamp;

    /// Accepts only the exact form that is printed.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let parsed = strtime::parse(FORMAT, text).and_then(|parsed| parsed.to_datetime()).map(Self);
        parsed.ok().filter(|stamp| stamp.to_string() == text).ok_or_else(|| InvalidTimestamp(text.to_owned()))
    }
}

impl TryFrom<String> for RunTimestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        text.parse()
    }
}

impl From<RunTimestamp> for String {
    fn from(stamp: RunTimestamp) -> Self {
        stamp.to_string()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2025-10-17T112849Z", true)]
    #[case("2024-02-29T235959Z", true)]
    #[case("2025-10-17T11:28:49Z", false)]
    #[case("2025-10-17T112849", false)]
    #[case("2025-1-7T112849Z", false)]
    #[case("2025-02-30T112849Z", false)]
    #[case("../2025-10-17T112849Z", false)]
    #[case("", false)]
    fn only_the_printed_form_is_accepted(#[case] text: &str, #[case] is_stamp: bool) {
        let parsed = text.parse::<RunTimestamp>();
        assert_eq!(parsed.is_ok(), is_stamp, "{parsed:?}");
        assert!(parsed.is_err() || parsed.is_ok_and(|stamp| stamp.to_string() == text));
    }

    #[rstest]
    #[case("2025-10-17T11:28:49Z", Some(0))]
    #[case("2025-10-17T13:28:39+02:00", Some(10))]
    #[case("2025-10-18T11:28:49Z", Some(-86_400))]
    #[case("", None)]
    #[case("2025-10-17", None)]
    fn times_are_compared_in_seconds(#[case] then: &str, #[case] seconds: Option<i64>) {
        let stamp: Result<RunTimestamp, _> = "2025-10-17T112849Z".parse();
        assert_eq!(stamp.map(|stamp| stamp.seconds_since(then)), Ok(seconds));
    }

    #[test]
    fn a_second_later_may_be_another_year() {
        let last: Result<RunTimestamp, _> = "2025-12-31T235959Z".parse();
        assert_eq!(last.map(|stamp| stamp.next_second().to_string()), Ok("2026-01-01T000000Z".into()));
    }
}

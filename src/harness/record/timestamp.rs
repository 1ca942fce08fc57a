//! UTC timestamps that name reports.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp,
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
}

//! The verdict on one reading of a bundle.

use serde::Serialize;

/// The verdict on one reading, ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The reader returned exactly what the bundle contains.
    Same,
    /// The reading was not possible here.
    #[serde(rename = "not_looked_at")]
    Skipped,
    /// The reader refused the bundle.
    Refused,
    /// The reader crashed, timed out, or sent an invalid response.
    #[serde(rename = "no_answer")]
    NoResponse,
    /// The writer failed, or wrote something else than it reported.
    NotWritten,
    /// The reader returned something else.
    Differs,
}

impl Verdict {
    /// The verdict as it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::NoResponse => "no response",
            Self::NotWritten => "not written",
            Self::Differs => "differs",
        }
    }

    /// Whether the verdict is a failure.
    pub fn is_bad(self) -> bool {
        !matches!(self, Self::Same | Self::Skipped)
    }
}

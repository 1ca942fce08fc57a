//! The position of a report in its store: `chain.json`.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{ReadError, RunTimestamp, run_record};

/// The longest `chain.json` that is read: 64 KiB.
pub(crate) const MAX_CHAIN_BYTES: u64 = 64 * 1024;

/// The highest number of a report or an attempt: 2^53, which every reader of JSON represents exactly. A chain with a
/// higher number is invalid, so that it cannot use up the numbers of later reports.
pub const MAX_NUMBER: u64 = 1 << 53;

/// The position of a report in its store, and when it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The version of this structure: [`FORMAT`](crate::harness::record::FORMAT).
    pub format: u32,
    /// The number of the report in its store, from 1 to [`MAX_NUMBER`]. Reports are ordered by it.
    #[serde(deserialize_with = "number")]
    pub sequence: u64,
    /// The name of the report. Timestamps do not order reports.
    pub stamp: RunTimestamp,
    /// Whether the stamp was given by hand (`--stamp`). Otherwise it is near the time of the run.
    pub stamp_given: bool,
    /// The previous report, except for the first.
    pub predecessor: Option<Predecessor>,
    /// The attempt that a run of a plan was; None without a plan.
    pub attempt: Option<Attempt>,
    /// When the run started, as RFC 3339.
    pub started: String,
    /// When the run ended, as RFC 3339.
    pub ended: String,
}

/// The report that was the newest when this one was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its name.
    pub stamp: RunTimestamp,
    /// Its number.
    #[serde(deserialize_with = "number")]
    pub sequence: u64,
    /// The SHA-256 of its `SHA256SUMS`, which covers all of its files.
    pub digest: String,
}

/// An attempt at a plan. It is numbered when the report is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The name of the plan.
    pub plan: String,
    /// Its number: that of the plan's last attempt in the store plus 1, or the plan's `first_attempt`.
    #[serde(deserialize_with = "number")]
    pub number: u64,
}

/// When a run took place, as the caller of the writer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTimes {
    /// When it started, as RFC 3339.
    pub started: String,
    /// When it ended, as RFC 3339.
    pub ended: String,
    /// Whether its stamp was given by hand.
    pub stamp_given: bool,
}

impl Chain {
    /// Reads `chain.json`.
    ///
    /// # Errors
    /// When it has another format version, or is invalid.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        run_record::read(bytes, |chain: &Self| chain.format)
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if (1..=MAX_NUMBER).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::custom(format!("expected a number from 1 to {MAX_NUMBER}, found {number}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::{record::FORMAT, test_helpers};

    #[test]
    fn the_first_report_has_no_predecessor() {
        let chain = test_helpers::chain(1, test_helpers::stamp("2025-10-17T112849Z"));
        let text = serde_json::to_string(&chain).unwrap();
        assert!(text.contains(r#""predecessor":null"#), "{text}");
        assert_eq!(Chain::from_json(text.as_bytes()).unwrap(), chain);
        let newer = text.replace(&format!(r#""format":{FORMAT}"#), r#""format":99"#);
        assert!(matches!(Chain::from_json(newer.as_bytes()), Err(ReadError::Format { found: 99 })));
    }

    #[rstest]
    #[case(0, false)]
    #[case(1, true)]
    #[case(MAX_NUMBER, true)]
    #[case(MAX_NUMBER + 1, false)]
    #[case(u64::MAX, false)]
    fn numbers_of_reports_and_attempts_have_a_maximum(#[case] number: u64, #[case] valid: bool) {
        let stamp = test_helpers::stamp("2025-10-17T112849Z");
        let attempt = Some(Attempt { plan: "p".into(), number });
        let chains = [
            Chain { sequence: number, ..test_helpers::chain(1, stamp) },
            Chain { attempt, ..test_helpers::chain(1, stamp) },
        ];
        for chain in chains {
            let read = Chain::from_json(&serde_json::to_vec(&chain).unwrap());
            assert_eq!(read.is_ok(), valid, "{read:?}");
            let said = read.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(valid || said.contains("expected a number from 1 to 9007199254740992"), "{said}");
        }
    }
}

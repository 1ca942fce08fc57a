//! A run: what `results.json` holds, and what is counted in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RunTimestamp;
use super::Target;
use crate::{
    harness::{
        runner::{Outcome, Phase},
        suite::Plan,
    },
    text::shell_argument,
};

/// The version of `results.json`, `inventory.json` and `chain.json`. It goes up with any change that a
/// reader could misread, and a reader refuses every version that it does not know.
pub const FORMAT: u32 = 1;

/// One run of the suite: everything that a report is rendered from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The version of this structure: [`FORMAT`].
    pub format: u32,
    /// The name of the report.
    pub stamp: RunTimestamp,
    /// The phases that were run, in their order.
    pub phases: Vec<Phase>,
    /// The plan that selected the checks, as it was then.
    pub plan: Option<Plan>,
    /// The options that selected the checks, as given on the command line.
    pub selection: Vec<String>,
    /// The variables that each case was run with.
    pub environment: BTreeMap<String, String>,
    /// The digest of the suite: SHA-256 in hexadecimal.
    pub suite_digest: String,
    /// The directory of the suite as it was named; none for the one in the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// The cases that passed or failed without having been seen to fail as they are now: their green says little.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<String>,
    /// What was judged, when it is none of the suite's own implementations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Target>,
    /// What was seen, in the order in which it was to run.
    pub outcomes: Vec<Outcome>,
}

/// How the outcomes of a phase came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: usize,
    /// Those that came out as their phase wants it.
    pub as_stated: usize,
    /// How many came to each word: `proven`, `wrong_step`, `pass`, ...
    pub words: BTreeMap<&'static str, usize>,
}

/// Why a JSON file of a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was written by another version of this program.
    #[error(
        "is of format {found}, and this bundleproof reads format {FORMAT}: read it with the one that wrote it"
    )]
    Format {
        /// The version it states.
        found: u32,
    },
    /// It is not what this program writes.
    #[error("is not of its format: {0}")]
    Json(#[from] serde_json::Error),
}

impl RunRecord {
    /// Reads `results.json`.
    ///
    /// # Errors
    /// When it is of another format, said by its number, or of none.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        read(bytes, |run: &Self| run.format)
    }

    /// The outcomes of one phase.
    pub fn outcomes_of(&self, phase: Phase) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.phase == phase)
    }

    /// The option that names an implementation of this run on the command line.
    pub fn option(&self, implementation: &str) -> String {
        match &self.judged {
            Some(judged) if judged.name == implementation => judged.option.clone(),
            _ => format!("--impl {}", shell_argument(implementation)),
        }
    }

    /// What the outcomes of a phase came to.
    pub fn counts(&self, phase: Phase) -> Counts {
        Counts::of(self.outcomes_of(phase))
    }
}

impl Counts {
    /// Counts these outcomes.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            counts.all += 1;
            counts.as_stated += usize::from(outcome.is_as_stated());
            *counts.words.entry(outcome.word()).or_default() += 1;
        }
        counts
    }

    /// Those that did not come out as their phase wants it.
    pub fn not_as_stated(&self) -> usize {
        self.all.saturating_sub(self.as_stated)
    }

    /// In words: `29 of 31 as stated (1 timeout, 1 wrong_step)`.
    pub fn in_words(&self) -> String {
        let stated = format!("{} of {} as stated", self.as_stated, self.all);
        if self.not_as_stated() == 0 {
            return stated;
        }
        let others = self.words.iter().filter(|(word, _)| !matches!(**word, "proven" | "pass"));
        let others: Vec<String> = others.map(|(word, count)| format!("{count} {word}")).collect();
        format!("{stated} ({})", others.join(", "))
    }
}

/// Reads a versioned JSON file; a version that is not known is named even where nothing else fits.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
    format: impl Fn(&T) -> u32,
) -> Result<T, ReadError> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let read = serde_json::from_slice::<T>(bytes);
    let found = match &read {
        Ok(value) => format(value),
        Err(_) => serde_json::from_slice::<Versioned>(bytes).map_or(FORMAT, |versioned| versioned.format),
    };
    if found == FORMAT { Ok(read?) } else { Err(ReadError::Format { found }) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn counts_are_of_one_phase_and_say_what_is_not_as_stated() {
        let run = test_helpers::run();
        assert_eq!(run.counts(Phase::Red).in_words(), "1 of 3 as stated (1 set_up_error, 1 unexpected_pass)");
        assert_eq!(run.counts(Phase::Green).in_words(), "2 of 3 as stated (1 fail)");
        assert_eq!(Counts::of(run.outcomes_of(Phase::Green).take(2)).in_words(), "2 of 2 as stated");
    }

    #[test]
    fn a_newer_format_is_refused_by_name_whatever_else_it_holds() {
        let newer = RunRecord::from_json(br#"{"format": 2, "runs": []}"#).unwrap_err();
        assert!(matches!(newer, ReadError::Format { found: 2 }), "{newer}");
        let none = RunRecord::from_json(b"{").unwrap_err();
        assert!(matches!(none, ReadError::Json(_)), "{none}");
        let mut same_fields = test_helpers::run();
        same_fields.format = 7;
        let newer = RunRecord::from_json(&serde_json::to_vec(&same_fields).unwrap()).unwrap_err();
        assert!(
            newer.to_string().starts_with("is of format 7, and this bundleproof reads format 1"),
            "{newer}"
        );
    }

    #[test]
    fn a_field_that_would_be_lost_is_refused() {
        let mut value = serde_json::to_value(test_helpers::run()).unwrap();
        value.as_object_mut().unwrap().insert("note".into(), "x".into());
        let error = RunRecord::from_json(&serde_json::to_vec(&value).unwrap()).unwrap_err();
        assert!(matches!(error, ReadError::Json(_)), "{error}");
    }
}

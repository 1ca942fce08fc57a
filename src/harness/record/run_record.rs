//! Runs: the contents of `results.json`, and counts of results.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    ConformanceSummary, Control, ImplementationRecord, Imported, Partition, Protected, ProtectedChange,
    RESULTS, RunTimestamp, Target,
};
use crate::{
    harness::{
        runner::{Outcome, Phase},
        suite::Plan,
    },
    text::shell_argument,
};

/// The version of `results.json`, `durations.json`, `inventory.json` and `chain.json`. It increases with every change that a reader could
/// misread; readers reject unknown versions.
pub const FORMAT: u32 = 5;

/// One run of the suite, from which all files of a report are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The version of this structure: [`FORMAT`].
    pub format: u32,
    /// The name of the report.
    pub stamp: RunTimestamp,
    /// The phases that were run, in their order.
    pub phases: Vec<Phase>,
    /// The plan that selected the checks, in its version at that time.
    pub plan: Option<Plan>,
    /// The command line options that selected the checks.
    pub selection: Vec<String>,
    /// The environment variables of every case.
    pub environment: BTreeMap<String, String>,
    /// The digest of the suite: SHA-256 in hexadecimal.
    pub suite_digest: String,
    /// The directory of the suite as given; None for the embedded suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// The cases that ran without a current proof that they can fail, so a pass says little.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<String>,
    /// The command line option that selects each third-party implementation, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// The target, if it is a third-party implementation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Target>,
    /// The text of the case files with unexpected outcomes, by file, as [`case_texts`](super::case_texts) limits it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cases: BTreeMap<String, String>,
    /// The implementations that checks ran on, by name.
    pub implementations: BTreeMap<String, ImplementationRecord>,
    /// The files that the outcomes were imported from, if another runner made them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// The protected files of the plan, if it names any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<Protected>,
    /// Whether faulty variants of the target were noticed; None if the target is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// The number of red runs of the whole run that were left out, because they need PyTorch and it is not available.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_red: usize,
    /// The part of a run that this is; None for a whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The outcomes, in the planned order.
    pub outcomes: Vec<Outcome>,
}

/// Counts of results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The phase of the outcomes; None if there are none, or several phases.
    pub phase: Option<Phase>,
    /// The number of outcomes.
    pub all: usize,
    /// The number of outcomes that meet the expectation of their phase.
    pub as_expected: usize,
    /// The number of outcomes by result: `proven`, `wrong_step`, `pass`, ...
    pub words: BTreeMap<&'static str, usize>,
}

/// Why a JSON file of a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was written by another version of this program.
    #[error("has format {found}; expected format {FORMAT}: use the version of bundleproof that wrote it")]
    Format {
        /// The version in the file.
        found: u32,
    },
    /// It is not about the checks of `results.json`.
    #[error("does not list the checks of {RESULTS} in their order")]
    OtherChecks,
    /// It is not valid.
    #[error("is invalid: {0}")]
    Json(#[from] serde_json::Error),
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl RunRecord {
    /// Reads `results.json`.
    ///
    /// # Errors
    /// When it has another format version, or is invalid.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        read(bytes, |run: &Self| run.format)
    }

    /// The outcomes of one phase.
    pub fn outcomes_of(&self, phase: Phase) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.phase == phase)
    }

    /// How far the target conforms, if it is a third-party implementation.
    pub fn conformance(&self) -> Option<(&Target, ConformanceSummary<'_>)> {
        let target = self.judged.as_ref()?;
        Some((target, target.conformance(&self.outcomes, self.partition.is_some())))
    }

    /// The command line options that selected the checks, as one text.
    pub fn selected(&self) -> String {
        let part = self.partition.as_ref().map(|partition| format!("--partition {}", partition.part));
        self.selection.iter().cloned().chain(part).collect::<Vec<_>>().join(" ")
    }

    /// The command line option that selects an implementation of this run.
    pub fn option(&self, implementation: &str) -> String {
        let given = self.options.get(implementation).cloned();
        given.unwrap_or_else(|| format!("--impl {}", shell_argument(implementation)))
    }

    /// The protected files that changed since the previous attempt at the plan, if a red phase was run: it changes nothing
    /// but tests.
    pub fn red_change(&self) -> Option<&ProtectedChange> {
        let change = self.protected.as_ref().and_then(|protected| protected.change.as_ref());
        change.filter(|change| self.phases.contains(&Phase::Red) && change.is_any())
    }

    /// Counts the outcomes of a phase.
    pub fn counts(&self, phase: Phase) -> Counts {
        Counts::of(self.outcomes_of(phase))
    }
}

impl Counts {
    /// Counts these outcomes.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            // Mixed phases have no common word for an expected result.
            let is_first = counts.all == 0;
            counts.phase = Some(outcome.phase).filter(|phase| is_first || counts.phase == Some(*phase));
            counts.all += 1;
            counts.as_expected += usize::from(outcome.met_expectation());
            *counts.words.entry(outcome.result_name()).or_default() += 1;
        }
        counts
    }

    /// The number of outcomes that do not meet the expectation of their phase.
    pub fn unexpected(&self) -> usize {
        self.all.saturating_sub(self.as_expected)
    }
}

/// `29/31 failed as expected (1 timeout, 1 wrong_step)`, or `29/31 passed (2 fail)`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = match self.phase {
            Some(Phase::Red) => "failed as expected",
            Some(Phase::Green) => "passed",
            None => "as expected",
        };
        write!(f, "{}/{} {expected}", self.as_expected, self.all)?;
        if self.unexpected() == 0 {
            return Ok(());
        }
        let others = self.words.iter().filter(|(word, _)| !matches!(**word, "proven" | "pass"));
        let others: Vec<String> = others.map(|(word, count)| format!("{count} {word}")).collect();
        write!(f, " ({})", others.join(", "))
    }
}

/// Reads a versioned JSON file. An unknown version is reported even if the rest cannot be parsed.
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
    fn counts_list_unexpected_results() {
        let run = test_helpers::run();
        assert_eq!(
            run.counts(Phase::Red).to_string(),
            "1/3 failed as expected (1 set_up_error, 1 unexpected_pass)"
        );
        assert_eq!(run.counts(Phase::Green).to_string(), "2/3 passed (1 fail)");
        assert_eq!(Counts::of(run.outcomes_of(Phase::Green).take(2)).to_string(), "2/2 passed");
    }

    #[test]
    fn a_newer_format_is_rejected_by_its_number() {
        let newer = RunRecord::from_json(br#"{"format": 99, "runs": []}"#).unwrap_err();
        assert!(matches!(newer, ReadError::Format { found: 99 }), "{newer}");
        let none = RunRecord::from_json(b"{").unwrap_err();
        assert!(matches!(none, ReadError::Json(_)), "{none}");
        let mut same_fields = test_helpers::run();
        same_fields.format = 7;
        let newer = RunRecord::from_json(&serde_json::to_vec(&same_fields).unwrap()).unwrap_err();
        let says = format!("has format 7; expected format {FORMAT}:");
        assert!(newer.to_string().starts_with(&says), "{newer}");
    }

    #[test]
    fn unknown_fields_are_rejected() {
        let mut value = serde_json::to_value(test_helpers::run()).unwrap();
        value.as_object_mut().unwrap().insert("note".into(), "x".into());
        let error = RunRecord::from_json(&serde_json::to_vec(&value).unwrap()).unwrap_err();
        assert!(matches!(error, ReadError::Json(_)), "{error}");
    }
}

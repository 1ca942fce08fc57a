//! Baseline files: a snapshot that is kept in a repository, one line for each check.
//!
//! The file has no times, is sorted, and says the same thing the same way, so its diff shows what changed and no more.

use std::{collections::BTreeMap, path::Path};

use serde::{
    Deserialize, Serialize,
    de::{
        IntoDeserializer as _,
        value::{Error, StrDeserializer},
    },
};

use super::{CheckResult, PhaseResult, Snapshot, check_result::MAX_REASON_CHARS};
use crate::{
    harness::{
        runner::{Phase, RedResult, Verdict},
        store::{CheckKey, IoError, sums::read_bounded},
    },
    text::{line, truncated},
};

/// The longest baseline file: 64 MiB.
pub const MAX_BASELINE_BYTES: u64 = 64 * 1024 * 1024;

/// The version of the file. It increases with every change that a reader could misread.
const FORMAT: u32 = 1;

/// Why a baseline file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The file cannot be read, or is too long.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// It was written by another version of this program.
    #[error(
        "has format {found}; expected format {FORMAT}: use the version of bundleproof that wrote it, or write it \
         again with --write-baseline"
    )]
    Format {
        /// The version in the file.
        found: u32,
    },
    /// It is not a baseline file.
    #[error("is not a baseline file: {0}")]
    Json(#[from] serde_json::Error),
    /// A check has a result that its phase does not have.
    #[error("{check}: unknown result {result:?} of a {} phase", phase.as_str())]
    Result {
        /// The check.
        check: String,
        /// Its phase.
        phase: Phase,
        /// What the file says.
        result: String,
    },
    /// A green check names an expectation that must fail.
    #[error("{check}: unexpected `must_fail` in a green phase")]
    MustFail {
        /// The check.
        check: String,
    },
    /// A check is there twice.
    #[error("duplicate check {0}; remove one of its lines")]
    Duplicate(String),
}

/// The contents of the file besides the checks.
#[derive(Serialize)]
struct Head<'a> {
    format: u32,
    suite_digest: &'a str,
    selection: &'a [String],
    environment: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    format: u32,
    suite_digest: String,
    selection: Vec<String>,
    environment: BTreeMap<String, String>,
    checks: Vec<Entry>,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    check: String,
    implementation: String,
    phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    must_fail: Option<String>,
    result: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    flaky: bool,
    digest: String,
}

/// The text of a baseline file.
///
/// # Errors
/// When serialization fails.
pub fn write_baseline(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let head = serde_json::to_string_pretty(&Head {
        format: FORMAT,
        suite_digest: &snapshot.suite_digest,
        selection: &snapshot.selection,
        environment: &snapshot.environment,
    })?;
    let mut entries: Vec<Entry> = snapshot.checks.iter().map(Entry::of).collect();
    entries.sort_by_cached_key(|entry| entry.key());
    let lines = entries.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    let head = head.strip_suffix("\n}").unwrap_or(&head);
    Ok(format!("{head},\n  \"checks\": [\n    {}\n  ]\n}}\n", lines.join(",\n    ")))
}

/// Reads a baseline file.
///
/// # Errors
/// When it cannot be read, is longer than [`MAX_BASELINE_BYTES`], has another format, or is invalid.
pub fn read_baseline(path: &Path) -> Result<Snapshot, BaselineError> {
    let bytes = read_bounded(path, MAX_BASELINE_BYTES)?;
    snapshot(&bytes, path.display().to_string())
}

fn snapshot(bytes: &[u8], name: String) -> Result<Snapshot, BaselineError> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let read = serde_json::from_slice::<BaselineFile>(bytes);
    // Another version may have other fields, so its number is looked for even in what cannot be read.
    let found = match &read {
        Ok(file) => file.format,
        Err(_) => serde_json::from_slice(bytes).map_or(FORMAT, |Versioned { format }| format),
    };
    if found != FORMAT {
        return Err(BaselineError::Format { found });
    }
    let BaselineFile { suite_digest, selection, environment, checks, .. } = read?;
    let mut checks: Vec<CheckResult> = checks.into_iter().map(Entry::read).collect::<Result<_, _>>()?;
    checks.sort_by(|a, b| a.key.cmp(&b.key));
    if let Some([twice, _]) = checks.array_windows().find(|[a, b]| a.key == b.key) {
        return Err(BaselineError::Duplicate(twice.key.to_string()));
    }
    Ok(Snapshot { name, suite_digest, selection, environment, checks })
}

impl Entry {
    fn of(own: &CheckResult) -> Self {
        let CheckKey { check, implementation, phase, must_fail } = own.key.clone();
        let (digest, result) = (own.digest.clone(), own.result.as_str().to_owned());
        let (reasons, flaky) = (own.reasons.clone(), own.flaky);
        Self { check, implementation, phase, must_fail, result, reasons, flaky, digest }
    }

    fn key(&self) -> CheckKey {
        CheckKey {
            check: self.check.clone(),
            implementation: self.implementation.clone(),
            phase: self.phase,
            must_fail: self.must_fail.clone(),
        }
    }

    fn read(self) -> Result<CheckResult, BaselineError> {
        let key = self.key();
        if key.must_fail.is_some() && key.phase == Phase::Green {
            return Err(BaselineError::MustFail { check: line(&key.check) });
        }
        let result = match key.phase {
            Phase::Green => word::<Verdict>(&self.result).map(PhaseResult::Green),
            Phase::Red => word::<RedResult>(&self.result).map(PhaseResult::Red),
        };
        let Some(result) = result else {
            let (check, result) = (line(&key.check), truncated(&self.result, MAX_REASON_CHARS));
            return Err(BaselineError::Result { check, phase: key.phase, result });
        };
        let (digest, reasons, flaky) = (self.digest, self.reasons, self.flaky);
        Ok(CheckResult { key, digest, result, reasons, flaky, seen: None })
    }
}

/// A result by its name in reports.
fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let word: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(word).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::{compare::Comparison, record::RunRecord, test_helpers};

    fn written() -> Snapshot {
        let run = RunRecord { unproven: Vec::new(), ..test_helpers::run() };
        Snapshot::of("report", &run, &test_helpers::environment())
    }

    fn text() -> String {
        write_baseline(&written()).unwrap()
    }

    #[test]
    fn what_was_written_reads_back_and_compares_as_equal() {
        let (written, read) = (written(), snapshot(text().as_bytes(), "file".into()).unwrap());
        let comparison = Comparison::of(&read, &written);
        assert!(comparison.checks.iter().all(|own| !own.case_changed() && !own.flaky), "{comparison:?}");
        assert!(!comparison.is_regression() && comparison.environment.is_empty());
        assert!(!comparison.suite_changed() && !comparison.selection_changed());
        assert_eq!(write_baseline(&read).unwrap(), text());
    }

    #[test]
    fn each_check_has_one_line_in_the_order_of_ids_and_no_time() {
        insta::assert_snapshot!("baseline_file", text());
    }

    #[rstest]
    #[case::newer(|text: &str| text.replacen("\"format\": 1", "\"format\": 2", 1), "has format 2; expected format 1")]
    #[case::newer_with_other_fields(|_: &str| r#"{"format": 9, "runs": []}"#.to_owned(), "has format 9")]
    #[case::cut(|text: &str| text[..text.len() / 2].to_owned(), "is not a baseline file: EOF")]
    #[case::no_baseline(|_: &str| "[]".to_owned(), "is not a baseline file")]
    #[case::unknown_field(|text: &str| text.replacen("\"checks\"", "\"x\": 1, \"checks\"", 1), "unknown field `x`")]
    #[case::unknown_result(
        |text: &str| text.replacen("\"result\":\"pass\"", "\"result\":\"passed\"", 1),
        "unknown result \"passed\" of a green phase"
    )]
    #[case::red_result_of_a_green_phase(
        |text: &str| text.replacen("\"result\":\"pass\"", "\"result\":\"proven\"", 1),
        "unknown result \"proven\" of a green phase"
    )]
    #[case::green_must_fail(
        |text: &str| text.replacen("\"phase\":\"red\"", "\"phase\":\"green\"", 1),
        "unexpected `must_fail` in a green phase"
    )]
    #[case::duplicate(
        |text: &str| {
            let line = text.lines().find(|line| line.contains("\"check\"")).unwrap();
            text.replacen(line, &format!("{line}\n{line}"), 1)
        },
        "duplicate check persistence/params on reference (green)"
    )]
    fn anything_else_is_refused(#[case] edit: fn(&str) -> String, #[case] says: &str) {
        let edited = edit(&text());
        let error = snapshot(edited.as_bytes(), "file".into()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.json");
        std::fs::File::create(&path).unwrap().set_len(MAX_BASELINE_BYTES + 1).unwrap();
        let error = read_baseline(&path).unwrap_err().to_string();
        assert!(error.contains("longer than the limit"), "{error}");
    }
}

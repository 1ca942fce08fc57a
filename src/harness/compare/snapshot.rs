//! One side of a comparison: what a report or a baseline file says about its checks and their inputs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{CheckResult, Standing, check_result::key_of};
use crate::harness::{
    record::{Environment, RunRecord},
    report::{rerun_command, restricts},
    runner::{Outcome, Phase},
    store::CheckKey,
    suite::Reason,
};

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What it was read from, for people.
    pub name: String,
    /// The digest of the suite: SHA-256 in hexadecimal.
    pub suite_digest: String,
    /// The command line options that selected the checks.
    pub selection: Vec<String>,
    /// What the run was made with, by name: `binary/version`, `implementations/reference`, `variables/LANG`.
    pub environment: BTreeMap<String, String>,
    /// The checks, sorted by key; no key is there twice.
    pub checks: Vec<CheckResult>,
}

impl Snapshot {
    /// What a run says. `name` is what it was read from.
    pub fn of(name: impl Into<String>, run: &RunRecord, environment: &Environment) -> Self {
        let mut by_key: BTreeMap<CheckKey, Vec<&Outcome>> = BTreeMap::new();
        for outcome in &run.outcomes {
            by_key.entry(key_of(outcome)).or_default().push(outcome);
        }
        let checks = by_key.into_values().filter_map(|outcomes| combined(run, &outcomes));
        let part = run.partition.as_ref().map(|partition| format!("--partition {}", partition.part));
        Self {
            name: name.into(),
            suite_digest: run.suite_digest.clone(),
            selection: run.selection.iter().cloned().chain(part).collect(),
            environment: inputs(run, environment),
            checks: checks.collect(),
        }
    }

    /// The ids of the checks that failed, in either phase.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        let failed = self.checks.iter().filter(|check| check.standing() == Standing::Failing);
        failed.map(|check| check.key.check.as_str())
    }

    /// The options that limited its checks; none if it is of the whole suite.
    pub(super) fn limits(&self) -> impl Iterator<Item = &str> {
        self.selection.iter().map(String::as_str).filter(|option| restricts(option))
    }

    /// Whether it has a check of this phase.
    pub(super) fn has(&self, phase: Phase) -> bool {
        self.checks.iter().any(|own| own.key.phase == phase)
    }

    /// The implementation of the green phase, if there is exactly one.
    pub(super) fn green_implementation(&self) -> Option<&str> {
        let mut green = self.checks.iter().map(|own| &own.key).filter(|key| key.phase == Phase::Green);
        let first = green.next()?.implementation.as_str();
        green.all(|key| key.implementation == first).then_some(first)
    }

    /// Whether the report identifies what this implementation is made of. The digest of the program covers those that
    /// are built in; another one needs digests of its files.
    pub(super) fn identifies(&self, implementation: &str) -> bool {
        let place = format!("{IMPLEMENTATIONS}/{implementation}");
        let has = |name: &str| self.environment.contains_key(&format!("{place}/{name}"));
        if has("version") {
            let files = format!("{place}/files/");
            let first = self.environment.range(files.clone()..).next();
            first.is_some_and(|(name, _)| name.starts_with(&files))
        } else {
            self.environment.contains_key("binary/sha256")
        }
    }
}

/// Where implementations that are not built in are in [`Snapshot::environment`].
const IMPLEMENTATIONS: &str = "implementations";

/// The outcomes of one key as one: the worst, and whether equal inputs gave different results.
fn combined(run: &RunRecord, outcomes: &[&Outcome]) -> Option<CheckResult> {
    let result = |outcome: &Outcome| {
        CheckResult::of(outcome, || {
            rerun_command(run, &outcome.check, outcome.phase, &outcome.implementation)
        })
    };
    let mut worst = outcomes.iter().map(|outcome| result(outcome)).max_by_key(CheckResult::standing)?;
    // In a plan, two rows may state different reasons for one check.
    let mut by_inputs: BTreeMap<(&str, Option<&Reason>), &'static str> = BTreeMap::new();
    for outcome in outcomes {
        let inputs = (outcome.digest.as_str(), outcome.reason.as_ref());
        let first = by_inputs.entry(inputs).or_insert(outcome.result_name());
        worst.flaky |= *first != outcome.result_name();
    }
    Some(worst)
}

/// Everything that a report says about what the run was made with, by path, so that a field that the environment gains
/// is compared without a change here.
fn inputs(run: &RunRecord, environment: &Environment) -> BTreeMap<String, String> {
    let mut inputs = BTreeMap::new();
    // Strings, and maps from strings to them, are always representable.
    flatten(String::new(), serde_json::to_value(environment).unwrap_or_default(), &mut inputs);
    inputs.extend(
        run.environment.iter().map(|(name, value)| (format!("case_variables/{name}"), value.clone())),
    );
    for (name, own) in &run.implementations {
        let place = format!("{IMPLEMENTATIONS}/{name}");
        // Built-in implementations are part of the program.
        if own.files.is_empty() && own.version == environment.binary.version {
            continue;
        }
        flatten(place.clone(), serde_json::to_value(&own.details).unwrap_or_default(), &mut inputs);
        inputs.insert(format!("{place}/version"), own.version.clone());
        let files = own.files.iter().zip(1..);
        inputs
            .extend(files.map(|(file, number)| {
                (format!("{place}/files/{number} {}", file.name), file.sha256.clone())
            }));
    }
    let era = run.judged.as_ref().and_then(|target| Some((&target.name, target.era.clone()?)));
    inputs.extend(era.map(|(name, era)| (format!("{IMPLEMENTATIONS}/{name}/era"), era)));
    inputs
}

fn flatten(path: String, value: Json, into: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                let below = if path.is_empty() { name } else { format!("{path}/{name}") };
                flatten(below, value, into);
            }
        }
        Json::String(text) => _ = into.insert(path, text),
        Json::Null => {}
        other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_)) => {
            _ = into.insert(path, other.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        record::{FileDigest, ImplementationRecord},
        test_helpers,
    };

    fn snapshot(outcomes: Vec<Outcome>) -> Snapshot {
        let run = RunRecord { outcomes, ..test_helpers::run() };
        Snapshot::of("x", &run, &test_helpers::environment())
    }

    /// A run on an implementation that is not built in.
    fn third_party(files: Vec<FileDigest>) -> Snapshot {
        let details = test_helpers::run().implementations["reference"].details.clone();
        let mine = ImplementationRecord { version: "1.2".into(), details, files };
        let run = RunRecord { implementations: [("mine".to_owned(), mine)].into(), ..test_helpers::run() };
        Snapshot::of("x", &run, &test_helpers::environment())
    }

    #[test]
    fn what_a_run_was_made_with_is_named_by_its_place() {
        let file = FileDigest { name: "mine.toml".into(), sha256: "ab".into() };
        let inputs = third_party(vec![file]).environment;
        for (name, value) in [
            ("binary/version", "0.1.0"),
            ("implementations/mine/version", "1.2"),
            ("implementations/mine/versions/torch", "2.13.0"),
            ("implementations/mine/notes", r#"["reads the dataset"]"#),
            ("implementations/mine/files/1 mine.toml", "ab"),
            ("platform/os", "linux"),
            ("case_variables/MLFLOW_TRACKING_URI", "memory"),
        ] {
            assert_eq!(inputs.get(name).map(String::as_str), Some(value), "{name} in {inputs:?}");
        }
    }

    #[test]
    fn checks_are_sorted_and_a_rerun_is_kept_for_what_is_not_as_expected() {
        let run = test_helpers::run();
        let checks = Snapshot::of("x", &run, &test_helpers::environment()).checks;
        assert!(checks.is_sorted_by_key(|own| own.key.clone()), "{checks:?}");
        let reruns: Vec<String> =
            checks.iter().filter_map(|own| own.seen.clone()).map(|seen| seen.rerun).collect();
        assert_eq!(reruns.len(), 3);
        assert_eq!(reruns[0], "bundleproof run --case 'persistence/params' --impl reference");
    }

    #[test]
    fn a_check_that_ran_twice_counts_as_its_worst_result_and_is_flaky_if_they_differ() {
        let (pass, fail) =
            (test_helpers::as_expected("a/b", Phase::Green), test_helpers::unexpected("a/b", Phase::Green));
        for outcomes in [vec![pass.clone(), fail.clone()], vec![fail.clone(), pass.clone()]] {
            let checks = snapshot(outcomes).checks;
            assert_eq!(checks.len(), 1);
            assert_eq!((checks[0].result.as_str(), checks[0].flaky), ("fail", true));
        }
        assert!(!snapshot(vec![fail.clone(), fail]).checks[0].flaky);
        let other = Outcome { digest: "other".into(), ..test_helpers::unexpected("a/b", Phase::Green) };
        assert!(!snapshot(vec![pass, other]).checks[0].flaky, "another case is another input");
    }

    #[test]
    fn two_stated_reasons_of_one_red_check_are_different_inputs() {
        let proven = test_helpers::as_expected("a/b", Phase::Red);
        let other = Outcome { reason: None, ..test_helpers::as_expected("a/b", Phase::Red) };
        let checks = snapshot(vec![proven, other]).checks;
        assert_eq!((checks[0].result.as_str(), checks[0].flaky), ("wrong_reason", false));
    }

    #[test]
    fn an_implementation_that_is_not_built_in_is_identified_by_digests_only() {
        assert!(third_party(Vec::new()).identifies("reference"));
        assert!(!third_party(Vec::new()).identifies("mine"));
        let file = FileDigest { name: "mine.toml".into(), sha256: "ab".into() };
        assert!(third_party(vec![file]).identifies("mine"));
        let mut unknown = third_party(Vec::new());
        unknown.environment.remove("binary/sha256");
        assert!(!unknown.identifies("reference"), "the digest of the program is not recorded");
    }
}

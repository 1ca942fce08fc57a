//! How far a third-party implementation conforms.
//!
//! The summary separates violations of the specification or of behavior that both revisions of the real system share,
//! differences from what this suite decided, and checks without a result.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::broken_requirement::{BrokenRequirement, broken_requirements};
use crate::harness::{
    KnownFailure, KnownFailureReport,
    known_failures::{Scope, judge},
    report::{Group, groups},
    runner::{Outcome, Phase, Verdict},
    suite::{Authority, Level},
};

/// A third-party implementation under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name in the outcomes.
    pub name: String,
    /// The era of the contract that it follows; None for the whole suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<String>,
    /// The requirements of the checks, by id.
    pub requirements: BTreeMap<String, RequirementRecord>,
    /// The requirement that a crash violates, if the contract has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash_violates: Option<String>,
    /// The requirement that each operation violates when it refuses a valid request, by operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusal_violates: BTreeMap<String, String>,
    /// The known failures listed in its file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownFailure>,
    /// The day of the run, which decides whether known failures have expired.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date")))]
    pub on: Date,
    /// Whether the whole suite was selected.
    pub whole: bool,
}

/// A requirement, as recorded in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequirementRecord {
    /// How binding it is.
    pub level: Level,
    /// Who decides it.
    pub authority: Authority,
    /// The sentence.
    pub statement: String,
}

/// How far a target conforms.
#[derive(Debug)]
pub struct ConformanceSummary<'a> {
    /// Violations of the specification, or of behavior that both revisions share.
    pub violations: Vec<BrokenRequirement<'a>>,
    /// Differences from what this suite decided.
    pub differences: Vec<BrokenRequirement<'a>>,
    /// Checks in which the implementation crashed, grouped by operation and exception. A crash violates none of the
    /// requirements of its check, because nothing shows which.
    pub crashes: Vec<Group<'a>>,
    /// Checks that fail only after other checks, grouped by the earlier one. They violate none of their requirements.
    pub leaks: Vec<Group<'a>>,
    /// Checks without a result, grouped by reason.
    pub unseen: Vec<Group<'a>>,
    /// How the failures match the list of known failures.
    pub known: KnownFailureReport,
}

impl Target {
    /// Summarizes the outcomes of this target; other outcomes are ignored. `is_part` says that they are those of one
    /// part of the selected checks.
    pub(super) fn conformance<'a>(
        &'a self,
        outcomes: &'a [Outcome],
        is_part: bool,
    ) -> ConformanceSummary<'a> {
        let scope = match (is_part, self.whole) {
            (true, _) => Scope::Part,
            (false, true) => Scope::Suite,
            (false, false) => Scope::Selection,
        };
        let own: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.phase == Phase::Green && outcome.implementation == self.name)
            .collect();
        let (leaks, own_failures): (Vec<&Outcome>, Vec<&Outcome>) =
            own.iter().partition(|outcome| outcome.leak.is_some());
        let broken = broken_requirements(&own_failures, &self.refusal_violates);
        let (differences, violations) = broken.into_iter().partition(|broken| self.is_ours(&broken.ids));
        let without_failure = own_failures
            .into_iter()
            .filter(|outcome| outcome.verdict() != Verdict::Pass && outcome.failing_steps().next().is_none());
        let (crashes, unseen): (Vec<&Outcome>, Vec<&Outcome>) =
            without_failure.partition(|outcome| outcome.verdict() == Verdict::Crash);
        ConformanceSummary {
            violations,
            differences,
            crashes: groups(crashes),
            leaks: groups(leaks),
            unseen: groups(unseen),
            known: judge(&self.known, &own, self.on, scope),
        }
    }

    fn is_ours(&self, about: &[String]) -> bool {
        self.authority_of(about).is_none_or(|authority| authority == Authority::Ours)
    }

    /// Who decides an expectation about these requirements; None if they are unknown. Several count as the weakest of
    /// them: a false violation would be worse than a violation reported as a difference.
    pub fn authority_of(&self, about: &[String]) -> Option<Authority> {
        let each = about.iter().map(|id| self.requirements.get(id).map(|asked| asked.authority));
        let each: Option<Vec<Authority>> = each.collect();
        each?.into_iter().max_by_key(|authority| match authority {
            Authority::Spec => 0,
            Authority::Observed => 1,
            Authority::Ours => 2,
        })
    }

    /// `crashes (LOD-017, ours)`, with the requirement that a crash violates.
    pub fn crash_title(&self, word: &str) -> String {
        let asked = self.crash_violates.as_ref().and_then(|id| Some((id, self.requirements.get(id)?)));
        asked.map_or(word.to_owned(), |(id, asked)| format!("{word} ({id}, {})", asked.authority))
    }

    /// The distinct authorities of these requirements.
    pub fn authorities(&self, ids: &[String]) -> String {
        let mut words: Vec<String> = ids
            .iter()
            .filter_map(|id| self.requirements.get(id))
            .map(|asked| asked.authority.to_string())
            .collect();
        words.sort_unstable();
        words.dedup();
        words.join(", ")
    }

    /// The sentences of these requirements.
    pub fn statements(&self, ids: &[String]) -> String {
        let statements: Vec<&str> = ids
            .iter()
            .filter_map(|id| self.requirements.get(id))
            .map(|asked| asked.statement.as_str())
            .collect();
        statements.join(" ")
    }
}

impl ConformanceSummary<'_> {
    /// Whether checks fail first at differences only. Then all violations may be consequences, and differences are shown first.
    pub fn begins_with_a_difference(&self) -> bool {
        let first = |broken: &[BrokenRequirement<'_>]| broken.iter().any(|own| own.first_in > 0);
        first(&self.differences) && !first(&self.violations)
    }

    /// The checks whose failures are all known.
    pub fn known_checks(&self) -> BTreeSet<&str> {
        self.known.known.iter().map(|(check, _)| check.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn violations_differences_and_checks_without_a_result_are_separate() {
        let mut run = test_helpers::run();
        let mut unsupported = test_helpers::stopped("loader/x", Phase::Green);
        unsupported.ended = crate::harness::runner::Ended::Unsupported { need: "torch".to_owned() };
        run.outcomes.push(unsupported);
        let mut ours = test_helpers::judged();
        let ids = |broken: &[BrokenRequirement<'_>]| -> Vec<String> {
            broken.iter().map(|broken| broken.ids.join(" ")).collect()
        };
        let standing = ours.conformance(&run.outcomes, false);
        assert_eq!(ids(&standing.violations), ["LOD-004"]);
        assert_eq!(ids(&standing.differences), [""; 0]);
        assert_eq!(standing.unseen.len(), 1);
        assert_eq!(standing.unseen[0].to_string(), "1 check skipped: requires torch");

        if let Some(asked) = ours.requirements.get_mut("LOD-004") {
            asked.authority = Authority::Ours;
        }
        let standing = ours.conformance(&run.outcomes, false);
        assert_eq!(ids(&standing.violations), [""; 0]);
        assert_eq!(ids(&standing.differences), ["LOD-004"]);
    }

    #[test]
    fn what_most_checks_fail_at_first_comes_first() {
        let mut run = test_helpers::run();
        let failed = run.outcomes.last_mut().expect("an outcome");
        // By its id it would come first.
        let mut later = failed.steps.last().and_then(|step| step.expectations.last()).expect("one").clone();
        (later.name, later.about) = ("later".to_owned(), vec!["BUN-001".to_owned()]);
        let step = failed.steps.last_mut().expect("a step");
        step.expectations.push(later);
        step.refused = None;
        let mut target = test_helpers::judged();
        let first = target.requirements.get("LOD-004").expect("a requirement").clone();
        target.requirements.insert("BUN-001".to_owned(), first);
        let standing = target.conformance(&run.outcomes, false);
        let of = |broken: &BrokenRequirement<'_>| (broken.ids.join(" "), broken.first_in);
        let order: Vec<(String, usize)> = standing.violations.iter().map(of).collect();
        assert_eq!(order, [("LOD-004".to_owned(), 1), ("BUN-001".to_owned(), 0)]);
        assert!(!standing.begins_with_a_difference());

        if let Some(asked) = target.requirements.get_mut("LOD-004") {
            asked.authority = Authority::Ours;
        }
        assert!(target.conformance(&run.outcomes, false).begins_with_a_difference());
    }
}

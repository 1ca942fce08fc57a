//! Where an implementation that is not one of the suite's own stands.
//!
//! Three things are kept apart: what it breaks of the specification and of what both revisions of the real system
//! do, where it differs from what this suite decides, and what could not be looked at.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::harness::{
    KnownFailure, KnownFailureReport,
    known_failures::judge,
    report::{Group, groups},
};
use crate::harness::{
    runner::{ExpectationOutcome, Outcome, Phase, Verdict},
    suite::{Authority, Level},
};

/// An implementation that was judged and is not one of the suite's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name in the outcomes.
    pub name: String,
    /// The option that names it on the command line.
    pub option: String,
    /// The requirements that the checks are about, by id.
    pub requirements: BTreeMap<String, RequirementRecord>,
    /// The failures that its file says are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownFailure>,
    /// The day of the run, on which what is known has expired or not.
    pub on: Date,
    /// Whether all of the suite was run.
    pub whole: bool,
}

/// What is asked by a requirement, and who asks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequirementRecord {
    /// How much it binds.
    pub level: Level,
    /// Whose it is.
    pub authority: Authority,
    /// The sentence.
    pub statement: String,
}

/// Where it stands.
#[derive(Debug)]
pub struct ConformanceSummary<'a> {
    /// What it breaks that the specification says or both revisions do.
    pub violations: Vec<BrokenRequirement<'a>>,
    /// Where it differs from what was decided here.
    pub differences: Vec<BrokenRequirement<'a>>,
    /// What could not be looked at, by why not.
    pub unseen: Vec<Group<'a>>,
    /// What is known of it.
    pub known: KnownFailureReport,
}

/// Requirements that expectations failed of.
#[derive(Debug)]
pub struct BrokenRequirement<'a> {
    /// The requirements, as the expectations name them together.
    pub ids: &'a [String],
    /// The failed expectations, each with its check, in the order of the run.
    pub failures: Vec<(&'a Outcome, &'a ExpectationOutcome)>,
}

impl Target {
    /// Where it stands by these outcomes, of which only its own count.
    pub fn standing<'a>(&'a self, outcomes: &'a [Outcome]) -> ConformanceSummary<'a> {
        let own: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.phase == Phase::Green && outcome.implementation == self.name)
            .collect();
        let mut violations: BTreeMap<&[String], Vec<_>> = BTreeMap::new();
        let mut differences: BTreeMap<&[String], Vec<_>> = BTreeMap::new();
        for outcome in &own {
            for (_, expectation) in outcome.failed() {
                let broken =
                    if self.is_ours(&expectation.about) { &mut differences } else { &mut violations };
                broken.entry(&expectation.about).or_default().push((*outcome, expectation));
            }
        }
        let broken = |map: BTreeMap<&'a [String], Vec<_>>| {
            map.into_iter().map(|(ids, failures)| BrokenRequirement { ids, failures }).collect()
        };
        let unseen = own
            .iter()
            .copied()
            .filter(|outcome| outcome.verdict() != Verdict::Pass && outcome.failed().next().is_none());
        ConformanceSummary {
            violations: broken(violations),
            differences: broken(differences),
            unseen: groups(unseen),
            known: judge(&self.known, &own, self.on, self.whole),
        }
    }

    /// An expectation about several requirements is as much as the least of them: a violation that is none would
    /// be worse than a difference that is more.
    fn is_ours(&self, about: &[String]) -> bool {
        let ours =
            |id: &String| self.requirements.get(id).is_none_or(|asked| asked.authority == Authority::Ours);
        about.is_empty() || about.iter().any(ours)
    }

    /// Whose the requirements are, in a word for each.
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

    /// What the requirements say.
    pub fn statements(&self, ids: &[String]) -> String {
        let said: Vec<&str> = ids
            .iter()
            .filter_map(|id| self.requirements.get(id))
            .map(|asked| asked.statement.as_str())
            .collect();
        said.join(" ")
    }
}

impl ConformanceSummary<'_> {
    /// Whether every failure of this check is known.
    pub fn knows(&self, check: &str) -> bool {
        self.known.known.iter().any(|(known, _)| known == check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn violations_differences_and_what_was_not_seen_are_kept_apart() {
        let mut run = test_helpers::run();
        let mut unsupported = test_helpers::stopped("loader/x", Phase::Green);
        unsupported.ended = crate::harness::runner::Ended::Unsupported { need: "torch".to_owned() };
        run.outcomes.push(unsupported);
        let mut ours = test_helpers::judged();
        let ids = |broken: &[BrokenRequirement<'_>]| -> Vec<String> {
            broken.iter().map(|broken| broken.ids.join(" ")).collect()
        };
        let standing = ours.standing(&run.outcomes);
        assert_eq!(ids(&standing.violations), ["LOD-004"]);
        assert_eq!(ids(&standing.differences), [""; 0]);
        assert_eq!(standing.unseen.len(), 1);
        assert_eq!(standing.unseen[0].in_words(), "1 check not run for want of torch");

        if let Some(asked) = ours.requirements.get_mut("LOD-004") {
            asked.authority = Authority::Ours;
        }
        let standing = ours.standing(&run.outcomes);
        assert_eq!(ids(&standing.violations), [""; 0]);
        assert_eq!(ids(&standing.differences), ["LOD-004"]);
    }
}

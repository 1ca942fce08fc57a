//! Failures that are known: the one reason why a failing check does not fail a run.
//!
//! An entry says which failures it means, how they show, why they are there, who answers for them, and until when.
//! It says nothing any more, and fails the run itself, as soon as one of that is not so.

use globset::Glob;
use jiff::{ToSpan as _, civil::Date};
use serde::{Deserialize, Serialize};

use super::runner::{ExpectationOutcome, Outcome, Verdict};
use crate::text::line;

/// The most cases that one entry may mean.
pub const MAX_CASES: usize = 20;

/// How much of a failure a proposed entry has as its reason, in characters.
const MAX_REASON: usize = 80;

/// Failures that are known: `[[known]]` in the file of an implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFailure {
    /// The checks that fail: an id or a glob. Each of them must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The requirement that is broken, in place of checks: some expectation about it must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// A text that each of the failures shows: in what was expected, found, or said.
    pub reason: String,
    /// Why it is so, in a sentence.
    pub why: String,
    /// Who answers for it, or where it is followed.
    pub owner: String,
    /// The last day on which it is known, such as `2027-01-31`.
    pub expires: Date,
}

/// What the entries come to in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailureReport {
    /// The checks of which every failure is known, each with the numbers of the entries, from 0.
    pub known: Vec<(String, Vec<usize>)>,
    /// What is wrong with the entries: a sentence each, with how to mend it.
    pub problems: Vec<String>,
}

impl KnownFailure {
    /// What is wrong with the entry itself.
    ///
    /// # Errors
    /// A sentence: it means neither checks nor a requirement, or both; a text is missing; the glob is none.
    pub fn check(&self) -> Result<(), String> {
        let glob = match (&self.case, &self.requirement) {
            (Some(case), None) => Some(case),
            (None, Some(_)) => None,
            _ => return Err("a known failure names either a `case` or a `requirement`".to_owned()),
        };
        for (field, text) in [("reason", &self.reason), ("why", &self.why), ("owner", &self.owner)] {
            if text.trim().is_empty() {
                return Err(format!("a known failure without `{field}` is not known: {}", self.meant()));
            }
        }
        match glob.map(|glob| Glob::new(&escaped(glob))) {
            Some(Err(error)) => Err(format!("{} is no glob: {error}", self.meant())),
            _ => Ok(()),
        }
    }

    fn meant(&self) -> String {
        match (&self.case, &self.requirement) {
            (Some(case), _) => format!("case = {}", line(&format!("{case:?}"))),
            (None, Some(requirement)) => format!("requirement = {}", line(&format!("{requirement:?}"))),
            (None, None) => "an entry without case".to_owned(),
        }
    }

    /// Whether it is about this check.
    fn means(&self, outcome: &Outcome) -> bool {
        self.is_about(&outcome.check, &outcome.requires)
    }

    /// Whether it is about a check of this id, whose case is about these requirements.
    pub(super) fn is_about(&self, check: &str, requires: &[String]) -> bool {
        match (&self.case, &self.requirement) {
            (Some(case), _) => {
                let matcher = Glob::new(&escaped(case)).map(|glob| glob.compile_matcher());
                check == case || matcher.is_ok_and(|matcher| matcher.is_match(check))
            }
            (None, Some(requirement)) => requires.contains(requirement),
            (None, None) => false,
        }
    }

    /// Whether it is about this failure of a check that it means, and the reason shows.
    fn covers(&self, outcome: &Outcome, failure: &Shown<'_>) -> bool {
        let about = match (&self.requirement, failure.expectation) {
            (Some(requirement), Some(expectation)) => expectation.about.contains(requirement),
            // A check that came to no judgment broke no requirement that could be named.
            (Some(_), None) => false,
            (None, _) => true,
        };
        about && self.means(outcome) && failure.texts.iter().any(|text| text.contains(&self.reason))
    }
}

/// What is wrong with the first of these entries that is not valid.
///
/// # Errors
/// As [`KnownFailure::check`].
pub(crate) fn check_all(entries: &[KnownFailure]) -> Result<(), String> {
    entries.iter().try_for_each(KnownFailure::check)
}

/// Entries for the failures that no entry covers, to be looked at by a person: they say what fails and how it shows,
/// and are known for 90 days.
pub fn proposed(entries: &[KnownFailure], outcomes: &[&Outcome], on: Date) -> Vec<KnownFailure> {
    let mut proposed: Vec<KnownFailure> = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| failed(outcome)) {
        for failure in failures(outcome) {
            let known =
                |entries: &[KnownFailure]| entries.iter().any(|entry| entry.covers(outcome, &failure));
            if known(entries) || known(&proposed) {
                continue;
            }
            // What was found says more of a failure than what was expected.
            let texts = || failure.texts.iter().rev().map(|text| beginning(text));
            let says_something = |text: &String| text.chars().count() >= MIN_REASON;
            let Some(reason) = texts().find(says_something).or_else(|| texts().find(|text| !text.is_empty()))
            else {
                continue;
            };
            proposed.push(KnownFailure {
                case: Some(outcome.check.clone()),
                requirement: None,
                reason,
                why: "not looked into yet".to_owned(),
                owner: "nobody yet".to_owned(),
                expires: on.saturating_add(90.days()),
            });
        }
    }
    proposed
}

/// The shortest reason that is proposed where there is a longer one, in characters: `9` is in much.
const MIN_REASON: usize = 4;

/// The beginning of a text, as far as it is likely to be the same the next time: without the place of an object.
fn beginning(text: &str) -> String {
    let text = text.split(" at 0x").next().unwrap_or_default();
    let text: String = text.chars().take_while(|c| !c.is_control()).take(MAX_REASON).collect();
    text.trim().to_owned()
}

/// The names of examples stand in brackets, which a glob would take for a set of characters.
fn escaped(glob: &str) -> String {
    glob.replace('[', "[[]")
}

/// One failure, and the texts in which its reason may show.
struct Shown<'a> {
    expectation: Option<&'a ExpectationOutcome>,
    texts: Vec<String>,
}

fn failures(outcome: &Outcome) -> Vec<Shown<'_>> {
    let mut shown: Vec<Shown<'_>> = outcome
        .failed()
        .map(|(step, expectation)| {
            let refused = step.refused.as_ref().map(ToString::to_string);
            let failure = expectation.failure.iter();
            let texts = failure.flat_map(|failure| [failure.expected.clone(), failure.actual.clone()]);
            Shown { expectation: Some(expectation), texts: texts.chain(refused).collect() }
        })
        .collect();
    if shown.is_empty() {
        let refused = outcome.stopped_at().and_then(|step| step.refused.as_ref()).map(ToString::to_string);
        let ended = crate::harness::report::ending(outcome);
        shown.push(Shown { expectation: None, texts: ended.into_iter().chain(refused).collect() });
    }
    shown
}

/// Whether a check failed: it was looked at, and is not as it should be.
fn failed(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict(), Verdict::Pass | Verdict::Unsupported | Verdict::NotRun)
}

/// Holds the entries against what was seen. `whole` says that all of the suite was run, so that an entry that
/// means nothing in it is stale.
pub(super) fn judge(
    entries: &[KnownFailure],
    outcomes: &[&Outcome],
    on: Date,
    whole: bool,
) -> KnownFailureReport {
    let mut judgement = KnownFailureReport::default();
    let mut used = vec![false; entries.len()];
    for outcome in outcomes.iter().filter(|outcome| failed(outcome)) {
        let mut numbers = Vec::new();
        let mut all = true;
        for failure in failures(outcome) {
            let covering = (0..entries.len())
                .find(|number| entries.get(*number).is_some_and(|entry| entry.covers(outcome, &failure)));
            all &= covering.is_some();
            numbers.extend(covering);
        }
        numbers.sort_unstable();
        numbers.dedup();
        for number in &numbers {
            if let Some(used) = used.get_mut(*number) {
                *used = true;
            }
        }
        if all {
            judgement.known.push((outcome.check.clone(), numbers));
        }
    }
    for (entry, used) in entries.iter().zip(used) {
        judgement.problems.extend(problems(entry, used, outcomes, on, whole));
    }
    judgement
}

fn problems(entry: &KnownFailure, used: bool, outcomes: &[&Outcome], on: Date, whole: bool) -> Vec<String> {
    let meant = entry.meant();
    let told = |what: String| format!("known failure {meant}: {what}");
    let mut problems = Vec::new();
    if entry.expires < on {
        let what = format!(
            "it has expired on {}; mend the failure, or look at it anew and give it another day",
            entry.expires
        );
        problems.push(told(what));
    }
    let own: Vec<&&Outcome> = outcomes.iter().filter(|outcome| entry.means(outcome)).collect();
    if own.is_empty() {
        if whole {
            problems.push(told(
                "it matches no check; take it out, or name the check as it is called now".to_owned(),
            ));
        }
        return problems;
    }
    let mut cases: Vec<&str> = own.iter().map(|outcome| case(&outcome.check)).collect();
    cases.dedup();
    if cases.len() > MAX_CASES {
        let what = format!("it means {} cases, and may mean {MAX_CASES}; say which", cases.len());
        problems.push(told(what));
    }
    let looked_at: Vec<&&&Outcome> =
        own.iter().filter(|outcome| failed(outcome) || outcome.verdict() == Verdict::Pass).collect();
    if looked_at.is_empty() {
        return problems;
    }
    if entry.case.is_some() {
        let passing: Vec<String> = looked_at
            .iter()
            .filter(|outcome| outcome.verdict() == Verdict::Pass)
            .map(|outcome| line(&outcome.check))
            .collect();
        if !passing.is_empty() {
            let what = format!("{} passes now; take it out of the entry", passing.join(", "));
            problems.push(told(what));
        }
        if passing.len() == looked_at.len() {
            return problems;
        }
    } else if !looked_at.iter().any(|outcome| breaks(outcome, entry.requirement.as_deref())) {
        problems.push(told("nothing breaks it now; take the entry out".to_owned()));
        return problems;
    }
    if !used {
        let reason = line(&format!("{:?}", entry.reason));
        let what = format!("it fails, and not for the reason {reason}; look at what it says now");
        problems.push(told(what));
    }
    problems
}

fn breaks(outcome: &Outcome, requirement: Option<&str>) -> bool {
    outcome
        .failed()
        .any(|(_, expectation)| expectation.about.iter().any(|id| Some(id.as_str()) == requirement))
}

/// A check's case: its id without the example.
fn case(check: &str) -> &str {
    check.split('[').next().unwrap_or(check)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::runner::Phase;
    use crate::harness::test_helpers;

    #[rstest]
    #[case("no plain value: <object at 0x7fb5e066ca70>", "no plain value: <object")]
    #[case("mismatch: 3 tensors\nand more", "mismatch: 3 tensors")]
    fn a_proposed_reason_is_what_is_the_same_the_next_time(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(beginning(text), reason);
    }

    fn entry(what: &str) -> KnownFailure {
        let text = format!(
            "{what}\nwhy = \"it is so\"\nowner = \"https://example.org/1\"\nexpires = \"2026-12-31\""
        );
        let known: KnownFailure = toml::from_str(&text).unwrap();
        known.check().unwrap();
        known
    }

    fn outcomes() -> Vec<Outcome> {
        let run = test_helpers::run();
        run.outcomes_of(Phase::Green).cloned().collect()
    }

    fn on(day: &str) -> Date {
        day.parse().unwrap()
    }

    fn judged(entry: KnownFailure, day: &str, whole: bool) -> KnownFailureReport {
        let outcomes = outcomes();
        judge(&[entry], &outcomes.iter().collect::<Vec<_>>(), on(day), whole)
    }

    #[rstest]
    #[case::by_id("case = \"persistence/params\"\nreason = \"N\"")]
    #[case::by_glob("case = \"persistence/p*\"\nreason = \"N\"")]
    #[case::by_requirement("requirement = \"LOD-004\"\nreason = \"N\"")]
    fn a_failure_that_is_known_is_told_apart(#[case] what: &str) {
        let judgement = judged(entry(what), "2026-12-31", true);
        assert_eq!(judgement.known, [("persistence/params".to_owned(), vec![0])], "{judgement:?}");
        assert_eq!(judgement.problems, [""; 0]);
    }

    #[rstest]
    #[case::it_passes("case = \"workflows/load\"\nreason = \"N\"", "2026-12-31", "workflows/load passes now")]
    #[case::one_passes(
        "case = \"*/*\"\nreason = \"N\"",
        "2026-12-31",
        "persistence/round_trip, workflows/load passes now"
    )]
    #[case::not_broken("requirement = \"RTP-001\"\nreason = \"N\"", "2026-12-31", "nothing breaks it now")]
    #[case::another_reason(
        "case = \"persistence/params\"\nreason = \"a bus error\"",
        "2026-12-31",
        "not for the reason \"a bus error\""
    )]
    #[case::stale("case = \"persistence/gone\"\nreason = \"N\"", "2026-12-31", "it matches no check")]
    #[case::expired("case = \"persistence/params\"\nreason = \"N\"", "2027-01-01", "expired on 2026-12-31")]
    fn an_entry_that_is_not_so_is_told(#[case] what: &str, #[case] day: &str, #[case] says: &str) {
        let judgement = judged(entry(what), day, true);
        assert_eq!(judgement.problems.len(), 1, "{judgement:?}");
        assert!(judgement.problems[0].contains(says), "{judgement:?}");
    }

    #[test]
    fn an_entry_that_means_much_is_told() {
        let outcomes: Vec<Outcome> = (0..=MAX_CASES)
            .map(|number| test_helpers::stopped(&format!("a/{number}"), Phase::Green))
            .collect();
        let known = entry("case = \"a/*\"\nreason = \"no loader yet\"");
        let judgement = judge(&[known], &outcomes.iter().collect::<Vec<_>>(), on("2026-12-31"), true);
        assert!(judgement.problems[0].contains("it means 21 cases"), "{judgement:?}");
    }

    #[test]
    fn what_is_proposed_covers_what_was_not_known() {
        let outcomes = outcomes();
        let outcomes: Vec<&Outcome> = outcomes.iter().collect();
        let today = on("2026-12-31");
        let proposed = proposed(&[], &outcomes, today);
        assert_eq!(proposed.len(), 1);
        let judgement = judge(&proposed, &outcomes, today, true);
        assert_eq!(judgement.problems, [""; 0]);
        assert_eq!(judgement.known.len(), 1);
        assert_eq!(super::proposed(&proposed, &outcomes, today), []);
    }

    #[test]
    fn a_part_of_the_suite_makes_no_entry_stale() {
        let judgement = judged(entry("case = \"persistence/gone\"\nreason = \"N\""), "2026-12-31", false);
        assert_eq!(judgement, KnownFailureReport::default());
    }

    #[rstest]
    #[case::neither("reason = \"x\"", "either a `case` or a `requirement`")]
    #[case::both("case = \"a\"\nrequirement = \"b\"\nreason = \"x\"", "either a `case` or a `requirement`")]
    #[case::no_reason("case = \"a\"\nreason = \" \"", "without `reason`")]
    fn an_entry_that_says_too_little_is_refused(#[case] what: &str, #[case] says: &str) {
        let text = format!("{what}\nwhy = \"w\"\nowner = \"o\"\nexpires = \"2026-12-31\"");
        let error = toml::from_str::<KnownFailure>(&text).unwrap().check().unwrap_err();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn the_name_of_an_example_is_no_set_of_characters() {
        let mut known = entry("case = \"a/b[gs1]\"\nreason = \"N\"");
        let mut outcome = test_helpers::stopped("a/b[gs1]", Phase::Green);
        assert!(known.means(&outcome));
        outcome.check = "a/bg".to_owned();
        assert!(!known.means(&outcome));
        known.case = Some("a/b[*".to_owned());
        outcome.check = "a/b[gs2]".to_owned();
        assert!(known.means(&outcome));
    }
}

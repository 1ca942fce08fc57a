//! Known failures: the only reason why a failing check does not fail a run.
//!
//! An entry names the failures it covers, the expected message, a reason, an owner and an expiry date. An entry that no
//! longer applies fails the run.

use globset::Glob;
use jiff::{ToSpan as _, civil::Date};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use toml::Spanned;

use super::{
    runner::{ExpectationOutcome, Outcome, Verdict},
    suite::LineStarts,
};
use crate::text::line;

/// The most cases that one entry may cover.
pub const MAX_CASES: usize = 20;

/// The longest proposed message, in characters.
const MAX_REASON_CHARS: usize = 80;

/// A known failure: `[[known]]` in the file of an implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KnownFailure {
    /// The failing checks: an id or a glob. Each of them must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The violated requirement, instead of checks: an expectation about it must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// A text that each failure contains: in its expected value, its actual value or the refusal.
    pub reason: String,
    /// Why it fails, in one sentence.
    pub why: String,
    /// The owner, or a link to an issue.
    pub owner: String,
    /// The last day on which the entry is valid, such as `2027-01-31`.
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date")))]
    pub expires: Date,
    /// Where it begins: `mine.toml:12`. Not part of the file; a report has it, because problems are named by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Which checks were run. It decides what an entry without a matching failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The whole suite: an entry that matches no check is stale.
    Suite,
    /// Selected checks: an entry may be about the others.
    Selection,
    /// A part of the selected checks: the failure that an entry is about may be in another part.
    Part,
}

/// How the failures of a run match the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailureReport {
    /// The checks whose failures are all known, each with the indices of the entries, from 0.
    pub known: Vec<(String, Vec<usize>)>,
    /// Problems with the entries, one sentence each.
    pub problems: Vec<String>,
}

impl KnownFailure {
    /// Validates the entry itself.
    ///
    /// # Errors
    /// When it has neither or both of `case` and `requirement`, an empty text, or an invalid glob.
    pub fn check(&self) -> Result<(), String> {
        let glob = match (&self.case, &self.requirement) {
            (Some(case), None) => Some(case),
            (None, Some(_)) => None,
            (None, None) | (Some(_), Some(_)) => {
                return Err("expected either `case` or `requirement` in a known failure".to_owned());
            }
        };
        for (field, text) in [("reason", &self.reason), ("why", &self.why), ("owner", &self.owner)] {
            if text.trim().is_empty() {
                return Err(format!("missing `{field}` in the known failure {}", self.pattern()));
            }
        }
        match glob.map(|glob| Glob::new(&escaped(glob))) {
            Some(Err(error)) => Err(format!("invalid glob {}: {error}", self.pattern())),
            _ => Ok(()),
        }
    }

    fn pattern(&self) -> String {
        match (&self.case, &self.requirement) {
            (Some(case), _) => format!("case = {}", line(&format!("{case:?}"))),
            (None, Some(requirement)) => format!("requirement = {}", line(&format!("{requirement:?}"))),
            (None, None) => "without `case`".to_owned(),
        }
    }

    /// Whether it applies to this check.
    fn applies_to(&self, outcome: &Outcome) -> bool {
        self.is_about(&outcome.check, &outcome.requires)
    }

    /// Whether it applies to a check of this id, whose case is about these requirements.
    pub(crate) fn is_about(&self, check: &str, requires: &[String]) -> bool {
        match (&self.case, &self.requirement) {
            (Some(case), _) => {
                let matcher = Glob::new(&escaped(case)).map(|glob| glob.compile_matcher());
                check == case || matcher.is_ok_and(|matcher| matcher.is_match(check))
            }
            (None, Some(requirement)) => requires.contains(requirement),
            (None, None) => false,
        }
    }

    /// Whether it covers this failure of a check: the check matches and the failure contains the message.
    fn covers(&self, outcome: &Outcome, failure: &FailureTexts<'_>) -> bool {
        let about = match (&self.requirement, failure.expectation) {
            (Some(requirement), Some(expectation)) => expectation.about.contains(requirement),
            // A check without a verdict violated no particular requirement.
            (Some(_), None) => false,
            (None, _) => true,
        };
        about && self.applies_to(outcome) && failure.texts.iter().any(|text| text.contains(&self.reason))
    }
}

/// The places of `[[known]]` in a file, whatever else is in it.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    known: Vec<Spanned<IgnoredAny>>,
}

/// Checks that the entries of a file are valid, and notes where they are. `path` names the file in messages.
///
/// # Errors
/// As [`KnownFailure::check`], for the first that is not.
pub(crate) fn check_all(entries: &mut [KnownFailure], path: &str, text: &str) -> Result<(), String> {
    if entries.iter().any(|entry| entry.place.is_some()) {
        return Err("unknown field `place` in a known failure".to_owned());
    }
    entries.iter().try_for_each(KnownFailure::check)?;
    let places: Places = toml::from_str(text).map_err(|error| error.to_string())?;
    let lines = LineStarts::of(text);
    for (entry, place) in entries.iter_mut().zip(places.known) {
        entry.place = Some(format!("{path}:{}", lines.line(place.span().start)));
    }
    Ok(())
}

/// Proposes entries, valid for 90 days, for the failures that no entry covers. A person completes them.
pub fn proposed(entries: &[KnownFailure], outcomes: &[&Outcome], on: Date) -> Vec<KnownFailure> {
    let mut proposed: Vec<KnownFailure> = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| failed(outcome)) {
        for failure in failures(outcome) {
            let known =
                |entries: &[KnownFailure]| entries.iter().any(|entry| entry.covers(outcome, &failure));
            if known(entries) || known(&proposed) {
                continue;
            }
            // The actual value says more about a failure than the expected one.
            let texts = || failure.texts.iter().rev().map(|text| stable_prefix(text));
            let says_something = |text: &String| text.chars().count() >= MIN_REASON_CHARS;
            let Some(reason) = texts().find(says_something).or_else(|| texts().find(|text| !text.is_empty()))
            else {
                continue;
            };
            proposed.push(KnownFailure {
                case: Some(outcome.check.clone()),
                requirement: None,
                reason,
                why: "not investigated yet".to_owned(),
                owner: "unassigned".to_owned(),
                expires: on.saturating_add(90.days()),
                place: None,
            });
        }
    }
    proposed
}

/// The shortest proposed message if a longer one exists, in characters: `9` would match too much.
const MIN_REASON_CHARS: usize = 4;

/// The stable_prefix of a text that is likely to stay the same in the next run: without the address of an object.
fn stable_prefix(text: &str) -> String {
    let text = text.split(" at 0x").next().unwrap_or_default();
    let text: String = text.chars().take_while(|c| !c.is_control()).take(MAX_REASON_CHARS).collect();
    text.trim().to_owned()
}

/// Escapes brackets, which enclose the names of examples but would be a set of characters in a glob.
fn escaped(glob: &str) -> String {
    glob.replace('[', "[[]")
}

/// One failure, and the texts that may contain its message.
struct FailureTexts<'a> {
    expectation: Option<&'a ExpectationOutcome>,
    texts: Vec<String>,
}

fn failures(outcome: &Outcome) -> Vec<FailureTexts<'_>> {
    let mut shown: Vec<FailureTexts<'_>> = outcome
        .failed()
        .map(|(step, expectation)| {
            let refused = step.refused.as_ref().map(ToString::to_string);
            let failure = expectation.failure.iter();
            let texts = failure.flat_map(|failure| [failure.expected.clone(), failure.actual.clone()]);
            FailureTexts { expectation: Some(expectation), texts: texts.chain(refused).collect() }
        })
        .collect();
    if shown.is_empty() {
        let refused = outcome.stopped_at().and_then(|step| step.refused.as_ref()).map(ToString::to_string);
        let ended = crate::harness::report::ending(outcome);
        shown.push(FailureTexts { expectation: None, texts: ended.into_iter().chain(refused).collect() });
    }
    shown
}

/// Whether a check ran and failed.
fn failed(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict(), Verdict::Pass | Verdict::Unsupported | Verdict::NotRun)
}

/// Matches the entries against the outcomes of the checks that were run.
pub(super) fn judge(
    entries: &[KnownFailure],
    outcomes: &[&Outcome],
    on: Date,
    scope: Scope,
) -> KnownFailureReport {
    let mut report = KnownFailureReport::default();
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
            report.known.push((outcome.check.clone(), numbers));
        }
    }
    // Entries for several failures of one check can have the same problem, which is said once.
    let mut found: Vec<(String, Vec<String>, String)> = Vec::new();
    for ((entry, used), number) in entries.iter().zip(used).zip(1..) {
        let pattern = entry.pattern();
        // Reports of earlier versions have no places.
        let place = entry.place.clone().unwrap_or_else(|| format!("[[known]] entry {number}"));
        for what in problems(entry, used, outcomes, on, scope) {
            match found.iter_mut().find(|(of, _, same)| *of == pattern && *same == what) {
                Some((_, places, _)) => places.push(place.clone()),
                None => found.push((pattern.clone(), vec![place.clone()], what)),
            }
        }
    }
    let placed = |(pattern, places, what): &(String, Vec<String>, String)| {
        format!("{} ({pattern}): {what}", places.join(" and "))
    };
    report.problems = found.iter().map(placed).collect();
    report
}

/// What is wrong with an entry, without its name.
fn problems(entry: &KnownFailure, used: bool, outcomes: &[&Outcome], on: Date, scope: Scope) -> Vec<String> {
    let mut problems = Vec::new();
    let own: Vec<&&Outcome> = outcomes.iter().filter(|outcome| entry.applies_to(outcome)).collect();
    // An entry for checks that were not selected says nothing about this run.
    if entry.expires < on && (scope == Scope::Suite || !own.is_empty()) {
        problems.push(format!("expired on {}: fix the failure or renew the entry", entry.expires));
    }
    if own.is_empty() {
        if scope == Scope::Suite {
            problems.push("it matches no check; remove it or update its `case`".to_owned());
        }
        return problems;
    }
    let mut cases: Vec<&str> = own.iter().map(|outcome| case(&outcome.check)).collect();
    cases.dedup();
    if cases.len() > MAX_CASES {
        problems.push(format!("it matches {} cases; at most {MAX_CASES} are allowed", cases.len()));
    }
    let ran: Vec<&&&Outcome> =
        own.iter().filter(|outcome| failed(outcome) || outcome.verdict() == Verdict::Pass).collect();
    if ran.is_empty() {
        return problems;
    }
    if entry.case.is_some() {
        let passing: Vec<String> = ran
            .iter()
            .filter(|outcome| outcome.verdict() == Verdict::Pass)
            .map(|outcome| line(&outcome.check))
            .collect();
        if !passing.is_empty() {
            let verb = if passing.len() == 1 { "passes" } else { "pass" };
            let remedy = if passing.len() == ran.len() {
                "remove this known failure"
            } else {
                "narrow its `case` to the checks that still fail"
            };
            problems.push(format!("{} now {verb}; {remedy}", passing.join(", ")));
        }
        if passing.len() == ran.len() {
            return problems;
        }
    }
    if scope == Scope::Part {
        return problems;
    }
    if entry.case.is_none() && !ran.iter().any(|outcome| breaks(outcome, entry.requirement.as_deref())) {
        problems.push("no expectation about it fails now; remove this entry".to_owned());
        return problems;
    }
    if !used {
        let reason = line(&format!("{:?}", entry.reason));
        problems.push(format!("no failure contains {reason}; update the reason"));
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
    fn a_proposed_reason_omits_what_changes_between_runs(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(stable_prefix(text), reason);
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

    fn judged(entry: KnownFailure, day: &str, scope: Scope) -> KnownFailureReport {
        let outcomes = outcomes();
        judge(&[entry], &outcomes.iter().collect::<Vec<_>>(), on(day), scope)
    }

    #[rstest]
    #[case::by_id("case = \"persistence/params\"\nreason = \"N\"")]
    #[case::by_glob("case = \"persistence/p*\"\nreason = \"N\"")]
    #[case::by_requirement("requirement = \"LOD-004\"\nreason = \"N\"")]
    fn known_failures_are_matched(#[case] what: &str) {
        let report = judged(entry(what), "2026-12-31", Scope::Suite);
        assert_eq!(report.known, [("persistence/params".to_owned(), vec![0])], "{report:?}");
        assert_eq!(report.problems, [""; 0]);
    }

    #[rstest]
    #[case::it_passes(
        "case = \"workflows/load\"\nreason = \"N\"",
        "2026-12-31",
        "[[known]] entry 1 (case = \"workflows/load\"): workflows/load now passes; remove this known failure"
    )]
    #[case::one_passes(
        "case = \"*/*\"\nreason = \"N\"",
        "2026-12-31",
        "persistence/round_trip, workflows/load now pass; narrow its `case` to the checks that still fail"
    )]
    #[case::not_broken(
        "requirement = \"RTP-001\"\nreason = \"N\"",
        "2026-12-31",
        "fails now; remove this entry"
    )]
    #[case::another_reason(
        "case = \"persistence/params\"\nreason = \"a bus error\"",
        "2026-12-31",
        "no failure contains \"a bus error\""
    )]
    #[case::stale("case = \"persistence/gone\"\nreason = \"N\"", "2026-12-31", "it matches no check")]
    #[case::expired("case = \"persistence/params\"\nreason = \"N\"", "2027-01-01", "expired on 2026-12-31")]
    fn an_entry_that_no_longer_applies_is_reported(
        #[case] what: &str,
        #[case] day: &str,
        #[case] says: &str,
    ) {
        let report = judged(entry(what), day, Scope::Suite);
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert!(report.problems[0].contains(says), "{report:?}");
    }

    #[test]
    fn an_entry_that_matches_too_many_cases_is_reported() {
        let outcomes: Vec<Outcome> = (0..=MAX_CASES)
            .map(|number| test_helpers::stopped(&format!("a/{number}"), Phase::Green))
            .collect();
        let known = entry("case = \"a/*\"\nreason = \"no loader yet\"");
        let report = judge(&[known], &outcomes.iter().collect::<Vec<_>>(), on("2026-12-31"), Scope::Suite);
        assert!(report.problems[0].contains("it matches 21 cases"), "{report:?}");
    }

    #[test]
    fn proposed_entries_cover_unknown_failures() {
        let outcomes = outcomes();
        let outcomes: Vec<&Outcome> = outcomes.iter().collect();
        let today = on("2026-12-31");
        let proposed = proposed(&[], &outcomes, today);
        assert_eq!(proposed.len(), 1);
        let report = judge(&proposed, &outcomes, today, Scope::Suite);
        assert_eq!(report.problems, [""; 0]);
        assert_eq!(report.known.len(), 1);
        assert_eq!(super::proposed(&proposed, &outcomes, today), []);
    }

    #[test]
    fn a_partial_run_makes_no_entry_stale() {
        for day in ["2026-12-31", "2027-01-01"] {
            let report = judged(entry("case = \"persistence/gone\"\nreason = \"N\""), day, Scope::Selection);
            assert_eq!(report, KnownFailureReport::default());
        }
    }

    #[test]
    fn one_problem_of_several_entries_is_said_once() {
        let outcomes = outcomes();
        let entries = ["N", "another"]
            .map(|reason| entry(&format!("case = \"workflows/load\"\nreason = \"{reason}\"")));
        let report = judge(&entries, &outcomes.iter().collect::<Vec<_>>(), on("2026-12-31"), Scope::Suite);
        let said = "[[known]] entry 1 and [[known]] entry 2 (case = \"workflows/load\"): workflows/load now passes; remove this known failure";
        assert_eq!(report.problems, [said]);
    }

    #[rstest]
    #[case::another_reason("case = \"persistence/params\"\nreason = \"a bus error\"")]
    #[case::not_broken("requirement = \"RTP-001\"\nreason = \"N\"")]
    fn a_failure_that_is_missing_in_a_part_may_be_in_another(#[case] what: &str) {
        assert_eq!(judged(entry(what), "2026-12-31", Scope::Part), KnownFailureReport::default());
        assert_eq!(judged(entry(what), "2026-12-31", Scope::Selection).problems.len(), 1);
    }

    #[rstest]
    #[case::it_passes("case = \"workflows/load\"\nreason = \"N\"", "2026-12-31")]
    #[case::expired("case = \"persistence/params\"\nreason = \"N\"", "2027-01-01")]
    fn a_problem_that_no_other_part_can_solve_is_reported_in_a_part(#[case] what: &str, #[case] day: &str) {
        assert_eq!(judged(entry(what), day, Scope::Part).problems.len(), 1);
    }

    #[rstest]
    #[case::neither("reason = \"x\"", "expected either `case` or `requirement`")]
    #[case::both(
        "case = \"a\"\nrequirement = \"b\"\nreason = \"x\"",
        "expected either `case` or `requirement`"
    )]
    #[case::no_reason("case = \"a\"\nreason = \" \"", "missing `reason`")]
    fn an_incomplete_entry_is_rejected(#[case] what: &str, #[case] says: &str) {
        let text = format!("{what}\nwhy = \"w\"\nowner = \"o\"\nexpires = \"2026-12-31\"");
        let error = toml::from_str::<KnownFailure>(&text).unwrap().check().unwrap_err();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn brackets_of_an_example_are_not_a_set_of_characters() {
        let mut known = entry("case = \"a/b[gs1]\"\nreason = \"N\"");
        let mut outcome = test_helpers::stopped("a/b[gs1]", Phase::Green);
        assert!(known.applies_to(&outcome));
        outcome.check = "a/bg".to_owned();
        assert!(!known.applies_to(&outcome));
        known.case = Some("a/b[*".to_owned());
        outcome.check = "a/b[gs2]".to_owned();
        assert!(known.applies_to(&outcome));
    }
}

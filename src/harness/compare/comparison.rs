//! The comparison of two runs.

use std::collections::BTreeMap;

use super::{
    Change, CheckResult, History, Sides, Snapshot,
    pairing::{compared_implementations, pair},
};
use crate::harness::{runner::Phase, store::CheckKey};

/// What changed between two runs.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The older run.
    pub base: &'a Snapshot,
    /// The newer run.
    pub new: &'a Snapshot,
    /// Every check of either run: what counts against the new run first, then by [`Change`] and key.
    pub checks: Vec<ComparedCheck<'a>>,
    /// The inputs that differ, by name.
    pub environment: Vec<EnvironmentChange<'a>>,
    /// The implementations of the green phases, if they have different names and are compared check by check.
    pub implementations: Option<(&'a str, &'a str)>,
    /// The red checks of the older run that are not compared, if the newer run has green checks and no red phase. Red
    /// checks are about the suite, and a run of one implementation has none.
    pub red_not_run: usize,
    /// The checks of the older run that are not compared, if options limited the checks of the newer run, and not those
    /// of the older one in the same way: they are not missing.
    pub not_selected: usize,
}

/// A check in both runs, or in one of them.
#[derive(Clone, Debug)]
pub struct ComparedCheck<'a> {
    /// What happened to it.
    pub change: Change,
    /// Its result in each run.
    pub sides: Sides<'a>,
    /// Whether the recorded inputs are equal and the results are not, between the runs or within the new one.
    pub flaky: bool,
    /// Where its result changed, if a store says so.
    pub history: Option<History>,
}

/// An input that differs between the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvironmentChange<'a> {
    /// Its name: `implementations/reference`.
    pub name: &'a str,
    /// Its value in the older run, if it has one.
    pub before: Option<&'a str>,
    /// Its value in the newer run, if it has one.
    pub after: Option<&'a str>,
}

impl<'a> Comparison<'a> {
    /// Compares two runs. Linear in their checks, apart from sorting.
    pub fn of(base: &'a Snapshot, new: &'a Snapshot) -> Self {
        let environment = environment_changes(base, new);
        let implementations = compared_implementations(base, new);
        let inputs_are_equal =
            environment.is_empty() && base.suite_digest == new.suite_digest && implementations.is_none();
        let mut sides = pair(base, new);
        let planned = sides.len();
        if new.has(Phase::Green) && !new.has(Phase::Red) {
            sides.retain(|own| own.key().phase != Phase::Red);
        }
        let red_not_run = planned - sides.len();
        let planned = sides.len();
        if new.limits().next().is_some() && !new.limits().eq(base.limits()) {
            sides.retain(|own| !matches!(own, Sides::BaseOnly(_)));
        }
        let not_selected = planned - sides.len();
        let checks = sides.into_iter().map(|sides| {
            let inputs_are_equal = inputs_are_equal && new.identifies(&sides.key().implementation);
            let flaky = is_flaky(sides, inputs_are_equal);
            ComparedCheck { change: Change::of(sides), sides, flaky, history: None }
        });
        let mut checks: Vec<ComparedCheck<'_>> = checks.collect();
        checks.sort_by_cached_key(|own| (own.change, own.key().clone()));
        Self { base, new, checks, environment, implementations, red_not_run, not_selected }
    }

    /// Whether some check is in both runs.
    pub fn has_common_checks(&self) -> bool {
        self.checks.iter().any(|own| matches!(own.sides, Sides::Both { .. }))
    }

    /// Whether anything counts against the new run.
    pub fn is_regression(&self) -> bool {
        self.counting() > 0
    }

    /// The number of checks that count against the new run.
    pub fn counting(&self) -> usize {
        self.checks.iter().filter(|own| own.change.counts()).count()
    }

    /// The number of checks of each change.
    pub fn counts(&self) -> BTreeMap<Change, usize> {
        let mut counts: BTreeMap<Change, usize> = Change::ALL.into_iter().map(|change| (change, 0)).collect();
        for own in &self.checks {
            *counts.entry(own.change).or_default() += 1;
        }
        counts
    }

    /// The checks with this change.
    pub fn with(&self, change: Change) -> impl Iterator<Item = &ComparedCheck<'a>> {
        self.checks.iter().filter(move |own| own.change == change)
    }

    /// Whether the runs are of different versions of the suite.
    pub fn suite_changed(&self) -> bool {
        self.base.suite_digest != self.new.suite_digest
    }

    /// Whether the runs selected checks by different options.
    pub fn selection_changed(&self) -> bool {
        self.base.selection != self.new.selection
    }

    /// Adds where each check that counts stopped being good.
    pub fn add_history(&mut self, history: impl Fn(&CheckKey) -> Option<History>) {
        for own in self.checks.iter_mut().filter(|own| own.change.counts()) {
            own.history = own.sides.after().and_then(|after| history(&after.key));
        }
    }
}

impl<'a> ComparedCheck<'a> {
    /// Its key in the newer run, or in the older one if it was removed.
    pub fn key(&self) -> &'a CheckKey {
        self.sides.key()
    }

    /// Its id in the older run, if it has another one now.
    pub fn renamed_from(&self) -> Option<&'a str> {
        let (before, after) = (self.sides.before()?, self.sides.after()?);
        (before.key.check != after.key.check).then_some(before.key.check.as_str())
    }

    /// Whether its case is another version.
    pub fn case_changed(&self) -> bool {
        match self.sides {
            Sides::Both { before, after } => before.digest != after.digest,
            Sides::BaseOnly(_) | Sides::NewOnly(_) => false,
        }
    }

    /// Whether a reader needs to know of it.
    pub fn is_notable(&self) -> bool {
        self.change != Change::Unchanged || self.flaky || self.case_changed() || self.renamed_from().is_some()
    }

    /// What happened to its result: `pass -> fail`.
    pub fn transition(&self) -> String {
        let word = |own: Option<&CheckResult>| own.map_or("missing", |own| own.result.as_str());
        let (before, after) = (word(self.sides.before()), word(self.sides.after()));
        if before == after { after.to_owned() } else { format!("{before} -> {after}") }
    }
}

/// Flaky: the new run has different results itself, where the older one did not; or the case and everything that is
/// recorded about its inputs are equal, and the result is another one.
fn is_flaky(sides: Sides<'_>, inputs_are_equal: bool) -> bool {
    match sides {
        Sides::Both { before, after } => {
            let differs = before.result != after.result && before.digest == after.digest;
            after.flaky || (differs && inputs_are_equal)
        }
        Sides::NewOnly(after) => after.flaky,
        Sides::BaseOnly(_) => false,
    }
}

fn environment_changes<'a>(base: &'a Snapshot, new: &'a Snapshot) -> Vec<EnvironmentChange<'a>> {
    let mut both: BTreeMap<&str, EnvironmentChange<'_>> = BTreeMap::new();
    for (name, value) in &base.environment {
        both.insert(name, EnvironmentChange { name, before: Some(value), after: None });
    }
    for (name, value) in &new.environment {
        let change = both.entry(name).or_insert(EnvironmentChange { name, before: None, after: None });
        change.after = Some(value);
    }
    both.into_values().filter(|change| change.before != change.after).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::{super::test_sides, *};
    use crate::harness::{
        record::RunRecord,
        runner::{Ended, Outcome, Phase, Phase::Green, Phase::Red},
        test_helpers::{self, as_expected, stopped, unexpected},
    };

    fn snapshot(outcomes: &[Outcome]) -> Snapshot {
        let run = RunRecord { outcomes: outcomes.to_vec(), ..test_helpers::run() };
        Snapshot::of("run", &run, &test_helpers::environment())
    }

    /// The same with another program, so that a changed result does not look flaky.
    fn another(outcomes: &[Outcome]) -> Snapshot {
        let mut snapshot = snapshot(outcomes);
        snapshot.environment.insert("binary/sha256".into(), "another".into());
        snapshot
    }

    fn unsupported(phase: Phase) -> Outcome {
        Outcome { ended: Ended::Unsupported { need: "torch".into() }, ..as_expected("a/b", phase) }
    }

    fn timeout() -> Outcome {
        Outcome {
            ended: Ended::Timeout { milliseconds: 9, method: None, step: None },
            ..as_expected("a/b", Green)
        }
    }

    fn named(check: &str, outcome: Outcome) -> Outcome {
        Outcome { check: check.into(), ..outcome }
    }

    fn with_digest(digest: &str, outcome: Outcome) -> Outcome {
        Outcome { digest: digest.into(), ..outcome }
    }

    #[test]
    fn red_checks_count_only_if_the_newer_run_has_a_red_phase_or_no_green_one() {
        let both = another(&[as_expected("a/b", Red), as_expected("a/b", Green)]);
        let [green, red, none] = [vec![as_expected("a/b", Green)], vec![as_expected("a/b", Red)], vec![]];
        for (new, counting, red_not_run) in [(green, 0, 1), (red, 1, 0), (none, 2, 0)] {
            let new = snapshot(&new);
            let comparison = Comparison::of(&both, &new);
            assert_eq!((comparison.counting(), comparison.red_not_run), (counting, red_not_run), "{new:?}");
        }
    }

    #[rstest]
    #[case::passes_in_both(&[as_expected("a/b", Green)], &[as_expected("a/b", Green)], Change::Unchanged, false)]
    #[case::unsupported_in_both(&[unsupported(Green)], &[unsupported(Green)], Change::Unchanged, false)]
    #[case::regressed(&[as_expected("a/b", Green)], &[unexpected("a/b", Green)], Change::Regressed, true)]
    #[case::no_longer_ends(&[as_expected("a/b", Green)], &[timeout()], Change::Regressed, true)]
    #[case::no_longer_red(&[as_expected("a/b", Red)], &[unexpected("a/b", Red)], Change::Regressed, true)]
    #[case::fixed(&[unexpected("a/b", Green)], &[as_expected("a/b", Green)], Change::Fixed, false)]
    #[case::supported(&[unsupported(Green)], &[as_expected("a/b", Green)], Change::Fixed, false)]
    #[case::proven_now(&[unexpected("a/b", Red)], &[as_expected("a/b", Red)], Change::Fixed, false)]
    #[case::still_failing(&[unexpected("a/b", Green)], &[unexpected("a/b", Green)], Change::StillFailing, false)]
    #[case::still_not_red(&[unexpected("a/b", Red)], &[unexpected("a/b", Red)], Change::StillFailing, false)]
    #[case::another_reason(&[unexpected("a/b", Green)], &[timeout()], Change::FailingForANewReason, true)]
    #[case::another_red_result(&[unexpected("a/b", Red)], &[stopped("a/b", Red)], Change::FailingForANewReason, true)]
    #[case::unsupported_now(&[as_expected("a/b", Green)], &[unsupported(Green)], Change::NewlyUnsupported, true)]
    #[case::hidden(&[unexpected("a/b", Green)], &[unsupported(Green)], Change::NewlyUnsupported, true)]
    #[case::red_unsupported_now(&[as_expected("a/b", Red)], &[unsupported(Red)], Change::NewlyUnsupported, true)]
    #[case::removed(&[as_expected("a/b", Green)], &[], Change::Removed, true)]
    #[case::removed_failure(&[unexpected("a/b", Green)], &[], Change::Removed, true)]
    #[case::added(&[], &[as_expected("a/b", Green)], Change::Added, false)]
    #[case::added_unsupported(&[], &[unsupported(Green)], Change::Added, false)]
    #[case::new_and_failing(&[], &[unexpected("a/b", Green)], Change::NewAndFailing, false)]
    #[case::supported_and_failing(&[unsupported(Green)], &[unexpected("a/b", Green)], Change::NewAndFailing, false)]
    fn each_change_is_told_apart_and_counts_or_not(
        #[case] base: &[Outcome],
        #[case] new: &[Outcome],
        #[case] change: Change,
        #[case] counts: bool,
    ) {
        let (base, new) = (snapshot(base), another(new));
        let comparison = Comparison::of(&base, &new);
        assert_eq!(comparison.checks.len(), 1);
        assert_eq!((comparison.checks[0].change, comparison.is_regression()), (change, counts));
        assert_eq!(comparison.counts()[&change], 1);
        assert!(!comparison.checks[0].flaky);
    }

    #[test]
    fn a_failure_with_fewer_expectations_is_no_new_reason_and_one_with_more_is() {
        let one = unexpected("a/b", Green);
        let mut two = one.clone();
        let step = two.steps.last_mut().unwrap();
        let mut more = step.expectations[0].clone();
        more.name = "restores_params".into();
        step.expectations.push(more);
        let (one, two) = (snapshot(&[one]), another(&[two]));
        assert_eq!(Comparison::of(&one, &two).checks[0].change, Change::FailingForANewReason);
        assert_eq!(Comparison::of(&two, &one).checks[0].change, Change::StillFailing);
    }

    #[test]
    fn the_reasons_of_different_versions_of_a_case_are_not_compared() {
        let (base, new) = (snapshot(&[unexpected("a/b", Green)]), another(&[with_digest("new", timeout())]));
        let comparison = Comparison::of(&base, &new);
        assert_eq!(comparison.checks[0].change, Change::StillFailing);
        assert!(comparison.checks[0].case_changed());
    }

    #[test]
    fn a_check_that_fails_after_its_case_changed_has_regressed() {
        let (base, new) = (
            snapshot(&[as_expected("a/b", Green)]),
            another(&[with_digest("new", unexpected("a/b", Green))]),
        );
        let comparison = Comparison::of(&base, &new);
        assert!(comparison.checks[0].case_changed() && comparison.is_regression());
    }

    #[rstest]
    #[case::the_case("a/b[x]", "c/d[x]", "c/d[x]", "a/b[x]")]
    #[case::the_example("a/b[x]", "a/b[z]", "a/b[z]", "a/b[x]")]
    fn a_renamed_check_is_compared_with_what_it_was(
        #[case] old: &str,
        #[case] new: &str,
        #[case] after: &str,
        #[case] before: &str,
    ) {
        let of = |check: &str, outcome: Outcome| with_digest("one case", named(check, outcome));
        let base = [of(old, as_expected("", Green)), of("a/b[y]", as_expected("", Green))];
        let other = if new.starts_with('c') { "c/d[y]" } else { "a/b[y]" };
        let new = [of(new, unexpected("", Green)), of(other, as_expected("", Green))];
        let (base, new) = (snapshot(&base), another(&new));
        let comparison = Comparison::of(&base, &new);
        let regressed = &comparison.checks[0];
        assert_eq!(regressed.change, Change::Regressed);
        assert_eq!((regressed.key().check.as_str(), regressed.renamed_from()), (after, Some(before)));
        assert_eq!(comparison.counts()[&Change::Removed] + comparison.counts()[&Change::Added], 0);
    }

    #[test]
    fn a_rename_that_could_be_two_is_none() {
        let of = |check: &str| with_digest("copied", named(check, as_expected("", Green)));
        let (base, new) = (snapshot(&[of("a/b"), of("a/c")]), another(&[of("x/b"), of("x/c")]));
        let counts = Comparison::of(&base, &new).counts();
        assert_eq!((counts[&Change::Removed], counts[&Change::Added]), (2, 2));
    }

    #[test]
    fn runs_of_two_implementations_are_compared_by_check_and_only_in_the_green_phase() {
        let on = |name: &str, outcome: Outcome| Outcome { implementation: name.into(), ..outcome };
        let base = snapshot(&[as_expected("a/b", Red), on("old", as_expected("a/b", Green))]);
        let new = another(&[on("x", as_expected("a/b", Red)), on("new", unexpected("a/b", Green))]);
        let comparison = Comparison::of(&base, &new);
        assert_eq!(comparison.implementations, Some(("old", "new")));
        let changes: Vec<_> = comparison.checks.iter().map(|own| (own.change, own.key().phase)).collect();
        assert_eq!(changes, [(Change::Regressed, Green), (Change::Removed, Red), (Change::Added, Red)]);
    }

    #[test]
    fn runs_with_several_green_implementations_are_compared_by_name() {
        let on = |name: &str| Outcome { implementation: name.into(), ..as_expected("a/b", Green) };
        let (base, new) = (snapshot(&[on("one"), on("two")]), another(&[on("three")]));
        let comparison = Comparison::of(&base, &new);
        assert_eq!(comparison.implementations, None);
        assert_eq!(comparison.counts()[&Change::Removed], 2);
    }

    #[test]
    fn another_result_on_equal_inputs_is_flaky_and_still_counts() {
        let (pass, fail) = (snapshot(&[as_expected("a/b", Green)]), snapshot(&[unexpected("a/b", Green)]));
        let worse = Comparison::of(&pass, &fail);
        assert!(worse.checks[0].flaky && worse.is_regression());
        let better = Comparison::of(&fail, &pass);
        assert!(better.checks[0].flaky && !better.is_regression());
        assert!(!Comparison::of(&pass, &pass).checks[0].flaky);
    }

    #[rstest]
    #[case::another_suite(|new: &mut Snapshot| new.suite_digest.push('x'))]
    #[case::another_environment(|new: &mut Snapshot| _ = new.environment.insert("variables/TZ".into(), "UTC".into()))]
    #[case::another_case(|new: &mut Snapshot| new.checks[0].digest.push('x'))]
    fn another_result_on_other_inputs_is_not_flaky(#[case] change: fn(&mut Snapshot)) {
        let (base, mut new) = (snapshot(&[as_expected("a/b", Green)]), snapshot(&[unexpected("a/b", Green)]));
        change(&mut new);
        assert!(!Comparison::of(&base, &new).checks[0].flaky);
    }

    #[test]
    fn a_check_with_two_results_in_the_new_run_is_flaky() {
        let base = snapshot(&[as_expected("a/b", Green)]);
        let new = another(&[as_expected("a/b", Green), unexpected("a/b", Green)]);
        let comparison = Comparison::of(&base, &new);
        assert!(comparison.checks[0].flaky && comparison.is_regression());
        assert!(Comparison::of(&new, &base).checks.iter().all(|own| !own.flaky));
    }

    #[test]
    fn changed_added_and_lost_inputs_are_named() {
        let (mut base, mut new) = (snapshot(&[]), snapshot(&[]));
        base.environment.insert("variables/LANG".into(), "C".into());
        new.environment.insert("variables/TZ".into(), "UTC".into());
        new.environment.remove("platform/os");
        new.suite_digest = "other".into();
        new.selection.push("--area loader".into());
        let comparison = Comparison::of(&base, &new);
        let changed: Vec<_> =
            comparison.environment.iter().map(|own| (own.name, own.before, own.after)).collect();
        let expected = [
            ("platform/os", Some("linux"), None),
            ("variables/LANG", Some("C"), Some("C.UTF-8")),
            ("variables/TZ", None, Some("UTC")),
        ];
        assert_eq!(changed, expected);
        assert!(comparison.suite_changed() && comparison.selection_changed());
    }

    #[test]
    fn history_is_added_to_what_counts() {
        let (base, new) = (
            snapshot(&[as_expected("a/b", Green), unexpected("a/c", Green)]),
            another(&[unexpected("a/b", Green), unexpected("a/c", Green)]),
        );
        let mut comparison = Comparison::of(&base, &new);
        comparison.add_history(|_| Some(test_sides::history()));
        let history: Vec<_> = comparison.checks.iter().map(|own| own.history).collect();
        assert_eq!(history, [Some(test_sides::history()), None]);
    }
}

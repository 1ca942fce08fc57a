//! The requirements that failing checks break: those of the roots of their failures.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use indexmap::IndexMap;

use crate::harness::{
    report::Cause,
    runner::{ExpectationOutcome, FailingStep, Outcome},
};

/// A set of requirements, and what breaks them.
#[derive(Debug)]
pub struct BrokenRequirement<'a> {
    /// The requirements that the failures are about together.
    pub ids: Vec<String>,
    /// The causes, in the order of the run.
    pub causes: Vec<BrokenBy<'a>>,
    /// The number of checks whose first failure this is.
    pub first_in: usize,
}

/// One cause for which requirements are broken.
#[derive(Debug)]
pub struct BrokenBy<'a> {
    /// What happened, as in [`Group`](crate::harness::report::Group).
    pub what: String,
    /// Where it happened, in the order of the run.
    pub places: Vec<BrokenAt<'a>>,
}

/// A check in which requirements are broken.
#[derive(Clone, Debug)]
pub struct BrokenAt<'a> {
    /// The outcome of the check.
    pub outcome: &'a Outcome,
    /// The step at which it failed.
    pub failing: FailingStep<'a>,
    /// The expectation that failed; None if the operation was refused although nothing allows that.
    pub expectation: Option<&'a ExpectationOutcome>,
}

impl BrokenRequirement<'_> {
    /// The checks, each once, in the order of the run within each cause.
    pub fn checks(&self) -> Vec<&str> {
        let places = self.causes.iter().flat_map(|cause| &cause.places);
        let mut seen = BTreeSet::new();
        places.map(|place| place.outcome.check.as_str()).filter(|check| seen.insert(*check)).collect()
    }
}

impl BrokenAt<'_> {
    /// Whether the expectation stands for something that is missing, such as a file that can be read.
    fn stands_for_another(&self) -> bool {
        let failure = self.expectation.and_then(|own| own.failure.as_ref());
        failure.is_none_or(|failure| failure.not_reached.is_some())
    }

    /// The requirements of its expectations at this step; none if it has none.
    fn about(&self) -> BTreeSet<&String> {
        let step = self.failing.failed.iter().chain(&self.failing.not_reached);
        step.flat_map(|expectation| &expectation.about).collect()
    }
}

/// The requirements of a root that is a failed expectation, and the key of its cause.
type Root<'a> = (Option<&'a [String]>, String);

/// The requirements that these outcomes break: first the one that is the first failure of most checks. What fails later in a
/// check is often a consequence of that, whatever the ids and the authorities are. `refusal_violates` is the requirement that each operation violates
/// when it refuses a valid request.
pub(super) fn broken_requirements<'a>(
    outcomes: &[&'a Outcome],
    refusal_violates: &BTreeMap<String, String>,
) -> Vec<BrokenRequirement<'a>> {
    // By the requirements of a root that is a failed expectation; without them for any other root.
    let mut roots: IndexMap<Root<'_>, (BrokenBy<'a>, usize)> = IndexMap::new();
    for outcome in outcomes {
        let mut is_first = true;
        for failing in outcome.failing_steps() {
            let refusal = failing.unexpected_refusal().map(|_| (Cause::of_refusal(failing.step), None));
            let failed = failing.failed.iter().copied();
            let failed = failed.map(|own| (Cause::of_failure(failing.step, own), Some(own)));
            for (Cause { key, text }, expectation) in refusal.into_iter().chain(failed) {
                let at = BrokenAt { outcome, failing: failing.clone(), expectation };
                let about = expectation.filter(|_| !at.stands_for_another()).map(|own| own.about.as_slice());
                let new = || (BrokenBy { what: text.clone(), places: Vec::new() }, 0);
                let (by, first_in) = roots.entry((about, key.clone())).or_insert_with(new);
                if by.what != text {
                    by.what = key;
                }
                by.places.push(at);
                *first_in += usize::from(is_first);
                is_first = false;
            }
        }
    }
    let mut broken: BTreeMap<Vec<String>, (Vec<BrokenBy<'a>>, usize)> = BTreeMap::new();
    for ((about, _), (by, first_in)) in roots {
        let ids = about.map_or_else(|| requirements_of(&by, refusal_violates), <[String]>::to_vec);
        let (causes, all) = broken.entry(ids).or_default();
        causes.push(by);
        *all += first_in;
    }
    let broken = broken.into_iter();
    let mut broken: Vec<BrokenRequirement<'a>> =
        broken.map(|(ids, (causes, first_in))| BrokenRequirement { ids, causes, first_in }).collect();
    // The sort is stable: equal ones stay in the order of their ids.
    broken.sort_by_key(|own| Reverse(own.first_in));
    broken
}

/// The requirements of a root that is not a failed expectation of its own: those that all of its checks ask for at this step. If they
/// ask for different ones, the cause is more general than any of them: it is that of the operation, or of the first check.
fn requirements_of(by: &BrokenBy<'_>, refusal_violates: &BTreeMap<String, String>) -> Vec<String> {
    let Some(first) = by.places.first() else { return Vec::new() };
    let mut common = first.about();
    for place in &by.places {
        let own = place.about();
        common.retain(|id| own.contains(id));
    }
    if !common.is_empty() {
        return common.into_iter().cloned().collect();
    }
    let of_operation = refusal_violates.get(&first.failing.step.operation);
    let of_operation = of_operation.filter(|_| first.failing.unexpected_refusal().is_some());
    of_operation.map_or_else(|| first.failing.requirements(first.outcome), |id| vec![id.clone()])
}

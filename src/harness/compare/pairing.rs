//! Which check of one run is which of the other.

use std::collections::{HashMap, HashSet};

use super::{CheckResult, Snapshot};
use crate::harness::{runner::Phase, store::CheckKey};

/// A check in both runs, or in one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sides<'a> {
    /// It is in both.
    Both {
        /// In the older run.
        before: &'a CheckResult,
        /// In the newer run.
        after: &'a CheckResult,
    },
    /// It is missing in the newer run.
    BaseOnly(&'a CheckResult),
    /// It is missing in the older run.
    NewOnly(&'a CheckResult),
}

impl<'a> Sides<'a> {
    /// The check in the older run.
    pub fn before(self) -> Option<&'a CheckResult> {
        match self {
            Self::Both { before, .. } | Self::BaseOnly(before) => Some(before),
            Self::NewOnly(_) => None,
        }
    }

    /// The check in the newer run.
    pub fn after(self) -> Option<&'a CheckResult> {
        match self {
            Self::Both { after, .. } | Self::NewOnly(after) => Some(after),
            Self::BaseOnly(_) => None,
        }
    }

    /// Its key in the newer run, or in the older one if it is only there.
    pub fn key(self) -> &'a CheckKey {
        match self {
            Self::Both { after: own, .. } | Self::NewOnly(own) | Self::BaseOnly(own) => &own.key,
        }
    }
}

/// What a check keeps from run to run.
#[derive(PartialEq, Eq, Hash)]
struct Identity<'a> {
    check: &'a str,
    /// Empty where the runs are of different implementations.
    implementation: &'a str,
    phase: Phase,
    must_fail: Option<&'a str>,
}

/// What a check keeps when its case is renamed. The digest covers what a case does, and neither its id nor the names of
/// its examples.
#[derive(PartialEq, Eq, Hash)]
struct Contents<'a> {
    digest: &'a str,
    /// The name of the example; empty where that may be another one, too.
    example: &'a str,
    /// Without the id.
    identity: Identity<'a>,
}

/// The implementations of the green phases, if each run has one, and not the same one.
pub(super) fn compared_implementations<'a>(
    base: &'a Snapshot,
    new: &'a Snapshot,
) -> Option<(&'a str, &'a str)> {
    let (before, after) = (base.green_implementation()?, new.green_implementation()?);
    (before != after).then_some((before, after))
}

/// Pairs the checks of two runs: by id, then by contents where these are unambiguous. In the order of the new run, then
/// what is missing in it.
pub(super) fn pair<'a>(base: &'a Snapshot, new: &'a Snapshot) -> Vec<Sides<'a>> {
    let by_check = compared_implementations(base, new).is_some();
    let mut by_id: HashMap<Identity<'_>, &CheckResult> =
        base.checks.iter().map(|own| (Identity::of(own, by_check), own)).collect();
    let mut found: Vec<(&CheckResult, Option<&CheckResult>)> =
        new.checks.iter().map(|after| (after, by_id.remove(&Identity::of(after, by_check)))).collect();
    let mut left: Vec<&CheckResult> = by_id.into_values().collect();
    // A renamed case keeps the names of its examples; a renamed example keeps its case.
    for with_example in [true, false] {
        pair_by_contents(&mut left, &mut found, by_check, with_example);
    }
    let sides = found.into_iter().map(|(after, before)| match before {
        Some(before) => Sides::Both { before, after },
        None => Sides::NewOnly(after),
    });
    sides.chain(left.into_iter().map(Sides::BaseOnly)).collect()
}

/// Pairs what is left where exactly one check of each run has these contents.
fn pair_by_contents<'a>(
    left: &mut Vec<&'a CheckResult>,
    found: &mut [(&'a CheckResult, Option<&'a CheckResult>)],
    by_check: bool,
    with_example: bool,
) {
    let contents = |own: &'a CheckResult| Contents {
        digest: &own.digest,
        example: if with_example { own.example() } else { "" },
        identity: Identity { check: "", ..Identity::of(own, by_check) },
    };
    let mut alike: HashMap<Contents<'_>, (Vec<&CheckResult>, Vec<usize>)> = HashMap::new();
    for before in left.iter() {
        alike.entry(contents(before)).or_default().0.push(before);
    }
    for (index, (after, before)) in found.iter().enumerate() {
        if before.is_none() {
            alike.entry(contents(after)).or_default().1.push(index);
        }
    }
    let mut taken: HashSet<&CheckKey> = HashSet::new();
    for (before, after) in alike.values() {
        if let ([before], [after]) = (before.as_slice(), after.as_slice())
            && let Some((_, pair)) = found.get_mut(*after)
        {
            *pair = Some(before);
            taken.insert(&before.key);
        }
    }
    left.retain(|before| !taken.contains(&before.key));
}

impl<'a> Identity<'a> {
    fn of(own: &'a CheckResult, by_check: bool) -> Self {
        let key = &own.key;
        Self {
            check: &key.check,
            implementation: if by_check && key.phase == Phase::Green { "" } else { &key.implementation },
            phase: key.phase,
            must_fail: key.must_fail.as_deref(),
        }
    }
}

//! Mutants that only skipped checks can kill.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::harness::suite::{Case, Check};

/// The implementations on which each expectation of a case failed.
type Kills = BTreeMap<String, Vec<String>>;

/// The checks that a proof does not run, and what is proven of them.
#[derive(Clone, Copy)]
pub struct Skipped<'a> {
    /// The checks.
    pub checks: &'a [Arc<Check>],
    /// Where the expectations of a case failed in an earlier proof, if its current version has one.
    pub proven: &'a dyn Fn(&Case) -> Option<&'a Kills>,
}

/// A mutant that no check of the run kills, but that skipped checks about its requirement may kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SetAside {
    /// The mutant.
    pub mutant: String,
    /// The requirement that it breaks.
    pub breaks: String,
    /// The skipped cases that killed it in an earlier proof. If it is empty, there is none: a skipped case about the
    /// requirement is new or has changed.
    pub proven_by: Vec<String>,
}

impl Skipped<'_> {
    /// No check is skipped.
    pub const NONE: Skipped<'static> = Skipped { checks: &[], proven: &|_| None };

    /// Sets a mutant aside if a skipped check about this requirement killed it, or has no current proof that would say.
    pub(super) fn set_aside(&self, mutant: &str, breaks: &str) -> Option<SetAside> {
        let about = self.checks.iter().filter(|check| check.case.requires.iter().any(|id| id == breaks));
        let (mut proven_by, mut is_open) = (Vec::new(), false);
        for check in about {
            let Some(kills) = (self.proven)(&check.case) else {
                is_open = true;
                continue;
            };
            let of_requirement = check
                .steps
                .iter()
                .flat_map(|step| &step.expectations)
                .filter(|named| named.expectation.about.iter().any(|id| id == breaks));
            let mut lists = of_requirement.filter_map(|named| kills.get(&named.name));
            if lists.any(|on| on.iter().any(|name| name == mutant)) && !proven_by.contains(&check.case.id) {
                proven_by.push(check.case.id.clone());
            }
        }
        let is_set_aside = is_open || !proven_by.is_empty();
        is_set_aside.then(|| SetAside { mutant: mutant.to_owned(), breaks: breaks.to_owned(), proven_by })
    }

    /// Whether a skipped check is about this requirement.
    pub(super) fn is_about(&self, requirement: &str) -> bool {
        self.checks.iter().any(|check| check.case.requires.iter().any(|id| id == requirement))
    }
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutant, breaks, proven_by } = self;
        match proven_by.as_slice() {
            [] => write!(f, "{mutant} ({breaks}, not proven yet)"),
            [first, ..] => write!(f, "{mutant} ({breaks}, killed by {first})"),
        }
    }
}

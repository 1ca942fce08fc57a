//! The parts of all expectations, and what needs each.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    FailedExpectation, PartsWitness,
    witness::{Key, key},
};
use crate::harness::suite::{CasePlaces, Check, PartPath, PartPlace};

/// A part of an expectation, in all checks of its case that have it at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The case.
    pub case: String,
    /// Its file, relative to the suite.
    pub file: String,
    /// The line of the part.
    pub line: usize,
    /// The expectation.
    pub expectation: String,
    /// How the expectation is weaker without it: `without equal[1].gridsize`.
    pub weaker: String,
    /// Its place in the table of the expectation.
    pub at: PartPath,
    /// The text that is the part, if it is one.
    pub text: Option<String>,
    /// The checks that have it.
    pub checks: BTreeSet<String>,
    /// What needs it, if anything.
    pub needed_by: Option<NeededBy>,
}

/// A faulty implementation that fails the expectation and would pass without the part: the first that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeededBy {
    /// The stub or a mutant.
    Mutant(String),
    /// A mechanical fault of what the reference shows.
    Observation(String),
}

/// All parts.
#[derive(Debug, Default)]
pub struct Parts {
    parts: Vec<Part>,
    /// The parts of each expectation: the position of the weaker form, and the index of the part.
    of: HashMap<Key, Vec<(usize, usize)>>,
}

impl Parts {
    /// The parts of these checks, as a witness saw them on the accepted implementation.
    pub fn of(checks: &[Arc<Check>], witness: &PartsWitness) -> Self {
        let mut all = Self::default();
        let mut known: BTreeMap<(String, usize, String, String), usize> = BTreeMap::new();
        for check in checks {
            let case = &check.case;
            // The text of a case of a valid suite can be parsed.
            let places = CasePlaces::read(&case.text).ok();
            for named in check.expectations() {
                for (position, weaker) in witness.weaker(&check.id, named) {
                    let place = places.as_ref().map(|places| places.of(check, &named.name, &weaker.at));
                    let place = place.unwrap_or(PartPlace { offset: 0, line: named.line });
                    let same = (case.id.clone(), place.offset, named.name.clone(), weaker.what.clone());
                    let part = *known.entry(same).or_insert_with(|| {
                        all.parts.push(Part {
                            case: case.id.clone(),
                            file: case.file.clone(),
                            line: place.line,
                            expectation: named.name.clone(),
                            weaker: weaker.what.clone(),
                            at: weaker.at.clone(),
                            text: weaker.text.clone(),
                            checks: BTreeSet::new(),
                            needed_by: None,
                        });
                        all.parts.len() - 1
                    });
                    if let Some(part) = all.parts.get_mut(part) {
                        part.checks.insert(check.id.clone());
                    }
                    all.of.entry(key(&check.id, named)).or_default().push((position, part));
                }
            }
        }
        all
    }

    /// Marks what these failures need. Only failures for a reason that counts show anything.
    pub fn add(
        &mut self,
        failed: &[FailedExpectation],
        counts: &dyn Fn(&FailedExpectation) -> bool,
        needed_by: &dyn Fn(&str) -> NeededBy,
    ) {
        for failed in failed.iter().filter(|failed| counts(failed)) {
            let id = (failed.check.clone(), failed.expectation.clone());
            for (position, part) in self.of.get(&id).into_iter().flatten() {
                if let Some(part) = self.parts.get_mut(*part)
                    && part.needed_by.is_none()
                    && failed.holds.get(*position) == Some(&true)
                {
                    part.needed_by = Some(needed_by(&failed.on));
                }
            }
        }
    }

    /// All parts, in the order of the checks.
    pub fn all(&self) -> &[Part] {
        &self.parts
    }

    /// The parts of a check that nothing needs so far.
    pub(super) fn unneeded<'a>(&'a self, check: &Check) -> impl Iterator<Item = &'a Part> {
        let indices: BTreeSet<usize> = check
            .expectations()
            .filter_map(|named| self.of.get(&key(&check.id, named)))
            .flatten()
            .map(|(_, part)| *part)
            .collect();
        indices.into_iter().filter_map(|index| self.parts.get(index)).filter(|part| part.needed_by.is_none())
    }
}

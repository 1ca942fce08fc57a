//! Which parts of the expectations are needed: some faulty implementation fails the whole, and would pass without the
//! part.
//!
//! No check runs again for this. A [`PartsWitness`] judges every weaker expectation for the same facts while the checks of
//! a proof run, and [`Weakened`] combines what it saw with the kills of the matrix.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::harness::{
    runner::{Judged, Witness},
    suite::{CasePlaces, Check, NamedExpectation, PartPlace, Step, StepFacts, Weakening},
};

/// A check and one of its expectations.
type Key = (String, String);

/// Judges the weaker forms of every expectation that fails on a faulty implementation.
pub struct PartsWitness {
    /// The implementation that must pass every check.
    accepted: String,
    weaker: HashMap<Key, Vec<Weakening>>,
    seen: Mutex<Seen>,
}

/// What a witness has seen. The lists are in the order of the weaker forms.
#[derive(Debug, Default)]
struct Seen {
    /// Which are weaker at all, for the facts of the accepted implementation.
    applies: HashMap<Key, Vec<bool>>,
    /// Which hold where the expectation itself fails, by faulty implementation.
    holds: HashMap<Key, BTreeMap<String, Vec<bool>>>,
}

/// The parts of all expectations, and which of them are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weakened {
    /// The number of parts. Examples that take a part from the same place of their case share it.
    pub parts: usize,
    /// The number of parts that are needed.
    pub needed: usize,
    /// The parts that nothing needs, in the order of the files.
    pub unneeded: Vec<UnneededPart>,
}

/// A part that no faulty implementation needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnneededPart {
    /// The case.
    pub case: String,
    /// Its file, relative to the suite.
    pub file: String,
    /// The line of the part.
    pub line: usize,
    /// The expectation.
    pub expectation: String,
    /// The weaker expectation that is as good: `without equal[1].gridsize`.
    pub weaker: String,
    /// The checks that have the part.
    pub checks: Vec<String>,
}

/// `cases/loader/a.toml:9: is_refused is as good without refused.kind "mismatch"`.
impl std::fmt::Display for UnneededPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, expectation, weaker, checks, .. } = self;
        write!(f, "{file}:{line}: {expectation} finds as much {weaker}")?;
        match checks.as_slice() {
            [check] if check.ends_with(']') => write!(f, " (in {check})"),
            _ => Ok(()),
        }
    }
}

impl PartsWitness {
    /// A witness of these checks. `accepted` is the implementation that must pass them.
    pub fn new(checks: &[Arc<Check>], accepted: &str) -> Self {
        let of_check = |check: &Arc<Check>| {
            let of_step = |step: &Step| {
                let of = |named| (key(&check.id, named), Weakening::of(step, named));
                step.expectations.iter().map(of).collect::<Vec<_>>()
            };
            check.steps.iter().flat_map(of_step).collect::<Vec<_>>()
        };
        let weaker = checks.iter().flat_map(of_check).collect();
        Self { accepted: accepted.to_owned(), weaker, seen: Mutex::default() }
    }

    /// The parts of these checks. `fails_on` are the faulty implementations on which each expectation fails for a reason
    /// that counts, by check and name.
    pub fn parts(&self, checks: &[Arc<Check>], fails_on: &HashMap<(&str, &str), &[String]>) -> Vec<Part> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts: BTreeMap<PartKey, Part> = BTreeMap::new();
        for check in checks {
            // Every check of a valid suite has a text that can be parsed.
            let places = CasePlaces::read(&check.case.text).ok();
            for (index, step) in check.steps.iter().enumerate() {
                for named in &step.expectations {
                    let id = key(&check.id, named);
                    let (Some(weaker), Some(applies)) = (self.weaker.get(&id), seen.applies.get(&id)) else {
                        continue;
                    };
                    let kills = fails_on.get(&(check.id.as_str(), named.name.as_str()));
                    let kills = kills.copied().unwrap_or_default();
                    let holds = seen.holds.get(&id);
                    for (position, weaker) in weaker.iter().enumerate() {
                        if applies.get(position) != Some(&true) {
                            continue;
                        }
                        let place =
                            places.as_ref().map(|places| places.of(check, index, &named.name, &weaker.at));
                        let place = place.unwrap_or(PartPlace { offset: 0, line: named.line });
                        let needing = holds
                            .into_iter()
                            .flatten()
                            .filter(|(on, holds)| holds.get(position) == Some(&true) && kills.contains(on));
                        let needing = needing.map(|(on, _)| on.clone());
                        let own = (check.case.id.clone(), place.offset, named.name.clone());
                        let part = parts.entry((own, weaker.what.clone())).or_insert_with(|| Part {
                            case: check.case.id.clone(),
                            file: check.case.file.clone(),
                            line: place.line,
                            expectation: named.name.clone(),
                            weaker: weaker.what.clone(),
                            checks: BTreeSet::new(),
                            needed_by: BTreeSet::new(),
                        });
                        part.checks.insert(check.id.clone());
                        part.needed_by.extend(needing);
                    }
                }
            }
        }
        parts.into_values().collect()
    }
}

/// The place of a part, and how its expectation would be weaker.
type PartKey = ((String, usize, String), String);

/// A part of an expectation, in all checks of its case that share it.
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
    /// The expectation without it.
    pub weaker: String,
    /// The checks that have it.
    pub checks: BTreeSet<String>,
    /// The faulty implementations that fail the expectation and would pass without the part.
    pub needed_by: BTreeSet<String>,
}

impl Weakened {
    /// The totals of these parts.
    pub fn of(parts: &[Part]) -> Self {
        let unneeded = |part: &Part| UnneededPart {
            case: part.case.clone(),
            file: part.file.clone(),
            line: part.line,
            expectation: part.expectation.clone(),
            weaker: part.weaker.clone(),
            checks: part.checks.iter().cloned().collect(),
        };
        let mut unneeded: Vec<UnneededPart> =
            parts.iter().filter(|part| part.needed_by.is_empty()).map(unneeded).collect();
        unneeded.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Self { parts: parts.len(), needed: parts.len() - unneeded.len(), unneeded }
    }
}

impl Witness for PartsWitness {
    fn judged(&self, judged: &Judged<'_>, facts: &dyn StepFacts) {
        let id = key(judged.check, judged.expectation);
        let Some(weaker) = self.weaker.get(&id) else { return };
        let is_accepted = judged.implementation == self.accepted;
        // A faulty implementation that passes shows nothing about the parts.
        if is_accepted != judged.holds {
            return;
        }
        let ask = |weaker: &Weakening| match is_accepted {
            true => weaker.applies(judged.expectation, facts),
            false => weaker.holds(judged.expectation, facts),
        };
        let answers: Vec<bool> = weaker.iter().map(ask).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if is_accepted {
            seen.applies.insert(id, answers);
        } else {
            seen.holds.entry(id).or_default().insert(judged.implementation.to_owned(), answers);
        }
    }
}

fn key(check: &str, named: &NamedExpectation) -> Key {
    (check.to_owned(), named.name.clone())
}

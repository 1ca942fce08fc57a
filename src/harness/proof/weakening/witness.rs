//! Judges the weaker forms of expectations while checks run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::harness::{
    runner::{Judged, Witness},
    suite::{Check, NamedExpectation, StepFacts, Weakening},
};

/// A check's id and the name of one of its expectations.
pub(super) type Key = (String, String);

/// Judges the weaker forms of every expectation that fails on a faulty implementation.
pub struct PartsWitness {
    /// The implementation that must pass every check.
    accepted: String,
    weaker: HashMap<Key, Vec<Weakening>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Which forms are weaker at all, for the facts of the accepted implementation.
    applies: HashMap<Key, Vec<bool>>,
    failed: Vec<FailedExpectation>,
}

/// An expectation that failed on a faulty implementation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedExpectation {
    /// The check's id.
    pub check: String,
    /// The name of the expectation.
    pub expectation: String,
    /// The faulty implementation.
    pub on: String,
    /// Which of its weaker forms hold, in their order.
    pub(super) holds: Vec<bool>,
}

impl PartsWitness {
    /// A witness of these checks. `accepted` is the implementation that must pass them.
    pub fn new(checks: &[Arc<Check>], accepted: &str) -> Self {
        let mut weaker = HashMap::new();
        for check in checks {
            for step in &check.steps {
                for named in &step.expectations {
                    weaker.insert(key(&check.id, named), Weakening::of(step, named));
                }
            }
        }
        Self { accepted: accepted.to_owned(), weaker, seen: Mutex::default() }
    }

    /// What has failed since the last time.
    pub fn take_failed(&self) -> Vec<FailedExpectation> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).failed)
    }

    /// The weaker forms of an expectation that are weaker at all, with their positions. There are none if the accepted
    /// implementation did not pass it.
    pub(super) fn weaker(&self, check: &str, named: &NamedExpectation) -> Vec<(usize, &Weakening)> {
        let id = key(check, named);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(weaker), Some(applies)) = (self.weaker.get(&id), seen.applies.get(&id)) else {
            return Vec::new();
        };
        let own = weaker.iter().enumerate().zip(applies);
        own.filter(|(_, applies)| **applies).map(|(numbered, _)| numbered).collect()
    }
}

impl Witness for PartsWitness {
    fn judged(&self, judged: &Judged<'_>, facts: &dyn StepFacts) {
        let named = judged.expectation;
        let id = key(judged.check, named);
        let Some(weaker) = self.weaker.get(&id) else { return };
        let is_accepted = judged.implementation == self.accepted;
        // A faulty implementation that passes shows nothing about the parts.
        if is_accepted != judged.holds {
            return;
        }
        if is_accepted {
            let applies = weaker.iter().map(|weaker| weaker.applies(named, facts)).collect();
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).applies.insert(id, applies);
        } else {
            let holds = weaker.iter().map(|weaker| weaker.holds(named, facts)).collect();
            let (check, expectation) = id;
            let on = judged.implementation.to_owned();
            let failed = FailedExpectation { check, expectation, on, holds };
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).failed.push(failed);
        }
    }
}

pub(super) fn key(check: &str, named: &NamedExpectation) -> Key {
    (check.to_owned(), named.name.clone())
}

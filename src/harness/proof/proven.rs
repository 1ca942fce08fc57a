//! What was proven of each case, kept beside the suite.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Matrix;
use crate::harness::suite::Case;

/// The file, from the suite's root.
pub const PROVEN: &str = "proven.toml";

/// The version of the file.
const FORMAT: u32 = 1;

/// What stands above the file's contents.
const HEAD: &str = "\
# Written by `bundleproof prove`; not to be edited. Per case: its digest, and for each expectation the stub and\n\
# mutants on which it was seen to fail. Per mutant: the requirement that it breaks.\n\n";

/// What `prove` has seen, by case and by mutant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    format: u32,
    /// The requirement that each mutant breaks.
    pub mutants: BTreeMap<String, String>,
    /// The cases by id.
    pub cases: BTreeMap<String, ProvenCase>,
}

/// One case, as it was when it was proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenCase {
    /// Its digest.
    pub digest: String,
    /// For each expectation what it was seen to fail on, over all examples.
    pub fails_on: BTreeMap<String, Vec<String>>,
}

/// A file that is not one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenError {
    /// It is of another version.
    #[error(
        "{PROVEN} is of format {0}, and this bundleproof reads format {FORMAT}: write it again with `prove`"
    )]
    Format(u32),
    /// It cannot be read.
    #[error("{PROVEN} cannot be read: {0}")]
    Toml(String),
}

impl Proven {
    /// What a matrix without problems proves.
    pub fn of(matrix: &Matrix) -> Self {
        let mut cases: BTreeMap<String, ProvenCase> = BTreeMap::new();
        for check in &matrix.checks {
            let case = cases
                .entry(check.case.clone())
                .or_insert_with(|| ProvenCase { digest: check.digest.clone(), fails_on: BTreeMap::new() });
            for expectation in &check.expectations {
                let known = case.fails_on.entry(expectation.name.clone()).or_default();
                known.extend(expectation.fails_on.iter().cloned());
                known.sort();
                known.dedup();
            }
        }
        let breaks =
            |mutant: &crate::harness::proof::MutantProof| (mutant.name.clone(), mutant.breaks.clone());
        Self { format: FORMAT, mutants: matrix.mutants.iter().map(breaks).collect(), cases }
    }

    /// Takes over what was proven of cases that could not be looked at, as long as they are as they were.
    pub fn keep<'c>(&mut self, before: &Self, aside: impl Iterator<Item = &'c Case>) {
        for case in aside.filter(|case| before.holds(case)) {
            if let Some(proven) = before.cases.get(&case.id) {
                self.cases.insert(case.id.clone(), proven.clone());
            }
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is of another version or not of this format.
    pub fn from_toml(text: &str) -> Result<Self, ProvenError> {
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        match toml::from_str::<Versioned>(text) {
            Ok(Versioned { format }) if format != FORMAT => return Err(ProvenError::Format(format)),
            _ => {}
        }
        toml::from_str(text).map_err(|error| ProvenError::Toml(error.message().to_owned()))
    }

    /// The file's text. The same proof gives the same text.
    ///
    /// # Errors
    /// When it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(HEAD.to_owned() + &toml::to_string(self)?)
    }

    /// Whether a case is proven as it is now.
    pub fn holds(&self, case: &Case) -> bool {
        self.cases.get(&case.id).is_some_and(|proven| proven.digest == case.digest)
    }

    /// What is otherwise than it was when this was written, a sentence for each case or mutant.
    pub fn changed_to(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (name, breaks) in &now.mutants {
            match self.mutants.get(name) {
                None => changes.push(format!("the mutant {name} is new")),
                Some(before) if before != breaks => {
                    changes.push(format!("the mutant {name} breaks {breaks}, and broke {before}"));
                }
                Some(_) => {}
            }
        }
        changes.extend(gone(&self.mutants, &now.mutants).map(|name| format!("the mutant {name} is gone")));
        for (id, case) in &now.cases {
            match self.cases.get(id) {
                None => changes.push(format!("the case {id} is new")),
                Some(before) if before.digest != case.digest => {
                    changes.push(format!("the case {id} was changed"))
                }
                Some(before) => changes.extend(before.kills_otherwise(id, case)),
            }
        }
        changes.extend(gone(&self.cases, &now.cases).map(|id| format!("the case {id} is gone")));
        changes
    }
}

impl ProvenCase {
    /// The mutants on which a case of the same digest fails otherwise than it did.
    fn kills_otherwise(&self, id: &str, now: &Self) -> Vec<String> {
        let pairs = |case: &Self| -> std::collections::BTreeSet<(String, String)> {
            let of = |(name, on): (&String, &Vec<String>)| {
                on.iter().map(|on| (name.clone(), on.clone())).collect::<Vec<_>>()
            };
            case.fails_on.iter().flat_map(of).collect()
        };
        let (before, now) = (pairs(self), pairs(now));
        let lost = before.difference(&now).map(|(name, on)| {
            format!("the mutant {on} changed: {name} of {id} does not fail on it any more")
        });
        let won = now
            .difference(&before)
            .map(|(name, on)| format!("the mutant {on} changed: {name} of {id} fails on it now"));
        lost.chain(won).collect()
    }
}

fn gone<'a, A, B>(
    before: &'a BTreeMap<String, A>,
    now: &'a BTreeMap<String, B>,
) -> impl Iterator<Item = &'a String> {
    before.keys().filter(|key| !now.contains_key(*key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn proven(digest: &str, on: &[&str]) -> Proven {
        let on: Vec<String> = on.iter().map(|name| (*name).to_owned()).collect();
        let case = ProvenCase { digest: digest.to_owned(), fails_on: [("holds".to_owned(), on)].into() };
        Proven {
            format: FORMAT,
            mutants: [("loads_nothing".to_owned(), "LOD-002".to_owned())].into(),
            cases: [("loader/a".to_owned(), case)].into(),
        }
    }

    #[test]
    fn it_comes_back_from_its_text_and_another_version_is_refused_by_its_number() {
        let written = proven("d", &["stub", "loads_nothing"]);
        let text = written.to_toml().unwrap();
        assert!(text.starts_with("# Written by `bundleproof prove`"), "{text}");
        assert_eq!(Proven::from_toml(&text).unwrap(), written);
        assert_eq!(Proven::from_toml(&text.replace("format = 1", "format = 2")), Err(ProvenError::Format(2)));
        assert!(matches!(Proven::from_toml("format = 1\nx = 2"), Err(ProvenError::Toml(_))));
    }

    #[test]
    fn what_changed_is_named() {
        let before = proven("d", &["stub"]);
        assert!(before.changed_to(&before).is_empty());
        assert_eq!(before.changed_to(&proven("e", &["stub"])), ["the case loader/a was changed"]);
        assert_eq!(
            before.changed_to(&proven("d", &["loads_nothing"])),
            [
                "the mutant stub changed: holds of loader/a does not fail on it any more",
                "the mutant loads_nothing changed: holds of loader/a fails on it now",
            ]
        );
        let empty = Proven { format: FORMAT, ..Proven::default() };
        assert_eq!(
            before.changed_to(&empty),
            ["the mutant loads_nothing is gone", "the case loader/a is gone"]
        );
        assert_eq!(
            empty.changed_to(&before),
            ["the mutant loads_nothing is new", "the case loader/a is new"]
        );
    }
}

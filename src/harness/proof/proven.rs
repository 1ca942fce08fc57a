//! The proof of each case, stored with the suite.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FaultyImplementation, KillMatrix};
use crate::harness::suite::Case;

/// The file, relative to the suite.
pub const PROVEN: &str = "proven.toml";

/// The version of the file.
const FORMAT: u32 = 1;

/// The header of the file.
const HEAD: &str = "\
# Written by `bundleproof prove`; not to be edited. Per case: its digest, and for each expectation the stub and\n\
# mutants on which it was seen to fail, and the observations that only it needs. Per mutant: the requirement that it\n\
# breaks.\n\n";

/// The results of `prove`, by case and by mutant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    pub(super) format: u32,
    /// The requirement that each mutant breaks.
    pub mutants: BTreeMap<String, String>,
    /// The cases by id.
    pub cases: BTreeMap<String, ProvenCase>,
}

/// The proof of one version of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenCase {
    /// Its digest.
    pub digest: String,
    /// Per expectation, the faulty implementations on which it failed in any example.
    pub fails_on: BTreeMap<String, Vec<String>>,
    /// Per expectation, mechanical faults of the reference that a part of it is needed for and no mutant shows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observations: BTreeMap<String, Vec<String>>,
}

/// Why the file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenError {
    /// It has another format version.
    #[error("{PROVEN} has format {0}; expected format {FORMAT}: run `prove` to write it again")]
    Format(u32),
    /// It is not valid.
    #[error("failed to read {PROVEN}: {0}")]
    Toml(String),
}

impl Proven {
    /// The proof of a matrix without problems.
    pub fn of(matrix: &KillMatrix) -> Self {
        let mut cases: BTreeMap<String, ProvenCase> = BTreeMap::new();
        for check in &matrix.checks {
            let case = cases
                .entry(check.case.clone())
                .or_insert_with(|| ProvenCase { digest: check.digest.clone(), ..ProvenCase::default() });
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

    /// Keeps the proofs of skipped cases that have not changed.
    pub fn keep<'c>(&mut self, before: &Self, skipped: impl Iterator<Item = &'c Case>) {
        for case in skipped.filter(|case| before.is_current(case)) {
            if let Some(proven) = before.cases.get(&case.id) {
                self.cases.insert(case.id.clone(), proven.clone());
            }
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it has another format version, or is invalid.
    pub fn from_toml(text: &str) -> Result<Self, ProvenError> {
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        if let Ok(Versioned { format }) = toml::from_str(text)
            && format != FORMAT
        {
            return Err(ProvenError::Format(format));
        }
        toml::from_str(text).map_err(|error| ProvenError::Toml(error.message().to_owned()))
    }

    /// The file's text. Equal proofs have equal texts.
    ///
    /// # Errors
    /// When it cannot be serialized as TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(HEAD.to_owned() + &toml::to_string(self)?)
    }

    /// The implementations on which each expectation of a case failed, if its current version is proven.
    pub fn fails_on(&self, case: &Case) -> Option<&BTreeMap<String, Vec<String>>> {
        self.cases.get(&case.id).filter(|proven| proven.digest == case.digest).map(|proven| &proven.fails_on)
    }

    /// Whether no expectation of the current version of a case failed on this implementation, which is as it was.
    pub fn is_survived(&self, case: &Case, faulty: &FaultyImplementation) -> bool {
        let is_known = faulty.breaks.is_none() || self.mutants.get(&faulty.name) == faulty.breaks.as_ref();
        let failed = |fails_on: &BTreeMap<String, Vec<String>>| {
            fails_on.values().flatten().any(|name| *name == faulty.name)
        };
        is_known && self.fails_on(case).is_some_and(|fails_on| !failed(fails_on))
    }

    /// Whether the current version of a case is proven.
    pub fn is_current(&self, case: &Case) -> bool {
        self.fails_on(case).is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn proven(digest: &str, on: &[&str]) -> Proven {
        let on: Vec<String> = on.iter().map(|name| (*name).to_owned()).collect();
        let case = ProvenCase {
            digest: digest.to_owned(),
            fails_on: [("holds".to_owned(), on)].into(),
            observations: BTreeMap::new(),
        };
        Proven {
            format: FORMAT,
            mutants: [("loads_nothing".to_owned(), "LOD-002".to_owned())].into(),
            cases: [("loader/a".to_owned(), case)].into(),
        }
    }

    #[test]
    fn the_file_round_trips_and_another_version_is_rejected_by_its_number() {
        let written = proven("d", &["stub", "loads_nothing"]);
        let text = written.to_toml().unwrap();
        assert!(text.starts_with("# Written by `bundleproof prove`"), "{text}");
        assert_eq!(Proven::from_toml(&text).unwrap(), written);
        assert_eq!(Proven::from_toml(&text.replace("format = 1", "format = 2")), Err(ProvenError::Format(2)));
        assert!(matches!(Proven::from_toml("format = 1\nx = 2"), Err(ProvenError::Toml(_))));
    }
}

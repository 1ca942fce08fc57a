//! One problem of a bundle.

use serde::Serialize;

use crate::{harness::contract::NamedRule, torch_files::Place};

/// The number of findings that are kept for one file; further ones are only counted.
pub const MAX_FINDINGS: usize = 500;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The bundle breaks the contract.
    Error,
    /// The bundle is unusual and does not break the contract.
    Warning,
}

impl Severity {
    /// The severity as it is printed: `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What was found, where, what the contract requires, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// The id of the requirement.
    pub requirement: &'static str,
    /// The archive entry. An entry of a nested archive follows after `!`.
    pub entry: Option<String>,
    /// Bytes from the start of the entry to the refused opcode of a pickle.
    pub offset: Option<u64>,
    /// The value inside a pickle, in Python's subscript notation.
    pub subscript: Option<String>,
    /// What was found.
    pub found: String,
    /// What the contract requires.
    pub expected: String,
    /// What to do.
    pub advice: String,
    /// The name of the broken rule, for tests that do not depend on messages.
    #[serde(skip)]
    pub rule: Option<&'static str>,
}

impl Finding {
    /// An error about this requirement.
    pub fn error(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Severity::Error, requirement, found.into())
    }

    /// A warning about this requirement.
    pub fn warning(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Severity::Warning, requirement, found.into())
    }

    fn new(severity: Severity, requirement: &'static str, found: String) -> Self {
        Self {
            severity,
            requirement,
            entry: None,
            offset: None,
            subscript: None,
            found,
            expected: String::new(),
            advice: String::new(),
            rule: None,
        }
    }

    /// Sets the entry.
    pub fn in_entry(mut self, entry: impl Into<String>) -> Self {
        self.entry = Some(entry.into());
        self
    }

    /// Sets the place from that of an error.
    pub fn at(mut self, place: &Place) -> Self {
        self.entry.clone_from(&place.entry);
        self.offset = place.offset;
        self.subscript.clone_from(&place.subscript);
        self
    }

    /// Sets the rule.
    pub fn rule(mut self, rule: impl NamedRule) -> Self {
        self.rule = Some(rule.name());
        self
    }

    /// Sets what was expected.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Sets what to do.
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

/// The findings of one file, in the order of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The first [`MAX_FINDINGS`] findings.
    pub shown: Vec<Finding>,
    /// The number of errors, including those that were not kept.
    pub errors: usize,
    /// The number of warnings, including those that were not kept.
    pub warnings: usize,
}

impl Findings {
    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.shown.len() < MAX_FINDINGS {
            self.shown.push(finding);
        }
    }

    /// Adds an error before all others: what the file is.
    pub fn push_first(&mut self, error: Finding) {
        self.errors += 1;
        self.shown.insert(0, error);
        self.shown.truncate(MAX_FINDINGS);
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

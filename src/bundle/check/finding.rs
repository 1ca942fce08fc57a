//! One thing about a bundle that a person should know.

use serde::Serialize;

use crate::{harness::contract::NamedRule, torch_files::Place};

/// How many findings of one file are kept; the others are counted.
pub const MAX_FINDINGS: usize = 500;

/// Whether a finding breaks the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, and it is odd.
    Warning,
}

impl Severity {
    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What was found where, what the contract asks for, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it breaks the contract.
    pub severity: Severity,
    /// The requirement that speaks of it.
    pub requirement: &'static str,
    /// The archive entry; an entry of an archive inside an archive follows after `!`.
    pub entry: Option<String>,
    /// Bytes from the start of the entry, where a pickle was refused.
    pub offset: Option<u64>,
    /// The value inside a pickle, as Python would subscript it.
    pub subscript: Option<String>,
    /// What is there.
    pub found: String,
    /// What the contract asks for.
    pub expected: String,
    /// What to do about it.
    pub advice: String,
    /// The name of the rule that is broken: for tests, whatever the texts say.
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

    /// The same, in this entry.
    pub fn in_entry(mut self, entry: impl Into<String>) -> Self {
        self.entry = Some(entry.into());
        self
    }

    /// The same, where a reader says that it is.
    pub fn at(mut self, place: &Place) -> Self {
        self.entry.clone_from(&place.entry);
        self.offset = place.offset;
        self.subscript.clone_from(&place.subscript);
        self
    }

    /// The same, about this rule.
    pub fn rule(mut self, rule: impl NamedRule) -> Self {
        self.rule = Some(rule.name());
        self
    }

    /// The same, with what was expected.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// The same, with what to do.
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

/// The findings of one file, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The first [`MAX_FINDINGS`] of them.
    pub shown: Vec<Finding>,
    /// How many errors there are, shown or not.
    pub errors: usize,
    /// How many warnings there are, shown or not.
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
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

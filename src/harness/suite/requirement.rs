//! Requirements: single sentences of the contract, with stable ids.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A requirement of the contract.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The area of the contract that it belongs to: the name of its file.
    #[serde(skip)]
    pub area: String,
    /// A stable id: `LOD-003`.
    pub id: Spanned<String>,
    /// How binding it is.
    pub level: Level,
    /// The sentence.
    pub statement: String,
    /// Where it comes from.
    pub source: String,
    /// Who decides it.
    pub authority: Authority,
    /// The eras of the contract in which it is stated; all when none is listed.
    #[serde(default)]
    pub eras: Vec<Spanned<String>>,
    /// Why it is no longer in force, if so; such a requirement has no cases.
    #[serde(default)]
    pub superseded: Option<String>,
    /// The test of this project that holds it instead of cases, as `target::test`: the runner itself holds every step
    /// of every case against it.
    #[serde(default)]
    pub held_by: Option<String>,
}

impl Requirement {
    /// Whether it is stated in this era.
    pub fn is_of(&self, era: &str) -> bool {
        self.eras.is_empty() || self.eras.iter().any(|own| own.get_ref() == era)
    }

    /// Whether cases must test it: it is in force, and no test of this project holds it instead.
    pub fn needs_cases(&self) -> bool {
        self.superseded.is_none() && self.held_by.is_none()
    }
}

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Required without exception.
    Must,
    /// Required unless there is a reason against it.
    Should,
    /// Optional.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// Who decides a requirement. Reports on third-party implementations separate `Ours` from the other two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// The public specification.
    Spec,
    /// Both revisions of the real system behave like this.
    Observed,
    /// This suite, where the sources are silent, wrong or contradictory.
    Ours,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spec => "spec",
            Self::Observed => "observed",
            Self::Ours => "ours",
        })
    }
}

/// A file of requirements for one area, which is the name of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequirementFile {
    pub(super) requirements: Vec<Requirement>,
}

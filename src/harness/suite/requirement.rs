//! One sentence of the contract, with an id that stays.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A requirement of the contract.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// A stable id: `LOD-003`.
    pub id: Spanned<String>,
    /// How much it binds.
    pub level: Level,
    /// The sentence.
    pub statement: String,
    /// Where the sentence comes from.
    pub source: String,
    /// Who says so.
    pub authority: Authority,
    /// Why it is no longer in force, when it is not; such a requirement has no case.
    #[serde(default)]
    pub superseded: Option<String>,
}

/// How much a requirement binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Without exception.
    Must,
    /// Unless there is a reason.
    Should,
    /// At will.
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

/// Whose a requirement is. A report on a foreign implementation keeps the first two apart from the third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// The public specification says so.
    Spec,
    /// Both revisions of the real system do so.
    Observed,
    /// Decided here, where the sources are silent, wrong or disagree.
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

/// A file of requirements: one area, which is the file's name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequirementFile {
    pub(super) requirements: Vec<Requirement>,
}

//! Selects the checks of a run.

use std::sync::Arc;

use super::{Check, Suite, case_matcher::CaseMatcher, nearest};

/// Criteria. Values of one kind are alternatives, different kinds must all match, and no criteria select everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids of cases or checks, or globs over them: `loader/*`.
    pub cases: Vec<String>,
    /// Ids of requirements.
    pub requirements: Vec<String>,
    /// Areas.
    pub areas: Vec<String>,
}

/// Why no check is selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingSelected {
    /// The suite has nothing with this name.
    #[error("unknown {what} {asked:?}{}", nearest.as_ref().map(|nearest| format!("; {nearest}")).unwrap_or_default())]
    Unknown {
        /// What was looked for: `case`, `area`, ...
        what: &'static str,
        /// The name or the glob as given.
        asked: String,
        /// A suggestion, if a similar name exists.
        nearest: Option<String>,
    },
    /// The requirement exists, and no case tests it.
    #[error("no case tests the requirement {0}")]
    Untested(String),
    /// Each criterion matches something, and no check matches all of them.
    #[error("no check matches all of {0}")]
    Combination(String),
    /// Nothing was asked for, and the suite is empty.
    #[error("the suite has no cases")]
    EmptySuite,
}

impl Selection {
    /// The selected checks, in the order of the suite.
    ///
    /// # Errors
    /// When a criterion matches nothing, or when no check is left.
    pub fn select(&self, suite: &Suite) -> Result<Vec<Arc<Check>>, NothingSelected> {
        let checks = suite.checks();
        for asked in &self.cases {
            let matcher = CaseMatcher::new(asked);
            if !checks.iter().any(|check| matcher.matches(check)) {
                return Err(unknown("case", asked, checks.iter().map(|check| check.case.id.as_str())));
            }
        }
        for asked in &self.requirements {
            if !checks.iter().any(|check| check.case.requires.contains(asked)) {
                if suite.requirement(asked).is_some() {
                    return Err(NothingSelected::Untested(asked.clone()));
                }
                let known = suite.requirements().iter().map(|requirement| requirement.id.get_ref().as_str());
                return Err(unknown("requirement", asked, known));
            }
        }
        for asked in &self.areas {
            if !checks.iter().any(|check| check.case.area == *asked) {
                return Err(unknown("area", asked, checks.iter().map(|check| check.case.area.as_str())));
            }
        }
        let matchers: Vec<CaseMatcher> = self.cases.iter().map(|asked| CaseMatcher::new(asked)).collect();
        let asked_for = |check: &&Arc<Check>| {
            let case = &check.case;
            (matchers.is_empty() || matchers.iter().any(|matcher| matcher.matches(check)))
                && (self.requirements.is_empty()
                    || self.requirements.iter().any(|id| case.requires.contains(id)))
                && (self.areas.is_empty() || self.areas.contains(&case.area))
        };
        let selected: Vec<_> = checks.iter().filter(asked_for).cloned().collect();
        if selected.is_empty() {
            let asked = [&self.cases[..], &self.requirements, &self.areas].concat();
            return Err(if asked.is_empty() {
                NothingSelected::EmptySuite
            } else {
                NothingSelected::Combination(asked.join(" with "))
            });
        }
        Ok(selected)
    }
}

fn unknown<'a>(what: &'static str, asked: &str, known: impl IntoIterator<Item = &'a str>) -> NothingSelected {
    NothingSelected::Unknown { what, asked: asked.to_owned(), nearest: nearest(asked, known) }
}

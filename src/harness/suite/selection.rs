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

/// A criterion that matches nothing in the suite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct NothingSelected {
    /// What was looked for: `case`, `area`, ...
    pub what: &'static str,
    /// The criterion as given.
    pub asked: String,
    /// A suggestion, if a similar name exists.
    pub nearest: Option<String>,
}

/// What [`NothingSelected`] is about when every criterion matches something, and no check matches all of them.
const COMBINATION: &str = "combination";

impl NothingSelected {
    fn describe(&self) -> String {
        match (&self.nearest, self.asked.as_str()) {
            (_, "") => "the suite has no cases".to_owned(),
            (_, asked) if self.what == COMBINATION => format!("no check matches all of {asked}"),
            (Some(nearest), asked) => format!("unknown {} {asked:?}; {nearest}", self.what),
            (None, asked) => format!("unknown {} {asked:?}", self.what),
        }
    }
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
                return Err(nothing("case", asked, checks.iter().map(|check| check.case.id.as_str())));
            }
        }
        for asked in &self.requirements {
            if !checks.iter().any(|check| check.case.requires.contains(asked)) {
                let known = checks.iter().flat_map(|check| &check.case.requires).map(String::as_str);
                return Err(nothing("case for requirement", asked, known));
            }
        }
        for asked in &self.areas {
            if !checks.iter().any(|check| check.case.area == *asked) {
                return Err(nothing("area", asked, checks.iter().map(|check| check.case.area.as_str())));
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
            let asked = [&self.cases[..], &self.requirements, &self.areas].concat().join(" with ");
            return Err(NothingSelected { what: COMBINATION, asked, nearest: None });
        }
        Ok(selected)
    }
}

fn nothing<'a>(what: &'static str, asked: &str, known: impl IntoIterator<Item = &'a str>) -> NothingSelected {
    NothingSelected { what, asked: asked.to_owned(), nearest: nearest(asked, known) }
}

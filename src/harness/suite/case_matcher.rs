//! Which checks an id or a glob selects.

use globset::{Glob, GlobMatcher};

use super::Check;

/// An id or a glob. The id is compared first, because `[example]` in a glob is a set of characters.
pub(super) struct CaseMatcher<'a> {
    asked: &'a str,
    glob: Option<GlobMatcher>,
}

impl<'a> CaseMatcher<'a> {
    pub(super) fn new(asked: &'a str) -> Self {
        Self { asked, glob: Glob::new(asked).ok().map(|glob| glob.compile_matcher()) }
    }

    pub(super) fn matches(&self, check: &Check) -> bool {
        let is = |id: &str| id == self.asked || self.glob.as_ref().is_some_and(|glob| glob.is_match(id));
        is(&check.id) || is(&check.case.id)
    }
}

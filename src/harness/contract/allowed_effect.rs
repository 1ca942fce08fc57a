//! Effects that an implementation may have although the contract excludes them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

/// A violation that does not count: `[[allowed]]` in the file of an implementation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, try_from = "AllowedTable")]
pub struct AllowedEffect {
    /// The operation and the effect: `save_torch_bundle.files`.
    pub effect: String,
    /// The files that may change, as globs; the whole effect is allowed if there are none.
    paths: Vec<GlobMatcher>,
    /// Why, in one sentence.
    pub reason: String,
    /// Whether a violation was allowed by it.
    used: Arc<AtomicBool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowedTable {
    effect: String,
    #[serde(default)]
    paths: Vec<String>,
    reason: String,
}

impl TryFrom<AllowedTable> for AllowedEffect {
    type Error = String;

    fn try_from(table: AllowedTable) -> Result<Self, String> {
        let AllowedTable { effect, paths, reason } = table;
        if reason.trim().is_empty() {
            return Err(format!("missing reason: state why {effect} is allowed"));
        }
        // A path of one name is a file in any directory, as in a .gitignore.
        let glob = |path: &String| {
            let path = if path.contains('/') { path.clone() } else { format!("**/{path}") };
            let glob = GlobBuilder::new(&path).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("invalid path {path}: {error}"))
        };
        let paths = paths.iter().map(glob).collect::<Result<_, _>>()?;
        Ok(Self { effect, paths, reason, used: Arc::default() })
    }
}

impl AllowedEffect {
    /// Whether a violation of this effect is allowed as a whole.
    pub fn allows(&self, effect: &str) -> bool {
        self.effect == effect && self.paths.is_empty() && self.use_it()
    }

    /// Whether a change of this file is allowed.
    pub fn allows_file(&self, effect: &str, path: &str) -> bool {
        let is_listed = || self.paths.is_empty() || self.paths.iter().any(|glob| glob.is_match(path));
        self.effect == effect && is_listed() && self.use_it()
    }

    /// Whether a violation was allowed by it so far.
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    fn use_it(&self) -> bool {
        self.used.store(true, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn allowed(paths: &str) -> AllowedEffect {
        toml::from_str(&format!("effect = \"save.files\"\npaths = {paths}\nreason = \"a lock\"")).unwrap()
    }

    #[rstest]
    #[case::name_anywhere(r#"["*.lock"]"#, "out/wts.lock", true)]
    #[case::name_at_the_top(r#"["*.lock"]"#, "wts.lock", true)]
    #[case::other_name(r#"["*.lock"]"#, "wts.locks", false)]
    #[case::path(r#"["out/*.lock"]"#, "out/wts.lock", true)]
    #[case::one_directory_only(r#"["out/*.lock"]"#, "out/in/wts.lock", false)]
    #[case::every_path("[]", "out/wts.lock", true)]
    fn a_file_is_allowed_by_its_path(#[case] paths: &str, #[case] path: &str, #[case] is: bool) {
        let allowed = allowed(paths);
        assert!(!allowed.allows_file("load.files", path) && !allowed.is_used());
        assert_eq!((allowed.allows_file("save.files", path), allowed.is_used()), (is, is));
    }

    #[test]
    fn an_effect_is_allowed_as_a_whole_only_without_paths() {
        assert!(!allowed(r#"["a"]"#).allows("save.files"));
        assert!(allowed("[]").allows("save.files"));
    }

    #[rstest]
    #[case::blank_reason("effect = \"a.b\"\nreason = \" \"", "missing reason")]
    #[case::no_reason("effect = \"a.b\"", "missing field `reason`")]
    #[case::odd_glob("effect = \"a.b\"\nreason = \"r\"\npaths = [\"a[\"]", "invalid path")]
    #[case::unknown_field("effect = \"a.b\"\nreason = \"r\"\npath = []", "unknown field `path`")]
    fn an_invalid_entry_is_refused(#[case] text: &str, #[case] says: &str) {
        let error = toml::from_str::<AllowedEffect>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

//! The environment of a case, as far as it is not that of every case.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::work_path;

/// Variables, the current directory, and modules that cannot be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EnvironmentTable")]
pub struct CaseEnvironment {
    /// Environment variables in addition to those of every case, such as `TZ` and `LC_ALL`.
    pub variables: BTreeMap<String, String>,
    /// The directory in which the implementation works: `$work/...`. Paths of requests are then absolute.
    pub directory: Option<String>,
    /// Modules that cannot be imported, such as `torch`.
    pub without: Vec<String>,
}

/// As a case file spells it: the name of a variable is in capitals, so that a mistyped word is not one.
#[derive(Debug, Deserialize)]
struct EnvironmentTable {
    directory: Option<String>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(flatten)]
    variables: BTreeMap<String, String>,
}

impl CaseEnvironment {
    /// Whether a process has to be started for it.
    pub fn is_of_a_process(&self) -> bool {
        !(self.variables.is_empty() && self.without.is_empty())
    }
}

impl TryFrom<EnvironmentTable> for CaseEnvironment {
    type Error = String;

    fn try_from(table: EnvironmentTable) -> Result<Self, String> {
        let EnvironmentTable { directory, without, variables } = table;
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        if let Some(word) = variables.keys().find(|name| !is_name(name)) {
            let expected = "`directory`, `without` or the name of a variable in capitals";
            return Err(format!("unknown word {word:?} in an environment; expected {expected}"));
        }
        if let Some(word) = without.iter().find(|name| name.is_empty() || name.contains(',')) {
            return Err(format!("expected the name of a module after `without`, found {word:?}"));
        }
        if let Some(directory) = &directory {
            work_path(directory)?;
        }
        Ok(Self { variables, directory, without })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<CaseEnvironment, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_environment_has_variables_in_capitals_a_directory_and_modules() {
        let all = read("TZ = \"Asia/Tokyo\"\nLC_ALL = \"C\"\ndirectory = \"$work/a\"\nwithout = [\"torch\"]")
            .unwrap();
        assert_eq!(all.variables.keys().collect::<Vec<_>>(), ["LC_ALL", "TZ"]);
        assert_eq!(
            (all.directory.as_deref(), all.without.as_slice()),
            (Some("$work/a"), &["torch".to_owned()][..])
        );
        assert!(all.is_of_a_process() && !read("directory = \"$work/a\"").unwrap().is_of_a_process());
        for (text, message) in [
            ("umask = \"077\"", "unknown word \"umask\" in an environment; expected `directory`"),
            ("directory = \"/etc\"", "$work"),
            ("without = [\"\"]", "expected the name of a module"),
        ] {
            assert!(read(text).unwrap_err().contains(message), "{text}: {:?}", read(text));
        }
    }
}

//! The environment of a case, as far as it is not that of every case.

use std::{collections::BTreeMap, num::NonZeroU32};

use serde::Deserialize;

use super::work_path;

/// Variables, the current directory, modules that cannot be imported, and a limit to the length of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EnvironmentTable")]
pub struct CaseEnvironment {
    /// Environment variables in addition to those of every case, such as `TZ` and `LC_ALL`.
    pub variables: BTreeMap<String, String>,
    /// The directory in which the implementation works: `$work/...`. Paths of requests are then absolute.
    pub directory: Option<String>,
    /// Modules that cannot be imported, such as `torch`.
    pub without: Vec<String>,
    /// The length of the longest file that can be written, in bytes: a longer one fails at that byte, as on a full disk.
    pub max_file_bytes: Option<NonZeroU32>,
}

/// As a case file spells it: the name of a variable is in capitals, so that a mistyped word is not one.
#[derive(Debug, Deserialize)]
struct EnvironmentTable {
    directory: Option<String>,
    #[serde(default)]
    without: Vec<String>,
    max_file_bytes: Option<NonZeroU32>,
    #[serde(flatten)]
    variables: BTreeMap<String, String>,
}

impl TryFrom<EnvironmentTable> for CaseEnvironment {
    type Error = String;

    fn try_from(table: EnvironmentTable) -> Result<Self, String> {
        let EnvironmentTable { directory, without, max_file_bytes, variables } = table;
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        if let Some(word) = variables.keys().find(|name| !is_name(name)) {
            let expected = "`directory`, `without`, `max_file_bytes` or the name of a variable in capitals";
            return Err(format!("unknown word {word:?} in an environment; expected {expected}"));
        }
        if let Some(word) = without.iter().find(|name| name.is_empty() || name.contains(',')) {
            return Err(format!("expected the name of a module after `without`, found {word:?}"));
        }
        if let Some(directory) = &directory {
            work_path(directory)?;
        }
        Ok(Self { variables, directory, without, max_file_bytes })
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
        let limited = read("max_file_bytes = 4096").unwrap();
        assert_eq!((limited.max_file_bytes.map(NonZeroU32::get), all.max_file_bytes), (Some(4096), None));
        for (text, message) in [
            ("umask = \"077\"", "unknown word \"umask\" in an environment; expected `directory`"),
            ("directory = \"/etc\"", "$work"),
            ("without = [\"\"]", "expected the name of a module"),
            ("max_file_bytes = 0", "expected a nonzero u32"),
            ("max_file_bytes = \"4 KiB\"", "expected a nonzero u32"),
        ] {
            assert!(read(text).unwrap_err().contains(message), "{text}: {:?}", read(text));
        }
    }
}

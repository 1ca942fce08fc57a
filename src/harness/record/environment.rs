//! The environment of a run: `environment.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::harness::contract::Details;

/// Where and with what a run was made. The digest of the suite and the variables of the cases are in `results.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The kind of machine.
    pub platform: Platform,
    /// The program that ran the suite.
    pub binary: Binary,
    /// The version of each implementation, by name.
    pub implementations: BTreeMap<String, String>,
    /// What implementations state about themselves besides their versions, by name; absent for those that state nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Details>,
    /// The variables of the calling process that may be published, with their values; no others.
    pub variables: BTreeMap<String, String>,
}

/// The kind of machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// As Rust names it: `linux`.
    pub os: String,
    /// As Rust names it: `x86_64`.
    pub arch: String,
}

/// The program that ran the suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// Its version.
    pub version: String,
    /// The SHA-256 of its file in hexadecimal.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    const DETAILS: &str =
        r#""details":{"reference":{"versions":{"torch":"2.13.0"},"notes":["reads the dataset"]}},"#;

    #[test]
    fn an_environment_reads_back_and_holds_nothing_unknown() {
        let text = serde_json::to_string(&test_helpers::environment()).unwrap();
        assert_eq!(serde_json::from_str::<Environment>(&text).unwrap(), test_helpers::environment());
        // Reports of earlier programs have no details.
        let without: Environment = serde_json::from_str(&text.replace(DETAILS, "")).unwrap();
        assert_eq!(without, Environment { details: BTreeMap::new(), ..test_helpers::environment() });
        let more = text.replacen('{', r#"{"user":"someone","#, 1);
        assert!(serde_json::from_str::<Environment>(&more).is_err());
    }
}

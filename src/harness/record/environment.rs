//! The environment of a run: `environment.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The machine and the program that made a run. What decides the results is in `results.json`: the suite, the
/// implementations and the variables of the cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The kind of machine.
    pub platform: Platform,
    /// The program that ran the suite.
    pub binary: Binary,
    /// The variables of the calling process that may be published, with their values; no others.
    pub variables: BTreeMap<String, String>,
}

/// The kind of machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// As Rust names it: `linux`.
    pub os: String,
    /// As Rust names it: `x86_64`.
    pub arch: String,
}

/// The program that ran the suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// Its version.
    pub version: String,
    /// The SHA-256 of its file in hexadecimal; None if the file could not be read.
    pub sha256: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn an_environment_reads_back_and_holds_nothing_unknown() {
        let text = serde_json::to_string(&test_helpers::environment()).unwrap();
        assert_eq!(serde_json::from_str::<Environment>(&text).unwrap(), test_helpers::environment());
        let more = text.replacen('{', r#"{"user":"someone","#, 1);
        assert!(serde_json::from_str::<Environment>(&more).is_err());
    }
}

//! What a report records about each implementation that it ran checks on.

use serde::{Deserialize, Serialize};

use crate::harness::contract::Details;

/// An implementation, as recorded in a report. Results of equal records of equal programs can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImplementationRecord {
    /// Its version; that of this program for a built-in one.
    pub version: String,
    /// What an adapter states about itself besides its version.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    /// The files that it was started from: the implementation file, then the program and the files named in its
    /// arguments. Empty for a built-in implementation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileDigest>,
}

/// A file with its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name without directories, which differ from machine to machine.
    pub name: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

//! What is known in a check besides the two sides of a difference.

use std::path::PathBuf;

use crate::value::Value;

/// What a contract may use to explain a difference.
#[derive(Clone, Debug, Default)]
pub struct KnownFacts<'a> {
    /// The responses of the check so far, by the names that its case uses; without those that are compared.
    pub responses: Vec<(&'a str, &'a Value)>,
    /// The files of the check, each with its name for people: `$work/out/wts.h5.zip`.
    pub files: Vec<(String, PathBuf)>,
    /// The file whose contents are compared, if they are.
    pub compared_file: Option<PathBuf>,
}

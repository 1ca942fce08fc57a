//! Expectations about files in the directory of the case.

use serde::Deserialize;

use super::facts::{Mismatch, StepFacts};
use crate::value::{Value, differences};

/// The expected files of a directory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesUnder {
    /// The directory: `$work/...`.
    pub under: String,
    /// Relative paths with `/`, in any order.
    pub are: Vec<String>,
    /// Only files with this name count; all files if absent.
    #[serde(default)]
    pub named: Option<String>,
}

/// A file exists at this path.
pub(super) fn exists(facts: &dyn StepFacts, path: &str) -> Result<(), Mismatch> {
    match digest(facts, path)? {
        Some(_) => Ok(()),
        None => Err(Mismatch::new(format!("a file at {path}"), format!("no file{}", after(facts)))),
    }
}

/// No file exists at this path.
pub(super) fn absent(facts: &dyn StepFacts, path: &str) -> Result<(), Mismatch> {
    match digest(facts, path)? {
        None => Ok(()),
        Some(digest) => {
            Err(Mismatch::new(format!("no file at {path}"), format!("a file with SHA-256 {digest}")))
        }
    }
}

/// Both files contain the same bytes.
pub(super) fn same_bytes(facts: &dyn StepFacts, actual: &str, expected: &str) -> Result<(), Mismatch> {
    let (found, wanted) = (digest(facts, actual)?, digest(facts, expected)?);
    if found.is_some() && found == wanted {
        return Ok(());
    }
    let shown =
        |digest: Option<String>| digest.map_or("no file".to_owned(), |digest| format!("SHA-256 {digest}"));
    let expected = format!("the bytes of {expected}: {}", shown(wanted));
    Err(Mismatch::new(expected, format!("{actual}: {}", shown(found))))
}

/// Both archives contain the same entries.
pub(super) fn same_entries(facts: &dyn StepFacts, actual: &str, expected: &str) -> Result<(), Mismatch> {
    let read = |path: &str| {
        let entries = facts.entries(path).map(Value::Map);
        entries.map_err(|why| Mismatch::new(format!("the entries of {path}"), why))
    };
    Mismatch::if_any(differences(&read(expected)?, &read(actual)?))
}

impl FilesUnder {
    pub(super) fn judge(&self, facts: &dyn StepFacts) -> Result<(), Mismatch> {
        let Self { under, are, named } = self;
        let mut found =
            facts.files(under).map_err(|why| Mismatch::new(format!("files under {under}"), why))?;
        let counts = |path: &String| match named {
            Some(named) => path.rsplit('/').next() == Some(named),
            None => true,
        };
        found.retain(counts);
        let mut wanted = are.clone();
        wanted.sort();
        if found == wanted {
            return Ok(());
        }
        let shown =
            |files: &[String]| if files.is_empty() { "no files".to_owned() } else { files.join(", ") };
        let actual = format!("{}{}", shown(&found), after(facts));
        Err(Mismatch::new(format!("under {under}: {}", shown(&wanted)), actual))
    }
}

fn digest(facts: &dyn StepFacts, path: &str) -> Result<Option<String>, Mismatch> {
    facts.file(path).map_err(|why| Mismatch::new(format!("{path} to be readable"), why))
}

/// Appends the refusal of the step to a message, because it explains what is missing.
fn after(facts: &dyn StepFacts) -> String {
    facts.refusal().map_or_else(String::new, |refusal| format!(", after {refusal}"))
}

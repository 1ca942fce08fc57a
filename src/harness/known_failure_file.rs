//! A file of known failures: the `[[known]]` tables of an implementation's file, by themselves.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use serde::Deserialize;

use super::{KnownFailure, known_failures::check_all};
use crate::fs_util::regular;

/// The largest file of known failures, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFailureFile {
    #[serde(default)]
    known: Vec<KnownFailure>,
}

/// Reads a file of known failures.
///
/// # Errors
/// When it cannot be read, is too long, or has anything but valid `[[known]]` tables; the message names the file.
pub fn read_known_failures(path: &Path) -> Result<Vec<KnownFailure>, String> {
    let named = |what: String| format!("{}: {what}", path.display());
    let text = text(path).map_err(|error| named(error.to_string()))?;
    let mut file: KnownFailureFile = toml::from_str(&text).map_err(|error| named(error.to_string()))?;
    check_all(&mut file.known, &path.display().to_string(), &text).map_err(named)?;
    Ok(file.known)
}

/// Reads no more than the limit, whatever length the file claims.
fn text(path: &Path) -> io::Result<String> {
    regular(path)?;
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        let message = format!("expected at most {MAX_FILE_BYTES} bytes of known failures");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use rstest::rstest;

    use super::*;

    const ENTRY: &str =
        "[[known]]\ncase = \"a/b\"\nreason = \"r\"\nwhy = \"w\"\nowner = \"o\"\nexpires = \"2027-01-31\"\n";

    fn read(text: &[u8]) -> Result<Vec<KnownFailure>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.toml");
        fs::write(&path, text).unwrap();
        read_known_failures(&path)
    }

    #[test]
    fn every_table_is_an_entry() {
        let entries = read(format!("{ENTRY}# Another.\n{ENTRY}").as_bytes()).unwrap();
        let places: Vec<&str> = entries.iter().filter_map(|entry| entry.place.as_deref()).collect();
        assert!(places[0].ends_with("known.toml:1") && places[1].ends_with("known.toml:8"), "{places:?}");
        assert_eq!(read(b"").unwrap(), []);
    }

    #[rstest]
    #[case::misspelled(b"[[knwon]]\n".to_vec(), "unknown field `knwon`, expected `known`")]
    #[case::an_invalid_entry(
        ENTRY.replace("\"w\"", "\"\"").into_bytes(),
        "known.toml: missing `why` in the known failure"
    )]
    #[case::a_place(format!("{ENTRY}place = \"x:1\"\n").into_bytes(), "known.toml: unknown field `place`")]
    #[case::not_text(b"\xff".to_vec(), "known.toml: stream did not contain valid UTF-8")]
    #[case::too_long(vec![b'\n'; 1 + (1 << 20)], "known.toml: expected at most 1048576 bytes")]
    fn anything_else_is_refused(#[case] text: Vec<u8>, #[case] says: &str) {
        let error = read(&text).unwrap_err();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_known_failures(Path::new("nowhere/known.toml")).unwrap_err();
        assert!(error.starts_with("nowhere/known.toml: "), "{error}");
    }
}

//! Entry names that some readers treat as the same name.

use std::{
    collections::HashMap,
    io::{Read, Seek},
};

use super::Archive;
use crate::torch_files::{FormatError, FormatErrorKind as Kind, error::excerpt};

/// The pairs of names that differ only in case: some file systems extract both into one file.
pub(crate) fn case_twins<R: Read + Seek>(archive: &Archive<R>) -> impl Iterator<Item = (&str, &str)> {
    let mut seen = HashMap::new();
    let names = archive.names().chain(archive.directories());
    names.filter_map(move |name| Some((seen.insert(name.to_lowercase(), name)?, name)))
}

/// Refuses such names: torch ignores case when it looks entries up.
///
/// # Errors
/// `unsafe` with both names.
pub(crate) fn refuse_case_twins<R: Read + Seek>(archive: &Archive<R>) -> Result<(), FormatError> {
    let refused = |(twin, name): (&str, &str)| Kind::CaseTwin(excerpt(twin)).in_entry(name);
    case_twins(archive).next().map_or(Ok(()), |twins| Err(refused(twins)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    /// The check's result for an archive of these names; names that end with a slash are directories.
    fn refused(names: &[&str]) -> Result<(), FormatError> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            if name.ends_with('/') {
                zip.add_directory(*name, SimpleFileOptions::default()).unwrap();
            } else {
                zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            }
        }
        refuse_case_twins(&Archive::new(zip.finish().unwrap()).unwrap())
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused_for_files_and_directories() {
        assert_eq!(refused(&["a/", "a/b", "a/c", "ab"]), Ok(()));
        for [one, other] in [["a/data.pkl", "a/DATA.PKL"], ["d/", "D/"], ["\u{e4}", "\u{c4}"]] {
            let error = refused(&[one, "b", other]).unwrap_err();
            assert_eq!(error, Kind::CaseTwin(one.into()).in_entry(other));
        }
    }
}

//! The files of a report that are not rendered from its run, such as those of failed checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{IoError, Report, sums::sha256_of_file};
use crate::harness::{
    record::{CHAIN, ENVIRONMENT, INVENTORY},
    report::{RenderError, files},
};

/// Why the attachments of reports cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// Two reports have different files of one name.
    #[error("{name} differs between {} and {}", first.display(), second.display())]
    Conflict {
        /// The file.
        name: String,
        /// A report that has it.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
    },
    /// A file has changed since the report was verified.
    #[error("{name} of {} has changed while it was copied", report.display())]
    Altered {
        /// The file.
        name: String,
        /// The report.
        report: PathBuf,
    },
    /// A file operation failed.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// A report cannot be rendered again.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// Copies the attachments of verified reports, each with its directory, to the hidden directory of another report.
///
/// # Errors
/// When two reports have different files of one name, or a file operation fails.
pub fn copy_attachments(reports: &[(&Path, &Report)], to: &Path) -> Result<(), AttachmentError> {
    let mut copied: BTreeMap<&str, (&Path, &str)> = BTreeMap::new();
    for (directory, report) in reports {
        let rendered = files(&report.run, None)?;
        let rendered: BTreeSet<&str> =
            rendered.keys().map(String::as_str).chain([CHAIN, ENVIRONMENT, INVENTORY]).collect();
        for (name, digest) in report.files.iter().filter(|(name, _)| !rendered.contains(name.as_str())) {
            match copied.insert(name, (directory, digest)) {
                None => copy(name, digest, directory, to)?,
                Some((_, known)) if known == digest => {}
                Some((first, _)) => {
                    let (first, second) = (first.to_owned(), directory.to_path_buf());
                    return Err(AttachmentError::Conflict { name: name.clone(), first, second });
                }
            }
        }
    }
    Ok(())
}

fn copy(name: &str, digest: &str, from: &Path, to: &Path) -> Result<(), AttachmentError> {
    let (source, target) = (from.join(name), to.join(name));
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(IoError::when("make", folder))?;
    }
    fs::copy(&source, &target).map_err(IoError::when("copy", &source))?;
    if sha256_of_file(&target)? != digest {
        return Err(AttachmentError::Altered { name: name.to_owned(), report: from.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{
        record::RunRecord,
        store::{ReportWriter, read_report},
        test_helpers,
    };

    /// A report with these attachments.
    fn with(reports: &Path, second: u32, attachments: &[(&str, &str)]) -> PathBuf {
        let stamp = test_helpers::stamp(&format!("2025-10-17T1128{second:02}Z"));
        let run = RunRecord { stamp, ..test_helpers::run() };
        let mut writer = ReportWriter::create(reports, stamp).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        for (name, text) in attachments {
            fs::create_dir_all(writer.path().join(name).parent().unwrap()).unwrap();
            fs::write(writer.path().join(name), text).unwrap();
        }
        writer.publish(&run, &test_helpers::environment(), test_helpers::times(stamp)).unwrap()
    }

    fn copied(reports: &[PathBuf], to: &Path) -> Result<(), AttachmentError> {
        let read: Vec<Report> = reports.iter().map(|path| read_report(path).unwrap()).collect();
        let parts: Vec<(&Path, &Report)> = reports.iter().map(PathBuf::as_path).zip(&read).collect();
        copy_attachments(&parts, to)
    }

    #[test]
    fn only_files_that_are_not_rendered_are_copied() {
        let (root, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let reports = [
            with(root.path(), 1, &[("failed/a/wts.h5.zip", "x"), ("notes.txt", "the same")]),
            with(root.path(), 2, &[("failed/b/wts.h5.zip", "y"), ("notes.txt", "the same")]),
        ];
        copied(&reports, to.path()).unwrap();
        let mut names = crate::fs_util::files_below(to.path()).unwrap();
        names.sort();
        assert_eq!(names, ["failed/a/wts.h5.zip", "failed/b/wts.h5.zip", "notes.txt"]);
        assert_eq!(fs::read(to.path().join("failed/b/wts.h5.zip")).unwrap(), b"y");
    }

    #[test]
    fn different_files_of_one_name_are_not_merged() {
        let (root, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let reports = [with(root.path(), 1, &[("a", "x")]), with(root.path(), 2, &[("a", "y")])];
        let error = copied(&reports, to.path()).unwrap_err().to_string();
        assert!(error.starts_with("a differs between ") && error.ends_with("2025-10-17T112802Z"), "{error}");
    }

    #[test]
    fn a_file_that_changes_after_verification_is_named() {
        let (root, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = with(root.path(), 1, &[("a", "x")]);
        let report = read_report(&path).unwrap();
        fs::write(path.join("a"), "y").unwrap();
        let error = copy_attachments(&[(&path, &report)], to.path()).unwrap_err().to_string();
        assert!(error.starts_with("a of ") && error.ends_with("has changed while it was copied"), "{error}");
    }
}

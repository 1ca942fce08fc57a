//! The files of a report that are not rendered from its run, such as those of failed checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    IoError, MAX_RESULTS_BYTES, Report, ReportError, ReportWriter,
    sums::{read_bounded, sha256},
};
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
    /// The other report cannot be written.
    #[error(transparent)]
    Unwritten(#[from] ReportError),
    /// A report cannot be rendered again.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// Copies the attachments of verified reports, each with its directory, to another report.
///
/// # Errors
/// When two reports have different files of one name, or a file operation fails.
pub fn copy_attachments(reports: &[(&Path, &Report)], to: &mut ReportWriter) -> Result<(), AttachmentError> {
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

fn copy(name: &str, digest: &str, from: &Path, to: &mut ReportWriter) -> Result<(), AttachmentError> {
    let bytes = read_bounded(&from.join(name), MAX_RESULTS_BYTES)?;
    if sha256(&bytes) != digest {
        return Err(AttachmentError::Altered { name: name.to_owned(), report: from.to_owned() });
    }
    Ok(to.add(name, &bytes)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

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
            writer.add(name, text.as_bytes()).unwrap();
        }
        writer.publish(&run, &test_helpers::environment(), test_helpers::times(stamp)).unwrap().report
    }

    /// A report that nothing is in but its inventory.
    fn begun(reports: &Path) -> ReportWriter {
        let run = test_helpers::run();
        let mut writer = ReportWriter::create(reports, run.stamp).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        writer
    }

    fn copied(reports: &[PathBuf], to: &Path) -> Result<(), AttachmentError> {
        let read: Vec<Report> = reports.iter().map(|path| read_report(path).unwrap()).collect();
        let parts: Vec<(&Path, &Report)> = reports.iter().map(PathBuf::as_path).zip(&read).collect();
        copy_attachments(&parts, &mut begun(to))
    }

    #[test]
    fn only_files_that_are_not_rendered_are_copied() {
        let (root, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let reports = [
            with(root.path(), 1, &[("failed/a/wts.h5.zip", "x"), ("notes.txt", "the same")]),
            with(root.path(), 2, &[("failed/b/wts.h5.zip", "y"), ("notes.txt", "the same")]),
        ];
        copied(&reports, to.path()).unwrap();
        // The other report ended like that of an interrupted run, with its inventory.
        let aside = to.path().join(format!(".{}.interrupted", test_helpers::run().stamp));
        let mut names = crate::fs_util::files_below(&aside).unwrap();
        names.sort();
        assert_eq!(names, ["failed/a/wts.h5.zip", "failed/b/wts.h5.zip", INVENTORY, "notes.txt"]);
        assert_eq!(fs::read(aside.join("failed/b/wts.h5.zip")).unwrap(), b"y");
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
        let error = copy_attachments(&[(&path, &report)], &mut begun(to.path())).unwrap_err().to_string();
        assert!(error.starts_with("a of ") && error.ends_with("has changed while it was copied"), "{error}");
    }
}

//! The renderings of a published report, made again from its own results.

use std::{collections::BTreeMap, path::Path};

use super::{IntegrityError, Report, read_report, report_files::ReportFiles, sums::sha256};
use crate::harness::{
    record::MATRIX_JSON,
    report::{RenderError, files},
};

/// A verified report with fresh renderings of its results.
#[derive(Debug)]
pub struct Rendering {
    /// The report.
    pub report: Report,
    /// What this program renders from its results, by file name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why a report cannot be rendered again.
#[derive(Debug, thiserror::Error)]
pub enum RenderingError {
    /// It is corrupt.
    #[error(transparent)]
    Corrupt(#[from] IntegrityError),
    /// A file cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Rendering {
    /// Verifies a report, and renders its results again.
    ///
    /// # Errors
    /// When the report is corrupt, or a file cannot be rendered.
    pub fn of(path: &Path) -> Result<Self, RenderingError> {
        let report = read_report(path)?;
        let matrix = if report.files.contains_key(MATRIX_JSON) {
            Some(ReportFiles::open(path, report.stamp())?.matrix()?)
        } else {
            None
        };
        let files = files(&report.run, matrix.as_ref())?;
        Ok(Self { report, files })
    }

    /// The files of the report that differ from their fresh renderings, or are missing.
    pub fn differing(&self) -> Vec<&str> {
        let differs = |(name, bytes): &(&String, &Vec<u8>)| {
            self.report.files.get(*name).is_none_or(|listed| *listed != sha256(bytes))
        };
        self.files.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, path::PathBuf};

    use super::*;
    use crate::harness::{
        record::RunTimes,
        store::{ReportWriter, write_sums},
        test_helpers,
    };

    fn publish(reports: &Path) -> PathBuf {
        let run = test_helpers::run();
        let mut writer = ReportWriter::create(reports, run.stamp).unwrap();
        writer.write_inventory(test_helpers::inventory(&run)).unwrap();
        let times = RunTimes { started: run.stamp.rfc3339(), ended: run.stamp.rfc3339(), stamp_given: true };
        writer.publish(&run, &test_helpers::environment(), times).unwrap().report
    }

    #[test]
    fn a_report_equals_its_fresh_rendering() {
        let reports = tempfile::tempdir().unwrap();
        let rendering = Rendering::of(&publish(reports.path())).unwrap();
        assert_eq!(rendering.differing(), [""; 0]);
        assert!(rendering.files.contains_key("report.html"));
    }

    #[test]
    fn a_rendering_that_was_edited_with_its_digest_is_found() {
        let reports = tempfile::tempdir().unwrap();
        let report = publish(reports.path());
        fs::write(report.join("summary.md"), "All is well.\n").unwrap();
        let mut sums = Rendering::of(&publish(tempfile::tempdir().unwrap().path())).unwrap().report.files;
        sums.insert("summary.md".into(), sha256(b"All is well.\n"));
        fs::write(report.join("SHA256SUMS"), write_sums(&sums)).unwrap();
        // The chain is written anew with every report, and is the same here.
        let rendering = Rendering::of(&report).unwrap();
        assert_eq!(rendering.differing(), ["summary.md"]);
    }
}

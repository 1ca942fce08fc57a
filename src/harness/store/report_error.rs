//! Why a report was not written.

use std::path::PathBuf;

use super::{IoError, place::NoPlace, reader::parent};
use crate::harness::{
    record::{INVENTORY, RunTimestamp},
    report::RenderError,
};

/// Why no report was published.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A report with this timestamp exists.
    #[error("report {} already exists; rerun to get a new timestamp", .0.display())]
    Taken(PathBuf),
    /// Something else has the name of the report.
    #[error("{} is not a report: move it away, or rerun to get a new timestamp", .0.display())]
    NotAReport(PathBuf),
    /// The directory for reports is a report.
    #[error(
        "{} is a report, and nothing may be added to it; name the directory that it is in: {}",
        .0.display(),
        parent(.0).display()
    )]
    InReport(PathBuf),
    /// The hidden directory of a run with this timestamp exists.
    #[error(
        "{} is in use by another run, or was left behind by one that was killed; `bundleproof audit --clean` \
         removes it if no run is active and it has no outcomes",
        .0.display()
    )]
    UnderWay(PathBuf),
    /// Reports have all timestamps that a run may take.
    #[error(
        "the reports in {} have all timestamps of the next {seconds} seconds; wait, or write to another directory",
        reports.display()
    )]
    NoFreeStamp {
        /// The directory of the reports.
        reports: PathBuf,
        /// How far ahead a timestamp may be.
        seconds: u32,
    },
    /// Timestamps that a run may take are the names of what is not a report; all others are taken as well.
    #[error(
        "the timestamps of the next {seconds} seconds are taken, {count} of them by what is not a report, such as {}: \
         `bundleproof audit --clean` removes what killed runs left; move away the rest, or write to another directory",
        first.display()
    )]
    StampsInTheWay {
        /// The first of them.
        first: PathBuf,
        /// The number of them.
        count: usize,
        /// How far ahead a timestamp may be.
        seconds: u32,
    },
    /// The run and the directory have different timestamps.
    #[error("run {found} does not belong to report {stamp}")]
    OtherStamp {
        /// The timestamp of the report.
        stamp: RunTimestamp,
        /// The timestamp of the run.
        found: RunTimestamp,
    },
    /// The planned checks were not written.
    #[error("report {0} has no {INVENTORY}; write it before the first check runs")]
    NoInventory(RunTimestamp),
    /// Planned checks have no outcome.
    #[error(
        "report {stamp} is incomplete: {missing} planned {} no outcome, the first is {check} on {implementation}",
        if *missing == 1 { "check has" } else { "checks have" }
    )]
    Lost {
        /// The timestamp of the report.
        stamp: RunTimestamp,
        /// The first check without an outcome.
        check: String,
        /// Its implementation.
        implementation: String,
        /// The number of checks without an outcome.
        missing: usize,
    },
    /// A file would be longer than what is read of it.
    #[error("{name} would have {bytes} bytes, and at most {limit} are read")]
    TooLong {
        /// The file.
        name: String,
        /// Its length in bytes.
        bytes: u64,
        /// The highest length in bytes.
        limit: u64,
    },
    /// The directory of reports was removed while the run lasted, and something else has its name.
    #[error(
        "{} is not the directory that it was when the run began, and is left as it is: an implementation or another \
         program has replaced it",
        .0.display()
    )]
    StoreReplaced(PathBuf),
    /// A file operation failed.
    #[error(transparent)]
    Disk(#[from] IoError),
    /// A file could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// All numbers of the store or of the plan are used up: by a planted report, because they do not run out otherwise.
    #[error("{0}")]
    NoNumber(String),
}

/// Why a finished run was not published, and what is left of it.
#[derive(Debug, thiserror::Error)]
#[error("{why}{}", self.rest())]
pub struct PublishError {
    /// Why it was not published.
    pub why: ReportError,
    /// The directory with everything that was rendered; None if even that could not be renamed.
    pub kept: Option<PathBuf>,
}

impl PublishError {
    fn rest(&self) -> String {
        self.kept
            .as_ref()
            .map(|kept| format!("; its files are kept in {}", kept.display()))
            .unwrap_or_default()
    }
}

impl From<NoPlace> for ReportError {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::Disk(error) => Self::Disk(error),
            NoPlace::Full(_) => Self::NoNumber(why.to_string()),
        }
    }
}

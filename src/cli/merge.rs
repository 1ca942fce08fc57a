//! `bundleproof merge`.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::{
    Exit,
    console::Console,
    github::GitHub,
    report_argument, run_exit,
    run_session::{directory, exit_of, no_report, note_published},
    summary,
};
use crate::harness::{
    record::{Merged, PartReport, RunRecord, RunTimes, RunTimestamp, merge},
    store::{Report, change_since_previous, copy_attachments},
};

/// Put the reports of all parts of a run together, as one report of the unpartitioned run
///
/// Each report must be verified and of another part of the same run (`run --partition I/N`). The merged report equals
/// that of the unpartitioned run, apart from times, the environment, and the place in its store. The exit code is that
/// of the unpartitioned run.
#[derive(Debug, Parser)]
pub(super) struct Merge {
    /// Directories of the reports of all parts, in any order
    #[arg(required = true, value_name = "REPORT")]
    parts: Vec<PathBuf>,

    /// Directory for reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,

    /// UTC timestamp that names the merged report, such as 2025-10-17T112849Z [default: now]
    #[arg(long, value_name = "STAMP")]
    stamp: Option<RunTimestamp>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Merge {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let read = self.parts.iter().map(|path| report_argument::read(path, console));
        let read = read.collect::<Result<Vec<Report>, Exit>>()?;
        let reports: Vec<(&Path, &Report)> = self.parts.iter().map(PathBuf::as_path).zip(&read).collect();
        let refused = |error: &dyn std::fmt::Display| {
            console.error(&format!("cannot merge the reports: {error}"));
            Exit::Usage
        };

        let names: Vec<String> = self.parts.iter().map(|path| path.display().to_string()).collect();
        let parts = names.iter().zip(&reports).map(|(name, (_, report))| PartReport {
            name,
            run: &report.run,
            environment: &report.environment,
        });
        let parts: Vec<PartReport<'_>> = parts.collect();
        // Before a directory is made: what cannot be merged leaves nothing behind. The name follows.
        let stamp = self.stamp.unwrap_or_else(RunTimestamp::now);
        let merged = merge(&parts, stamp).map_err(|error| refused(&error))?;

        let mut writer = directory(&self.reports, self.stamp).map_err(|error| no_report(&error, console))?;
        let Merged { mut run, inventory, environment, max_unsupported } = merged;
        run.stamp = writer.stamp();
        self.compare_protected(&mut run, console);
        copy_attachments(&reports, &mut writer).map_err(|error| refused(&error))?;
        writer.write_inventory(inventory).map_err(|error| no_report(&error, console))?;
        // RFC 3339 in UTC with equal precision: the order of the texts is that of the times.
        let started = reports.iter().map(|(_, report)| report.chain.started.as_str()).min();
        let times = RunTimes {
            started: started.unwrap_or_default().to_owned(),
            // Its stamp is the time of the merge, which ends the run.
            ended: RunTimestamp::now().rfc3339(),
            stamp_given: self.stamp.is_some(),
        };
        let published = writer.publish(&run, &environment, times).map_err(|error| {
            console.error(&format!("cannot write the report: {error}"));
            exit_of(&error.why)
        })?;

        note_published(&published, console);
        run.stamp = published.stamp;
        let path = published.report;
        let exit = run_exit::of(&run, max_unsupported, console);
        summary::print(&run, &path, exit, self.json, console)?;
        GitHub::from_environment().show(&run, &path, console);
        Ok(exit)
    }

    /// Records what changed in the protected files since the previous attempt in the store of the merged report, as a run
    /// into that store would have.
    fn compare_protected(&self, run: &mut RunRecord, console: &Console) {
        let (Some(plan), Some(protected)) = (&run.plan, &mut run.protected) else { return };
        match change_since_previous(&self.reports, &plan.name, protected) {
            Ok(change) => protected.change = change,
            Err(why) => console.note(&format!("note: cannot compare the protected files: {why}")),
        }
    }
}

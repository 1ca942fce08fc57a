//! The options that add to a plan: blocked rows and protected files.

use std::path::Path;

use clap::Args;

use super::{Exit, console::Console};
use crate::{
    harness::{
        record::{Protected, ProtectedFile},
        store::{change_since_previous, read_protected},
        suite::{Plan, nearest, protected_pattern},
    },
    text::shell_argument,
};

/// Adds to the plan of a run.
#[derive(Debug, Args)]
pub(super) struct PlanOptions {
    /// Block a row: it stays open whatever its checks do, for this reason (may be repeated)
    #[arg(long, value_name = "ROW=WHY", requires = "plan", value_parser = blocked, help_heading = "Plan")]
    blocked: Vec<BlockedRow>,

    /// A file of the implementation, or a glob of them, relative to the current directory (may be repeated). Their
    /// digests are recorded, and a red phase says which of them changed since the previous attempt
    #[arg(long, value_name = "GLOB", requires = "plan", value_parser = protected, help_heading = "Plan")]
    protect: Vec<String>,
}

/// A row and why it is blocked.
#[derive(Clone, Debug)]
struct BlockedRow {
    row: String,
    why: String,
}

fn blocked(text: &str) -> Result<BlockedRow, String> {
    let given = text.split_once('=').map(|(row, why)| (row.trim(), why.trim()));
    match given.filter(|(row, why)| !row.is_empty() && !why.is_empty()) {
        Some((row, why)) => Ok(BlockedRow { row: row.to_owned(), why: why.to_owned() }),
        None => Err("expected a row and a reason, such as D4.B1=\"no GPU on this machine\"".to_owned()),
    }
}

fn protected(text: &str) -> Result<String, String> {
    protected_pattern(text).map(|pattern| pattern.text)
}

impl PlanOptions {
    /// The plan with these rows blocked and these files protected.
    pub(super) fn apply(&self, mut plan: Plan, console: &Console) -> Result<Plan, Exit> {
        for (index, BlockedRow { row: id, why }) in self.blocked.iter().enumerate() {
            if self.blocked.iter().take(index).any(|known| known.row == *id) {
                console.error(&format!("--blocked names {id} twice"));
                return Err(Exit::Usage);
            }
            match plan.rows.iter_mut().find(|row| row.id == *id) {
                Some(row) => row.blocked = Some(why.clone()),
                None => {
                    let ids: Vec<&str> = plan.rows.iter().map(|row| row.id.as_str()).collect();
                    let offer = nearest(id, ids.iter().copied())
                        .unwrap_or_else(|| format!("expected one of {}", ids.join(", ")));
                    console.error(&format!("--blocked: unknown row {id:?} of {}; {offer}", plan.name));
                    return Err(Exit::Usage);
                }
            }
        }
        plan.protected.extend(self.protect.iter().cloned());
        plan.protected.sort();
        plan.protected.dedup();
        Ok(plan)
    }

    /// The protected files of the plan, and what changed in them since its previous attempt; None if it has none.
    pub(super) fn protected(
        plan: &Plan,
        reports: &Path,
        console: &Console,
    ) -> Result<Option<Protected>, Exit> {
        if plan.protected.is_empty() {
            return Ok(None);
        }
        let mut protected = read_protected(Path::new("."), &plan.protected).map_err(|error| {
            console.error(&format!("cannot record the protected files of {}: {error}", plan.name));
            Exit::Usage
        })?;
        for (pattern, file) in &protected.files {
            if *file == ProtectedFile::Missing {
                console.note(&format!("warning: {pattern} is protected and does not exist"));
            }
        }
        match change_since_previous(reports, &plan.name, &protected) {
            Ok(change) => protected.change = change,
            Err(why) => console.note(&format!("note: cannot compare the protected files: {why}")),
        }
        Ok(Some(protected))
    }

    /// The options as command-line arguments, for reports.
    pub(super) fn arguments(&self) -> Vec<String> {
        let blocked = self.blocked.iter().map(|BlockedRow { row, why }| format!("{row}={why}"));
        let blocked = blocked.map(|text| format!("--blocked {}", shell_argument(&text)));
        let protect = self.protect.iter().map(|text| format!("--protect {}", shell_argument(text)));
        blocked.chain(protect).collect()
    }
}

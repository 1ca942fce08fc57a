//! The options that select checks.

use std::sync::Arc;

use clap::Args;

use super::{Exit, console::Console};
use crate::{
    harness::suite::{Check, NothingSelected, Selection, Suite},
    text::shell_argument,
};

/// Selects the checks to run; without any of these options, all of them.
#[derive(Debug, Args)]
pub(super) struct SelectionOptions {
    /// Only these cases: an ID or a glob such as 'loader/*' (may be repeated)
    #[arg(long = "case", value_name = "GLOB", help_heading = "Selection")]
    cases: Vec<String>,

    /// Only cases that test this requirement (may be repeated)
    #[arg(long = "requirement", value_name = "ID", help_heading = "Selection")]
    requirements: Vec<String>,

    /// Only cases of this area (may be repeated)
    #[arg(long = "area", value_name = "AREA", help_heading = "Selection")]
    areas: Vec<String>,
}

impl SelectionOptions {
    /// The selected checks.
    pub(super) fn select(&self, suite: &Suite, console: &Console) -> Result<Vec<Arc<Check>>, Exit> {
        let selection = Selection {
            cases: self.cases.clone(),
            requirements: self.requirements.clone(),
            areas: self.areas.clone(),
        };
        selection.select(suite).map_err(|error| {
            console.error(&error.to_string());
            match error {
                NothingSelected::Unknown { .. } => Exit::Usage,
                NothingSelected::Untested(_)
                | NothingSelected::Combination(_)
                | NothingSelected::EmptySuite => Exit::NothingSelected,
            }
        })
    }

    /// Whether no option restricts the selection.
    pub(super) fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.requirements.is_empty() && self.areas.is_empty()
    }

    /// The selection as command-line arguments, for rerun commands in reports.
    pub(super) fn arguments(&self, suite: Option<&str>) -> Vec<String> {
        let mut arguments: Vec<String> =
            suite.into_iter().map(|suite| format!("--suite {}", shell_argument(suite))).collect();
        let repeated =
            [("--case", &self.cases), ("--requirement", &self.requirements), ("--area", &self.areas)];
        for (option, values) in repeated {
            arguments.extend(values.iter().map(|value| format!("{option} {}", shell_argument(value))));
        }
        arguments
    }
}

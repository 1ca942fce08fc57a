//! The option `--suite DIR`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::{Exit, console::Console, torch};
use crate::{
    bundle::BUNDLE,
    harness::{
        adversary::{self, Adversary},
        contract::{BuiltIn, BuiltInRole, Contract as _, Implementation},
        runner::Implementations,
        suite::{Source, Suite},
    },
};

/// The `--suite` option, shared by most subcommands.
#[derive(Debug, Args)]
pub(super) struct SuiteOption {
    /// Use the suite in this directory instead of the embedded one
    #[arg(long, value_name = "DIR", help_heading = "Suite")]
    suite: Option<PathBuf>,
}

impl SuiteOption {
    /// The directory given by `--suite`; `None` means the embedded suite.
    pub(super) fn directory(&self) -> Option<&std::path::Path> {
        self.suite.as_deref()
    }

    /// The directory as the user wrote it, for reports and rerun commands.
    pub(super) fn named(&self) -> Option<String> {
        self.suite.as_ref().map(|directory| directory.display().to_string())
    }

    /// Loads the suite, or prints its errors.
    pub(super) fn load(&self, console: &Console) -> Result<(Arc<Suite>, Implementations), Exit> {
        let built_ins = torch::built_ins();
        let names = Implementations::of(&built_ins);
        let source = match &self.suite {
            None => Source::Embedded(BUNDLE.suite()),
            Some(directory) if directory.is_dir() => Source::disk(directory),
            Some(directory) => {
                console.error(&format!("cannot load the suite {}: not a directory", directory.display()));
                return Err(Exit::Usage);
            }
        };
        match Suite::load(&BUNDLE, source, &names.names()) {
            Ok(suite) => {
                let built_ins = suite.with_mutants(built_ins);
                let implementations = Implementations::of(&built_ins).with(adversaries(&built_ins).iter());
                Ok((Arc::new(suite), implementations))
            }
            Err(errors) => {
                console.suite_errors(&errors);
                Err(Exit::InvalidSuite)
            }
        }
    }
}

/// Every adversary around the reference. Red entries of cases do not name them: they are about no requirement.
fn adversaries(built_ins: &[BuiltIn]) -> Vec<Arc<dyn Implementation>> {
    let references = built_ins.iter().filter(|own| own.role == BuiltInRole::Reference);
    let around = |own: &BuiltIn| {
        Adversary::ALL.map(|adversary| adversary::wrapped(adversary, &own.implementation, &BUNDLE))
    };
    references.flat_map(around).collect()
}

/// These built-in implementations, and the mutants of the embedded suite.
pub(super) fn with_embedded_mutants(
    built_ins: Vec<BuiltIn>,
    console: &Console,
) -> Result<Implementations, Exit> {
    match Suite::mutants_with(&BUNDLE, &Source::Embedded(BUNDLE.suite()), built_ins) {
        Ok(all) => Ok(Implementations::of(&all)),
        Err(errors) => {
            console.suite_errors(&errors);
            Err(Exit::InvalidSuite)
        }
    }
}

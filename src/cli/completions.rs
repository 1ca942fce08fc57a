//! `bundleproof completions SHELL`.

use clap::{Parser, builder::PossibleValuesParser};
use clap_complete::{Shell, generate};

use super::{Exit, SuiteOption, console::Console, implementation_file::ImplementationFile};
use crate::harness::suite::Suite;

/// Print a shell completion script
///
/// For bash: bundleproof completions bash > ~/.local/share/bash-completion/completions/bundleproof
#[derive(Debug, Parser)]
pub(super) struct Completions {
    /// Shell to print the script for
    shell: Shell,

    #[command(flatten)]
    suite: SuiteOption,
}

/// The names that arguments take.
struct Names {
    cases: Vec<String>,
    areas: Vec<String>,
    requirements: Vec<String>,
    plans: Vec<String>,
    implementations: Vec<String>,
}

impl Completions {
    pub(super) fn execute(&self, command: clap::Command, console: &Console) -> Result<Exit, Exit> {
        let (suite, known) = self.suite.load(console)?;
        let known = known.names().into_iter().map(str::to_owned).collect();
        let names = Names::of(&suite, known);
        let mut command = command.mut_subcommands(|command| {
            // Only for the script: a program of another suite, a glob and a path are allowed as well.
            command.mut_args(|argument| match names.of_argument(argument.get_id().as_str()) {
                Some(names) => argument.value_parser(PossibleValuesParser::new(names)),
                None => argument,
            })
        });
        let mut script = Vec::new();
        generate(self.shell, &mut command, "bundleproof", &mut script);
        console.print(&String::from_utf8_lossy(&script));
        Ok(Exit::Success)
    }
}

impl Names {
    fn of(suite: &Suite, mut implementations: Vec<String>) -> Self {
        let unique = |mut names: Vec<String>| {
            names.dedup();
            names
        };
        implementations.extend(ImplementationFile::names(suite));
        Self {
            cases: unique(suite.checks().iter().map(|check| check.case.id.clone()).collect()),
            areas: unique(suite.checks().iter().map(|check| check.case.area.clone()).collect()),
            requirements: suite.requirements().iter().map(|own| own.id.get_ref().clone()).collect(),
            plans: suite.plans().iter().map(|plan| plan.name.clone()).collect(),
            implementations,
        }
    }

    /// What the argument with this name takes, if it is names of the suite.
    fn of_argument(&self, argument: &str) -> Option<Vec<String>> {
        Some(match argument {
            "cases" => self.cases.clone(),
            "areas" => self.areas.clone(),
            "requirements" => self.requirements.clone(),
            "plan" => self.plans.clone(),
            "implementation" | "red" | "green" => self.implementations.clone(),
            "id" => [&*self.requirements, &self.cases, &self.implementations].concat(),
            _ => return None,
        })
    }
}

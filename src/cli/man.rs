//! `bundleproof man [COMMAND]`.

use clap::Parser;
use clap_mangen::Man;

use super::{Exit, console::Console};
use crate::harness::suite::nearest;

/// Print a manual page
///
/// To read one: bundleproof man run | man -l -
#[derive(Debug, Parser)]
pub(super) struct ManPage {
    /// Command to print the page of [default: the page of the program, with all commands]
    command: Option<String>,
}

impl ManPage {
    pub(super) fn execute(&self, mut program: clap::Command, console: &Console) -> Result<Exit, Exit> {
        // Names each command as it is called: bundleproof-run.
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => subcommand(&program, name).ok_or_else(|| {
                let known = program.get_subcommands().map(clap::Command::get_name);
                let offer = nearest(name, known).map(|offer| format!("; {offer}")).unwrap_or_default();
                console.error(&format!("unknown command {name:?}{offer}"));
                Exit::Usage
            })?,
        };
        let mut page = Vec::new();
        // A vector can always be written to.
        let rendered = Man::new(command).render(&mut page);
        rendered.map_err(|error| {
            console.error(&format!("cannot write the page: {error}"));
            Exit::Internal
        })?;
        console.print(&String::from_utf8_lossy(&page));
        Ok(Exit::Success)
    }
}

fn subcommand(program: &clap::Command, name: &str) -> Option<clap::Command> {
    program.get_subcommands().find(|command| command.get_name() == name && !command.is_hide_set()).cloned()
}

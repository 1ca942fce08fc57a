//! `bundleproof completions SHELL`.

use clap::Parser;
use clap_complete::{Shell, generate};

use super::{Exit, console::Console};

/// Print a shell completion script
///
/// For bash: bundleproof completions bash > ~/.local/share/bash-completion/completions/bundleproof
#[derive(Debug, Parser)]
pub(super) struct Completions {
    /// Shell to print the script for
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(&self, mut command: clap::Command, console: &Console) -> Result<Exit, Exit> {
        let mut script = Vec::new();
        generate(self.shell, &mut command, "bundleproof", &mut script);
        console.print(&String::from_utf8_lossy(&script));
        Ok(Exit::Success)
    }
}

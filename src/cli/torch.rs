//! Where the program with torch is, when this one was built to look for it.

use std::{path::PathBuf, sync::Arc};

use super::console::Console;
use crate::{
    bundle::{
        BUNDLE,
        implementations::{TorchProgram, with_torch},
        operations::TORCH,
    },
    harness::{
        contract::{BuiltIn, Contract as _},
        suite::Check,
    },
};

/// The name of the program, which is beside this one.
const PROGRAM: &str = "bundleproof-torch";

/// The implementations of the suite, on torch where there is one.
pub(super) fn built_ins() -> Vec<BuiltIn> {
    match program() {
        Some(program) => with_torch(BUNDLE.built_ins(), &Arc::new(program)),
        None => BUNDLE.built_ins(),
    }
}

/// Says why nothing is executed, when checks ask for it and it was to be expected.
pub(super) fn tell(checks: &[Arc<Check>], console: &Console) {
    let needed = checks.iter().any(|check| check.needs().any(|need| need == TORCH));
    if let (true, Some(Err(error))) = (needed, program().map(|program| program.check())) {
        console.error(&error.to_string());
    }
}

/// Says why networks are not executed.
pub(super) fn tell_why_not(console: &Console) {
    match program().map(|program| program.check()) {
        Some(Err(error)) => console.error(&error.to_string()),
        _ => console.error("networks are not executed: build bundleproof with the feature `torch`"),
    }
}

fn program() -> Option<TorchProgram> {
    let path: Option<PathBuf> = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    path.filter(|_| cfg!(feature = "torch")).map(TorchProgram::new)
}

//! Finds the program that executes networks, `bundleproof-torch`, if this build supports it.

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

/// File name of the program, which is in the same directory as this one.
const PROGRAM: &str = "bundleproof-torch";

/// The built-in implementations, with networks that are executed if libtorch is available.
pub(super) fn built_ins() -> Vec<BuiltIn> {
    match program() {
        Some(program) => with_torch(BUNDLE.built_ins(), &Arc::new(program)),
        None => BUNDLE.built_ins(),
    }
}

/// Prints why networks cannot be executed, if a check needs it and this build supports it.
pub(super) fn report_if_broken(checks: &[Arc<Check>], console: &Console) {
    let needed = checks.iter().any(|check| check.needs().any(|need| need == TORCH));
    if let (true, Some(Err(error))) = (needed, program().map(|program| program.check())) {
        console.error(&error.to_string());
    }
}

/// Prints why networks cannot be executed.
pub(super) fn report_unavailable(console: &Console) {
    match program().map(|program| program.check()) {
        Some(Err(error)) => console.error(&error.to_string()),
        // PyTorch works here, so the implementation is what lacks it.
        Some(Ok(_)) => console.error("the implementation cannot execute networks: it does not support torch"),
        None => console
            .error("PyTorch is not available: build bundleproof with `--features torch` to execute networks"),
    }
}

fn program() -> Option<TorchProgram> {
    let path: Option<PathBuf> = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    path.filter(|_| cfg!(feature = "torch")).map(TorchProgram::new)
}

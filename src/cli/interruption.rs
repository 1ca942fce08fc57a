//! Ctrl-C: the first one asks the command to stop, the second one stops it at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{Exit, console::Console};

/// Handles Ctrl-C from here on. The first sets the returned flag; the second calls `end` to stop what is running, and
/// exits.
pub(super) fn listen(console: &Console, end: impl Fn() + Send + 'static) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            end();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        console.note(&format!(
            "note: cannot handle Ctrl-C, so an interrupted run leaves its work directory behind: {error}"
        ));
    }
    interrupted
}

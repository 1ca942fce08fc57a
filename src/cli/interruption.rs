//! Ctrl-C: the first asks a command to end, the second ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{Exit, console::Console};

/// Hears interruptions from here on; the flag is set by the first. The second time, the person does not want to
/// wait for what is running: `end` ends it, and the program exits.
pub(super) fn listen(console: &Console, end: impl Fn() + Send + 'static) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&interrupted);
    let handler = move || {
        if heard.swap(true, Ordering::Relaxed) {
            end();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        console.note(&format!("note: an interruption will leave its work directory behind: {error}"));
    }
    interrupted
}

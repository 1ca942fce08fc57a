//! Calls of the system that are made again when they fail for a reason that passes.

use std::{io, thread, time::Duration};

use nix::errno::Errno;

/// How often a call waits for other threads to close files, and for how long each time: half a second in all.
const MAX_WAITS: u32 = 100;
const WAIT: Duration = Duration::from_millis(5);

/// Repeats a call until no signal interrupts it, and for a while when too many files are open: those of other checks are closed
/// soon. The standard library does the former itself for reading, writing and syncing, but not for names and locks, where file
/// systems in user space or over a network can be interrupted.
pub(crate) fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut waits = 0;
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if waits < MAX_WAITS && is_without_descriptors(&error) => {
                waits += 1;
                thread::sleep(WAIT);
            }
            ended => return ended,
        }
    }
}

/// Whether this process, or the system, has as many open files as it may have.
fn is_without_descriptors(error: &io::Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE].iter().any(|full| error.raw_os_error() == Some(*full as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a call that fails so often, and how often it was made.
    fn called(failures: u32, with: Errno) -> (bool, u32) {
        let mut calls = 0;
        let ended = retried(|| {
            calls += 1;
            if calls > failures { Ok(()) } else { Err(with.into()) }
        });
        (ended.is_ok(), calls)
    }

    #[test]
    fn a_call_is_made_again_when_the_reason_passes() {
        assert_eq!(called(3, Errno::EINTR), (true, 4));
        assert_eq!(called(3, Errno::EMFILE), (true, 4));
        assert_eq!(called(1, Errno::EACCES), (false, 1));
        assert_eq!(called(u32::MAX, Errno::ENFILE), (false, MAX_WAITS + 1));
    }
}

//! The processes that a process has started, directly or not.
//!
//! They are found in `/proc`, so elsewhere none is found, and a process that left its process group is not ended.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How often the processes are looked for again: one that is killed may have started another in the meantime.
const ROUNDS: u32 = 200;

/// The time between two rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(2);

/// Sends a signal to every descendant of a process.
pub(super) fn signal_descendants(of: Pid, signal: Signal) {
    for process in descendants(of) {
        // It may have ended.
        let _ = kill(process, signal);
    }
}

/// Kills every descendant of a process, which must not reap them or start others meanwhile; a descendant that was left by
/// its parent must become a child of this process.
pub(super) fn kill_descendants(of: Pid) {
    for _ in 0..ROUNDS {
        let found = descendants(of);
        if found.is_empty() {
            return;
        }
        for process in found {
            let _ = kill(process, Signal::SIGKILL);
        }
        thread::sleep(BETWEEN_ROUNDS);
    }
}

/// The running descendants of a process.
pub(super) fn descendants(of: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = fs::read(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = running_child_of(&stat) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = children.remove(&of.as_raw()).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(process).unwrap_or_default());
        next += 1;
    }
    found.into_iter().map(Pid::from_raw).collect()
}

/// The number of threads in `/proc/<pid>/stat`, counted from the field behind the parent.
const THREADS: usize = 15;

/// The parent in `/proc/<pid>/stat`, `12 (a name) S 7 …`; None for a process that has ended and was not reaped yet. One whose
/// first thread has ended looks the same, but for its other threads, and goes on.
fn running_child_of(stat: &[u8]) -> Option<i32> {
    // The name can contain anything, so the fields begin after the last parenthesis.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let mut threads = || fields.nth(THREADS).and_then(|number| number.parse().ok()).unwrap_or(0);
    let has_ended = matches!(state, "Z" | "X") && threads() < 2;
    (!has_ended).then_some(parent)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        process::{Child, Command},
        time::Instant,
    };

    use super::*;

    /// A shell that started another one, each with a child that sleeps.
    fn family() -> Child {
        let family = "sleep 600 & sh -c 'sleep 600 & wait' & wait";
        Command::new("sh").args(["-c", family]).spawn().unwrap()
    }

    fn pid(child: &Child) -> Pid {
        Pid::from_raw(child.id().try_into().unwrap())
    }

    #[test]
    fn children_and_grandchildren_are_found_and_killed() {
        let mut family = family();
        let until = Instant::now() + Duration::from_secs(20);
        while descendants(pid(&family)).len() < 3 && Instant::now() < until {
            thread::sleep(BETWEEN_ROUNDS);
        }
        let found = descendants(pid(&family));
        assert_eq!(found.len(), 3);
        kill_descendants(pid(&family));
        family.kill().unwrap();
        family.wait().unwrap();
        // A process that is not reaped yet has ended as well. One that was killed ends soon, and not at once.
        let is_running = |process: &Pid| {
            running_child_of(&fs::read(format!("/proc/{process}/stat")).unwrap_or_default()).is_some()
        };
        while found.iter().any(is_running) {
            assert!(Instant::now() < until, "{found:?}");
            thread::sleep(BETWEEN_ROUNDS);
        }
    }

    #[test]
    fn the_name_of_a_process_does_not_hide_its_parent() {
        assert_eq!(running_child_of(b"12 (a) R 1 (b) S 7 12 12"), Some(7));
        assert_eq!(running_child_of(b"12 (\xff) S 7"), Some(7));
        assert_eq!(running_child_of(b"12 (dead) Z 7"), None);
        let stat = |threads: u32| {
            format!("12 (python3) Z 7 12 12 0 -1 4227340 905 0 0 0 2 0 0 0 20 0 {threads} 0 877 0 0")
        };
        assert_eq!(running_child_of(stat(1).as_bytes()), None);
        assert_eq!(running_child_of(stat(2).as_bytes()), Some(7));
        assert_eq!(running_child_of(b""), None);
    }
}

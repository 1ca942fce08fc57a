//! The process between a run and an adapter.
//!
//! It limits what the adapter may use. Processes that the adapter leaves become its children, and it ends them with the
//! adapter, or when the run has gone: a run can be killed in a way that leaves it no time to end what it started.

use std::{
    convert::Infallible,
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, path_beneath_rules,
};
use nix::{
    errno::Errno,
    sys::{
        prctl::set_child_subreaper,
        signal::{Signal, raise},
        wait::{WaitStatus, wait},
    },
    unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getpid, getppid, setsid},
};

use super::{
    descendants::kill_descendants,
    limits::{Limits, limit_files},
};
use crate::fs_util::remove_all;

/// How often it looks whether the run is still there.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The version of Landlock that is required, which is the first one with rules about TCP.
const LANDLOCK: ABI = ABI::V4;

/// This program, also after its file was replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The arguments with which it calls [`in_a_session`].
const IN_A_SESSION: [&str; 2] = ["begin-session", "--"];

/// What goes before a command so that it and all that it starts ignore the signal about a file that is too long: writing
/// fails then. Only ignored signals stay so in every program, and a shell needs no unsafe call for that.
const WITHOUT_FILE_SIGNAL: [&str; 4] = ["/bin/sh", "-c", "trap '' XFSZ && exec \"$@\"", "sh"];

/// The devices that a program can write to in a sandbox.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/full"];

/// Runs this command as a child with the standard streams of this process, and returns its status: this process ends as
/// the command did if that was by a signal. Nothing that it started is left then. This process must have no other child,
/// and be one that `run` has started; if the run has gone meanwhile, the `own` directories of the command are removed.
/// With the length of the `longest` file in bytes, writing a longer one fails at that byte, as on a full disk. With
/// `writable` directories, nothing outside of them can be written to, and no TCP connection be made or accepted.
///
/// # Errors
/// When the program cannot be started, or the system refuses a limit or has no such sandbox.
pub fn supervise(
    run: i32,
    (limits, longest): (Limits, Option<u64>),
    writable: &[PathBuf],
    own: Vec<PathBuf>,
    command: &[String],
) -> io::Result<i32> {
    set_child_subreaper(true)?;
    limits.set()?;
    let before: &[&str] = if longest.is_some() { &WITHOUT_FILE_SIGNAL } else { &[] };
    longest.map_or(Ok(()), limit_files)?;
    // A sandbox would hold for this thread too, and keep it from removing the directories.
    let (over, is_over) = channel();
    let watch = thread::Builder::new().spawn(move || end_with(Pid::from_raw(run), &own, &is_over))?;
    if !writable.is_empty() {
        restrict(writable)
            .map_err(|error| io::Error::other(format!("the sandbox is not available: {error}")))?;
    }
    // In a session of its own: a signal that the adapter sends to its group must not end this process.
    let child = Command::new(THIS_PROGRAM).args(IN_A_SESSION).args(before).args(command).spawn()?;
    release_standard_streams()?;
    let ended = reaped(Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?))?;
    kill_descendants(getpid());
    drop::<Sender<()>>(over);
    // A panic there changes nothing about how the command ended.
    let _ = watch.join();
    match ended {
        Ended::Exited(status) => Ok(status),
        Ended::Signaled(signal) => {
            // Does not return for a signal that ends a process.
            let _ = raise(signal);
            Ok(128 + signal as i32)
        }
    }
}

/// Replaces this process, which must not lead a group, with this command in a session of its own. A session has no terminal:
/// what is under test can neither type at that of the run nor change its settings.
///
/// # Errors
/// When the program cannot be started, or this process leads a group.
pub fn in_a_session(command: &[String]) -> io::Result<Infallible> {
    let (program, arguments) =
        command.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    setsid()?;
    Err(Command::new(program).args(arguments).exec())
}

/// Restricts this thread, and what it starts from now on, with Landlock.
fn restrict(writable: &[PathBuf]) -> Result<(), RulesetError> {
    let writing = AccessFs::from_write(LANDLOCK);
    let paths = writable.iter().map(PathBuf::as_path).chain(DEVICES.iter().map(Path::new));
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(writing)?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(paths, writing))?
        .restrict_self()?;
    Ok(())
}

/// Kills all that this process started once the run has gone, until that is over, and then removes these directories.
fn end_with(run: Pid, own: &[PathBuf], over: &Receiver<()>) {
    while over.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if getppid() != run {
            kill_descendants(getpid());
        }
    }
    if getppid() != run {
        // What cannot be removed stays among the temporary files of the system.
        own.iter().for_each(|directory| _ = remove_all(directory));
    }
}

/// The streams are the adapter's alone: the run must see it when they are closed.
fn release_standard_streams() -> io::Result<()> {
    let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&nothing)?;
    dup2_stderr(&nothing)?;
    Ok(())
}

/// How the child ended.
enum Ended {
    Exited(i32),
    Signaled(Signal),
}

/// Waits for this child, and for every other one that ends before it.
fn reaped(child: Pid) -> io::Result<Ended> {
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => return Ok(Ended::Exited(status)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => return Ok(Ended::Signaled(signal)),
            // Another child, or an interrupted call.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

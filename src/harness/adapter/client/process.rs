//! The process of an adapter: lines in, lines out, standard error and exit status.
//!
//! With a supervisor, all that it started is killed with it, and otherwise its process group. Each of its pipes has a
//! thread, so that nothing the process does can block the caller. If a process that cannot be found keeps a pipe open, the
//! thread of that pipe is abandoned.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufReader, Read, Write as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::Launch;
use crate::harness::{
    adapter::{
        descendants::{kill_descendants, signal_descendants},
        protocol::read_line,
    },
    contract::MAX_FILE_BYTES,
    outside::Outside,
    temporary::Temporary,
};

/// How much of the end of standard error is kept, in bytes.
const MAX_STDERR_BYTES: usize = 64 << 10;

/// How many unread lines are buffered before the adapter blocks.
const MAX_WAITING_LINES: usize = 16;

/// How long a process gets to exit after `shutdown`, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// How long the exit of a process may lag behind the end of its output.
const EXIT_WAIT: Duration = Duration::from_secs(1);

/// How often the exit of a process is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Where the system looks for programs without PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A running adapter.
#[derive(Debug)]
pub(super) struct Process {
    /// The adapter, or its supervisor. It leads a process group.
    child: Child,
    group: Pid,
    is_supervised: bool,
    /// None after its input was closed.
    input: Option<Sender<String>>,
    output: Receiver<Output>,
    stderr: Arc<Mutex<Tail>>,
    /// Whether it was killed: its number may have been reused since then.
    killed: bool,
    /// Its home and its directory for temporary files, which are removed with it.
    outside: Temporary,
}

/// What arrives on standard output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    Line(String),
    /// Something other than a line; nothing follows it.
    InvalidLine(String),
    /// The end of the stream.
    Closed,
    /// Nothing before the deadline.
    Timeout,
}

/// The last bytes of a stream.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    dropped: bool,
    ended: bool,
}

impl Process {
    /// Starts it with these variables only: those of its directories, those that were given for all processes, those of the
    /// launch, and those of the case. Later ones win.
    pub(super) fn start(
        launch: &Launch,
        [of_all, of_case]: [&BTreeMap<String, String>; 2],
    ) -> io::Result<Self> {
        let place = Temporary::create()?;
        let outside = Outside::create_in(place.file(), place.path().to_owned())?;
        let mut environment = BTreeMap::from(outside.variables());
        for given in [of_all, &launch.environment, of_case] {
            environment.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let path = environment.get("PATH").map(String::as_str);
        let longest = of_case.get(MAX_FILE_BYTES).map(String::as_str);
        let mut command = command(launch, outside.path(), path, longest)?;
        command.env_clear().envs(environment).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = &launch.directory {
            command.current_dir(directory);
        }
        let mut child = command.spawn()?;
        let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        let (input, lines_in) = channel();
        let (lines_out, output) = sync_channel(MAX_WAITING_LINES);
        let stderr = Arc::new(Mutex::new(Tail::default()));
        if let Some(stdin) = child.stdin.take() {
            thread::Builder::new().spawn(move || write(stdin, &lines_in))?;
        }
        if let Some(stdout) = child.stdout.take() {
            thread::Builder::new().spawn(move || read(stdout, &lines_out))?;
        }
        if let Some(pipe) = child.stderr.take() {
            let tail = Arc::clone(&stderr);
            thread::Builder::new().spawn(move || drain(pipe, &tail))?;
        }
        let is_supervised = launch.supervisor.is_some();
        let input = Some(input);
        Ok(Self { child, group, is_supervised, input, output, stderr, killed: false, outside: place })
    }

    /// The directory that contains its home and its directory for temporary files.
    pub(super) fn outside(&self) -> &Path {
        self.outside.path()
    }

    /// Its process group.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// Sends a line. A failure shows as a missing response.
    pub(super) fn send(&self, line: String) {
        if let Some(input) = &self.input {
            let _ = input.send(line);
        }
    }

    /// Waits for output; with a zero duration, returns what has already arrived. Nothing is expected from a process that
    /// has exited, even if another process keeps its pipe open.
    pub(super) fn receive(&mut self, wait: Duration) -> Output {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left.min(POLL_INTERVAL)) {
                Ok(output) => return output,
                Err(RecvTimeoutError::Disconnected) => return Output::Closed,
                Err(RecvTimeoutError::Timeout) if left <= POLL_INTERVAL => return Output::Timeout,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                // Output written before the exit may still be in the pipe.
                return self.output.recv_timeout(EXIT_WAIT).unwrap_or(Output::Closed);
            }
        }
    }

    /// The end of its standard error. Waits a moment, because it may lag behind the standard output.
    pub(super) fn stderr_tail(&self) -> String {
        let until = Instant::now() + EXIT_WAIT;
        while !lock(&self.stderr).ended && Instant::now() < until {
            thread::sleep(POLL_INTERVAL);
        }
        let tail = lock(&self.stderr);
        let text = String::from_utf8_lossy(&tail.bytes.iter().copied().collect::<Vec<u8>>()).into_owned();
        if tail.dropped { format!("[…]{text}") } else { text }
    }

    /// Its exit status once its output has ended; None if it is still running.
    pub(super) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.wait(EXIT_WAIT)
    }

    /// Closes its input, waits for it to exit, then sends SIGTERM, then kills it.
    pub(super) fn end(&mut self) {
        self.input = None;
        if self.wait(GRACE).is_none() {
            if self.is_supervised {
                // Not the supervisor, without which nothing could be found any more.
                signal_descendants(self.group, Signal::SIGTERM);
            } else {
                let _ = killpg(self.group, Signal::SIGTERM);
            }
            self.wait(GRACE);
        }
        self.kill();
    }

    /// Kills it with all that it started, as far as that can be found.
    pub(super) fn kill(&mut self) {
        if std::mem::replace(&mut self.killed, true) {
            return;
        }
        self.input = None;
        // Nothing can be found once the process has ended, and then its supervisor has killed what it started.
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_all(self.group);
        } else {
            kill_group(self.group);
        }
        let _ = self.child.wait();
    }

    fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + time;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(POLL_INTERVAL),
                _ => return None,
            }
        }
    }
}

impl Drop for Process {
    /// Before its directories are removed.
    fn drop(&mut self) {
        self.kill();
    }
}

/// The command that starts an adapter: its own, or that of its supervisor.
fn command(
    launch: &Launch,
    own: &Path,
    path: Option<&str>,
    max_file_bytes: Option<&str>,
) -> io::Result<Command> {
    let (program, arguments) =
        launch.command.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let Some(supervisor) = &launch.supervisor else {
        if launch.sandbox.is_some() {
            return Err(io::Error::other("a sandbox requires Linux with /proc"));
        }
        let mut command = Command::new(program);
        command.args(arguments);
        return Ok(command);
    };
    // Started by its supervisor, a missing program would look like one that fails.
    find(program, launch.directory.as_deref(), path)?;
    let mut command = Command::new(supervisor);
    command.arg("supervise").arg("--run").arg(std::process::id().to_string());
    command.args(launch.limits.arguments()).arg("--own").arg(own);
    command.args(max_file_bytes.map(|most| format!("--max-file-bytes={most}")));
    if let Some(work) = &launch.sandbox {
        command.arg("--own").arg(work).arg("--writable").arg(own).arg("--writable").arg(work);
    }
    command.arg("--").args(&launch.command);
    Ok(command)
}

/// Finds a program as the system does: in the directories of PATH, unless its name contains `/`.
fn find(program: &str, directory: Option<&Path>, path: Option<&str>) -> io::Result<()> {
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![directory.unwrap_or(Path::new("")).join(program)]
    } else {
        let directories = path.unwrap_or(DEFAULT_PATH).split(':');
        directories.map(|directory| Path::new(directory).join(program)).collect()
    };
    let mut missing = io::Error::from_raw_os_error(nix::errno::Errno::ENOENT as i32);
    for candidate in candidates {
        match candidate.metadata() {
            Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => return Ok(()),
            Ok(_) => missing = io::Error::from_raw_os_error(nix::errno::Errno::EACCES as i32),
            Err(_) => {}
        }
    }
    Err(missing)
}

/// Kills a process that leads a group, its descendants, and its group. Fails only if none is left.
pub(super) fn kill_all(group: Pid) {
    kill_descendants(group);
    kill_group(group);
}

fn kill_group(group: Pid) {
    let _ = killpg(group, Signal::SIGKILL);
}

fn write(mut pipe: ChildStdin, lines: &Receiver<String>) {
    // Keeps receiving after an error, so that the sender does not fail.
    for line in lines {
        let _ = pipe.write_all(line.as_bytes()).and_then(|()| pipe.flush());
    }
}

fn read(pipe: ChildStdout, lines: &SyncSender<Output>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = String::new();
    loop {
        let output = match read_line(&mut pipe, &mut line) {
            Ok(true) => Output::Line(std::mem::take(&mut line)),
            Ok(false) => Output::Closed,
            Err(error) => Output::InvalidLine(error.to_string()),
        };
        let last = !matches!(output, Output::Line(_));
        if lines.send(output).is_err() || last {
            return;
        }
    }
}

fn drain(mut pipe: ChildStderr, tail: &Mutex<Tail>) {
    let mut buffer = [0; 8192];
    while let Ok(read) = pipe.read(&mut buffer) {
        if read == 0 {
            break;
        }
        let mut tail = lock(tail);
        tail.bytes.extend(buffer.get(..read).unwrap_or_default());
        let excess = tail.bytes.len().saturating_sub(MAX_STDERR_BYTES);
        if excess > 0 {
            tail.bytes.drain(..excess);
            tail.dropped = true;
        }
    }
    lock(tail).ended = true;
}

/// A poisoned lock is usable: the bytes are valid after a panic.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("text"), "").unwrap();
        let path = place.path().to_str();
        let kind = |found: io::Result<()>| found.map_err(|error| error.kind());
        assert_eq!(kind(find("sh", None, None)), Ok(()));
        assert_eq!(kind(find("sh", None, path)), Err(io::ErrorKind::NotFound));
        assert_eq!(kind(find("text", None, path)), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(kind(find("bin/sh", Some(Path::new("/")), None)), Ok(()));
    }

    #[test]
    fn nothing_is_started_without_the_sandbox_that_was_asked_for() {
        let start = |sandbox: Option<&str>| {
            let command = vec!["/bin/sh".to_owned(), "-c".to_owned(), "exit".to_owned()];
            let launch = Launch { sandbox: sandbox.map(PathBuf::from), ..Launch::command(command) };
            Process::start(&launch, [&BTreeMap::new(), &BTreeMap::new()])
        };
        assert!(start(None).is_ok());
        assert!(start(Some("/tmp")).unwrap_err().to_string().contains("requires Linux"));
    }
}

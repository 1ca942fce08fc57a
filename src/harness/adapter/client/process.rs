//! The process of an adapter: lines in, lines out, what it said on its standard error, and its end.
//!
//! It is the leader of a process group, and the group is killed with it. Each of its pipes has a thread, so
//! that nothing it does or leaves undone can block the caller; a thread whose pipe is kept open by somebody
//! who left the group is left behind.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufReader, Read, Write as _},
    os::unix::process::CommandExt as _,
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
use crate::harness::adapter::protocol::read_line;

/// How much of what it said last on its standard error is kept, in bytes.
const MAX_STDERR_BYTES: usize = 64 << 10;

/// How many lines may wait to be read before the adapter has to wait itself.
const MAX_WAITING_LINES: usize = 16;

/// How long a process that was asked to end is given, each time: by `shutdown`, then by SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// How long the end of a process may take to show after the end of its output.
const AFTERMATH: Duration = Duration::from_secs(1);

/// How often it is looked whether a process has ended.
const ATTENTION: Duration = Duration::from_millis(10);

/// A running adapter.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    /// None when its input was closed.
    input: Option<Sender<String>>,
    output: Receiver<Output>,
    stderr: Arc<Mutex<Tail>>,
    /// Whether the group was killed: its number may belong to somebody else by now.
    killed: bool,
}

/// What comes from its standard output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    Line(String),
    /// Something that is no line; nothing comes after it.
    Garbage(String),
    /// The end.
    Closed,
    /// Nothing, until the deadline.
    Silence,
}

/// The end of a stream of bytes.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    dropped: bool,
    ended: bool,
}

impl Process {
    /// Starts it with these variables beside those of this process.
    pub(super) fn start(launch: &Launch, environment: &BTreeMap<String, String>) -> io::Result<Self> {
        let (program, arguments) =
            launch.command.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).envs(environment).envs(&launch.environment).process_group(0);
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
        Ok(Self { child, group, input: Some(input), output, stderr, killed: false })
    }

    /// The group that it leads.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// Sends a line. What cannot be sent shows in what does not come back.
    pub(super) fn send(&self, line: String) {
        if let Some(input) = &self.input {
            let _ = input.send(line);
        }
    }

    /// What comes within this time; with none, what is there already. A process that has ended says nothing more,
    /// even if somebody else keeps its pipe open.
    pub(super) fn receive(&mut self, wait: Duration) -> Output {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left.min(ATTENTION)) {
                Ok(output) => return output,
                Err(RecvTimeoutError::Disconnected) => return Output::Closed,
                Err(RecvTimeoutError::Timeout) if left <= ATTENTION => return Output::Silence,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                // What it wrote before it ended may still be on its way.
                return self.output.recv_timeout(AFTERMATH).unwrap_or(Output::Closed);
            }
        }
    }

    /// What it said last on its standard error, after its output ended: the rest of that may be on its way.
    pub(super) fn said(&self) -> String {
        let until = Instant::now() + AFTERMATH;
        while !lock(&self.stderr).ended && Instant::now() < until {
            thread::sleep(ATTENTION);
        }
        let tail = lock(&self.stderr);
        let text = String::from_utf8_lossy(&tail.bytes.iter().copied().collect::<Vec<u8>>()).into_owned();
        if tail.dropped { format!("[…]{text}") } else { text }
    }

    /// How it ended, after its output did; None when it runs on.
    pub(super) fn aftermath(&mut self) -> Option<ExitStatus> {
        self.wait(AFTERMATH)
    }

    /// Closes its input and gives it time to end by itself, then asks its group to, then kills the group.
    pub(super) fn end(&mut self) {
        self.input = None;
        if self.wait(GRACE).is_none() {
            let _ = killpg(self.group, Signal::SIGTERM);
            self.wait(GRACE);
        }
        self.kill();
    }

    /// Kills its whole group, at once.
    pub(super) fn kill(&mut self) {
        if std::mem::replace(&mut self.killed, true) {
            return;
        }
        self.input = None;
        kill_group(self.group);
        let _ = self.child.wait();
    }

    fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + time;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(ATTENTION),
                _ => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills everybody in the group. It fails when nobody is left, and then it is done.
pub(super) fn kill_group(group: Pid) {
    let _ = killpg(group, Signal::SIGKILL);
}

fn write(mut pipe: ChildStdin, lines: &Receiver<String>) {
    // A pipe that nobody reads any more is no reason to stop listening to who sends.
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
            Err(error) => Output::Garbage(error.to_string()),
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

/// A thread that panicked while it held the lock has left bytes as they were.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

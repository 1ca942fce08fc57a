//! What an implementation shows while it runs the suite.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    harness::{
        contract::{
            Contract, EVENTS, FileChange, Implementation, Notices, RESET, Refusal, Session, SessionContext,
            SessionError, WARNINGS, Wrapper,
        },
        fault::notices_fields,
        runner::{Job, Outcome, Phase, Verdict},
        suite::Check,
    },
    value::{Digest, Map, Value},
};

/// What was seen in one check that passed.
#[derive(Debug)]
pub struct Recording {
    /// The check.
    pub check: Arc<Check>,
    /// The environment of its session.
    pub(super) environment: BTreeMap<String, String>,
    /// The observables at the start of each of its sessions, by name.
    pub(super) starts: Vec<Arc<BTreeMap<&'static str, Map>>>,
    /// Its calls, in order.
    pub(super) calls: Vec<SeenCall>,
}

impl Recording {
    /// The operation of each call, and its refusal.
    pub fn calls(&self) -> impl Iterator<Item = (&str, Option<&Refusal>)> {
        self.calls.iter().map(|call| (call.operation.as_str(), call.answer.as_ref().err()))
    }

    /// Its calls, in order.
    pub fn seen_calls(&self) -> &[SeenCall] {
        &self.calls
    }

    /// The observables at the start of each of its sessions, by name.
    pub fn starts(&self) -> &[Arc<BTreeMap<&'static str, Map>>] {
        &self.starts
    }
}

/// One call of an operation, or a reset.
#[derive(Debug)]
pub struct SeenCall {
    /// The operation.
    pub operation: String,
    pub(super) answer: Result<Map, Refusal>,
    /// The observables before and after it, by name.
    pub(super) before: Arc<BTreeMap<&'static str, Map>>,
    pub(super) after: Arc<BTreeMap<&'static str, Map>>,
    pub(super) file: SeenFile,
    /// The warnings and events that came with it, as fields.
    pub(super) notices: Map,
    /// The number of the session: a restart begins another one.
    pub(super) session: usize,
}

impl SeenCall {
    /// The number of its session: a restart begins another one.
    pub fn session(&self) -> usize {
        self.session
    }

    /// Whether it was refused.
    pub fn is_refused(&self) -> bool {
        self.answer.is_err()
    }

    /// Its response.
    pub fn response(&self) -> Option<&Map> {
        self.answer.as_ref().ok()
    }

    /// An observable after it.
    pub fn observable(&self, name: &str) -> Option<&Map> {
        self.after.get(name)
    }

    /// The dicts in the file that it wrote, by part; None if it wrote none.
    pub fn file_parts(&self) -> Option<&Map> {
        match &self.file {
            SeenFile::Written { parts, .. } => Some(parts),
            SeenFile::None | SeenFile::Unchanged => None,
        }
    }

    /// The mechanical changes of the file that it wrote, but for those of its dicts.
    pub fn file_changes(&self) -> &[FileChange] {
        match &self.file {
            SeenFile::Written { changes, .. } => changes,
            SeenFile::None | SeenFile::Unchanged => &[],
        }
    }

    /// The warnings and events that came with it, as fields.
    pub fn notices(&self) -> &Map {
        &self.notices
    }
}

/// What a call did with the file of its request.
#[derive(Debug)]
pub(super) enum SeenFile {
    /// There is none.
    None,
    /// It was there before, and is unchanged.
    Unchanged,
    /// The call wrote it: its dicts by part, and its other mechanical changes.
    Written { parts: Map, changes: Vec<FileChange> },
}

/// An implementation that keeps what it shows.
pub struct Recorder {
    inner: Arc<dyn Implementation>,
    contract: &'static dyn Contract,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    environment: BTreeMap<String, String>,
    starts: Vec<Arc<BTreeMap<&'static str, Map>>>,
    calls: Vec<SeenCall>,
}

/// A job for each check, on a recorder of its own around this implementation.
pub fn recorders(
    checks: &[Arc<Check>],
    inner: &Arc<dyn Implementation>,
    contract: &'static dyn Contract,
) -> (Vec<Arc<Recorder>>, Vec<Job>) {
    let recorder = |_| Arc::new(Recorder { inner: Arc::clone(inner), contract, seen: Arc::default() });
    let recorders: Vec<Arc<Recorder>> = checks.iter().map(recorder).collect();
    let job = |(check, recorder): (&Arc<Check>, &Arc<Recorder>)| {
        Job::new(check, Arc::clone(recorder) as Arc<dyn Implementation>, Phase::Green)
    };
    let jobs = checks.iter().zip(&recorders).map(job).collect();
    (recorders, jobs)
}

/// What was recorded in the checks that passed.
pub fn recordings(
    checks: &[Arc<Check>],
    recorders: &[Arc<Recorder>],
    outcomes: &[Outcome],
) -> Vec<Recording> {
    let all = checks.iter().zip(recorders).zip(outcomes);
    all.filter(|(_, outcome)| outcome.verdict() == Verdict::Pass)
        .map(|((check, recorder), _)| {
            let mut seen = recorder.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let Seen { environment, starts, calls } = std::mem::take(&mut *seen);
            Recording { check: Arc::clone(check), environment, starts, calls }
        })
        .collect()
}

impl Wrapper for Recorder {
    fn inner(&self) -> &dyn Implementation {
        self.inner.as_ref()
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        let inner = self.inner.start(context.clone());
        let seen = Arc::clone(&self.seen);
        let number = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.environment = context.environment().clone();
            seen.starts.len() + 1
        };
        let mut session = RecordingSession {
            inner,
            context,
            contract: self.contract,
            seen,
            observed: Arc::default(),
            notices: Notices::default(),
            reports: [WARNINGS, EVENTS].into_iter().filter(|name| self.inner.supports(name)).collect(),
            session: number,
        };
        session.observed = session.observe_all();
        let mut seen = session.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.starts.push(Arc::clone(&session.observed));
        drop(seen);
        Box::new(session)
    }
}

struct RecordingSession {
    inner: Box<dyn Session>,
    context: SessionContext,
    contract: &'static dyn Contract,
    seen: Arc<Mutex<Seen>>,
    observed: Arc<BTreeMap<&'static str, Map>>,
    /// The warnings and events that were not asked for yet.
    notices: Notices,
    /// Which of them the implementation reports.
    reports: Vec<&'static str>,
    session: usize,
}

impl RecordingSession {
    fn observe_all(&mut self) -> Arc<BTreeMap<&'static str, Map>> {
        let mut all = BTreeMap::new();
        for name in self.contract.observables() {
            if let Ok(Value::Map(map)) = self.inner.observe(name) {
                all.insert(*name, map);
            }
        }
        Arc::new(all)
    }

    /// The warnings and events, if the implementation says that it reports them.
    fn reported(&self, notices: &Notices) -> Map {
        let mut fields = notices_fields(notices);
        fields.retain(|name, _| self.reports.contains(&name.as_str()));
        fields
    }

    fn seen_file(&self, path: &Path, before: Option<FileState>) -> SeenFile {
        match FileState::of(path) {
            None => SeenFile::None,
            after if after == before => SeenFile::Unchanged,
            // What the contract's reader cannot read is changed as a whole only.
            Some(_) => SeenFile::Written {
                parts: self.contract.file_parts(path).unwrap_or_default(),
                changes: self.contract.file_changes(path).unwrap_or_default(),
            },
        }
    }
}

impl Session for RecordingSession {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        let known = self.contract.operation(operation);
        if known.is_none() && operation != RESET {
            return self.inner.call(operation, fields);
        }
        let file = known.and_then(|known| (known.file)(fields)).map(|file| self.context.path(&file));
        let before_file = file.as_deref().and_then(FileState::of);
        let answer = self.inner.call(operation, fields);
        let notices = self.inner.notices();
        let before = std::mem::take(&mut self.observed);
        self.observed = self.observe_all();
        let file = file.map_or(SeenFile::None, |file| self.seen_file(&file, before_file));
        let call = SeenCall {
            operation: operation.to_owned(),
            answer: answer.clone(),
            before,
            after: Arc::clone(&self.observed),
            file,
            notices: self.reported(&notices),
            session: self.session,
        };
        self.notices.extend(notices);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).calls.push(call);
        answer
    }

    fn outside(&self) -> Option<&Path> {
        self.inner.outside()
    }

    fn notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    fn lost(&self) -> Option<SessionError> {
        self.inner.lost()
    }

    fn finish(&mut self) -> Option<SessionError> {
        self.inner.finish()
    }
}

/// A file, and whether it is the same one: what was written again is another one, even with the same bytes.
#[derive(PartialEq)]
struct FileState {
    digest: Digest,
    inode: u64,
    modified: (i64, i64),
}

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let digest = Digest::of(&fs::read(path).ok()?);
        let metadata = path.metadata().ok()?;
        Some(Self { digest, inode: metadata.ino(), modified: (metadata.mtime(), metadata.mtime_nsec()) })
    }
}

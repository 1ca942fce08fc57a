//! The built-in implementations on libtorch, in a separate program.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::{
    bundle::{
        BUNDLE,
        operations::{OperationRequest as _, TORCH, request::Forward},
    },
    harness::{
        adapter::client::{Launch, Remote},
        contract::{
            BuiltIn, CallLog, Implementation, Refusal, Session, SessionContext, SessionError, Wrapper,
        },
    },
    value::Map,
};

/// The program `bundleproof-torch`, which is built with the feature `torch`.
#[derive(Debug)]
pub struct TorchProgram {
    path: PathBuf,
    found: OnceLock<Result<(), NoTorch>>,
}

/// Why the program cannot be used, with the command to fix it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot start {program}, so cases that need torch are skipped: {detail}; install libtorch 2.13.0 where it was \
     when the program was built, or in a directory of LD_LIBRARY_PATH"
)]
pub struct NoTorch {
    program: String,
    detail: String,
}

impl TorchProgram {
    /// The program at this path. It starts when it is first needed.
    pub fn new(path: PathBuf) -> Self {
        Self { path, found: OnceLock::new() }
    }

    /// Whether it starts.
    ///
    /// # Errors
    /// Why it does not, with the system's message about missing libraries.
    pub fn check(&self) -> Result<(), NoTorch> {
        self.found.get_or_init(|| self.start()).clone()
    }

    fn start(&self) -> Result<(), NoTorch> {
        let no = |detail: String| NoTorch { program: self.path.display().to_string(), detail };
        let ended = Command::new(&self.path).arg("--version").stdin(Stdio::null()).output();
        let ended = ended.map_err(|error| no(error.to_string()))?;
        if ended.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let line = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("no message on stderr");
        Err(no(line.trim().to_owned()))
    }
}

/// Wraps the implementations so the program runs the checks that need torch.
pub fn with_torch(built_ins: Vec<BuiltIn>, program: &Arc<TorchProgram>) -> Vec<BuiltIn> {
    let backed = |own: BuiltIn| {
        let program = Arc::clone(program);
        let implementation = TorchBacked { own: own.implementation, program, remote: Mutex::new(None) };
        BuiltIn { implementation: Arc::new(implementation), role: own.role }
    };
    built_ins.into_iter().map(backed).collect()
}

/// An implementation in this process, and the same implementation in the program.
struct TorchBacked {
    own: Arc<dyn Implementation>,
    program: Arc<TorchProgram>,
    /// `None` until it is first needed.
    remote: Mutex<Option<Remote>>,
}

impl Wrapper for TorchBacked {
    fn inner(&self) -> &dyn Implementation {
        self.own.as_ref()
    }

    fn supports(&self, need: &str) -> bool {
        self.own.supports(need) || ([TORCH, Forward::NAME].contains(&need) && self.program.check().is_ok())
    }

    fn may_differ(&self, calls: &CallLog) -> bool {
        self.own.may_differ(calls)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        if !context.needs(TORCH) {
            return self.own.start(context);
        }
        let mut remote = self.remote.lock().unwrap_or_else(PoisonError::into_inner);
        if remote.is_none() {
            let command = vec![
                self.program.path.display().to_string(),
                "--impl".to_owned(),
                self.own.name().to_owned(),
            ];
            match Remote::connect(
                &BUNDLE,
                Some(self.own.name()),
                Launch::command(command),
                context.environment().clone(),
                None,
            ) {
                Ok(connected) => *remote = Some(connected),
                Err(error) => return Box::new(Unstarted(error.to_string())),
            }
        }
        match remote.as_ref() {
            Some(remote) => remote.start(context),
            None => self.own.start(context),
        }
    }

    fn end(&self) {
        self.own.end();
        // Another case starts the processes again when it needs them.
        self.remote.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A session of a program that could not be started.
struct Unstarted(String);

impl Session for Unstarted {
    fn call(&mut self, _operation: &str, _fields: &Map) -> Result<Map, Refusal> {
        Ok(Map::new())
    }

    fn lost(&self) -> Option<SessionError> {
        Some(SessionError::Crash(self.0.clone()))
    }
}

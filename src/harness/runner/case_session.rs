//! The sessions of one check: a step can continue in a new process.

use std::path::Path;

use crate::{
    harness::contract::{
        Implementation, Notices, RESTART, Refusal, RefusalKind, Session, SessionContext, SessionError,
    },
    value::Map,
};

/// The session of a check, which `restart` replaces by one in another process.
pub(super) struct CaseSession<'i> {
    implementation: &'i dyn Implementation,
    context: SessionContext,
    /// How many restarts follow.
    restarts: usize,
    inner: Box<dyn Session>,
    /// Why an earlier session stopped responding.
    lost: Option<SessionError>,
}

impl<'i> CaseSession<'i> {
    /// Starts the first session of a check with this many restarts.
    pub(super) fn start(
        implementation: &'i dyn Implementation,
        context: SessionContext,
        restarts: usize,
    ) -> Self {
        let inner = implementation.start(until_restart(context.clone(), restarts));
        Self { implementation, context, restarts, inner, lost: None }
    }

    fn restart(&mut self) -> Result<Map, Refusal> {
        self.restarts = self.restarts.saturating_sub(1);
        self.lost = self.inner.finish();
        if let Some(lost) = &self.lost {
            return Err(Refusal::new(RefusalKind::Internal, lost.to_string()));
        }
        let context = until_restart(self.context.clone().with_new_process(), self.restarts);
        self.inner = self.implementation.start(context);
        Ok(Map::new())
    }
}

/// A process that something is to outlast ends with its session: what it has not written is lost.
fn until_restart(context: SessionContext, restarts: usize) -> SessionContext {
    if restarts == 0 { context } else { context.with_end_of_process() }
}

impl Session for CaseSession<'_> {
    fn call(&mut self, operation: &str, fields: &Map) -> Result<Map, Refusal> {
        match operation {
            RESTART => self.restart(),
            operation => self.inner.call(operation, fields),
        }
    }

    fn notices(&mut self) -> Notices {
        self.inner.notices()
    }

    fn outside(&self) -> Option<&Path> {
        self.inner.outside()
    }

    fn process(&self) -> Option<u32> {
        self.inner.process()
    }

    fn lost(&self) -> Option<SessionError> {
        self.lost.clone().or_else(|| self.inner.lost())
    }

    fn finish(&mut self) -> Option<SessionError> {
        self.lost.clone().or_else(|| self.inner.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        path::PathBuf,
        sync::{Arc, Mutex, PoisonError},
    };

    use super::*;

    /// Whether each session was to have a new process, and whether to end it.
    type Asked = Arc<Mutex<Vec<(bool, bool)>>>;

    struct Counting {
        asked: Asked,
        /// Whether its sessions end with an error.
        is_lost: bool,
    }

    struct Counted(bool);

    impl Implementation for Counting {
        fn name(&self) -> &str {
            "counting"
        }

        fn version(&self) -> &str {
            "1"
        }

        fn supports(&self, _need: &str) -> bool {
            true
        }

        fn start(&self, context: SessionContext) -> Box<dyn Session> {
            let asked = (context.has_new_process(), context.ends_process());
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            Box::new(Counted(self.is_lost))
        }
    }

    impl Session for Counted {
        fn call(&mut self, operation: &str, _fields: &Map) -> Result<Map, Refusal> {
            assert_ne!(operation, RESTART, "no implementation receives it");
            Ok(Map::new())
        }

        fn finish(&mut self) -> Option<SessionError> {
            self.0.then(|| SessionError::Protocol("unsolicited message".to_owned()))
        }
    }

    fn run(is_lost: bool, restarts: usize) -> (Vec<(bool, bool)>, Option<SessionError>) {
        let asked = Asked::default();
        let implementation = Counting { asked: Arc::clone(&asked), is_lost };
        let context = SessionContext::new(PathBuf::from("/"), BTreeMap::new());
        let mut session = CaseSession::start(&implementation, context, restarts);
        for _ in 0..restarts {
            let _ = session.call("set_params", &Map::new());
            let _ = session.call(RESTART, &Map::new());
        }
        let lost = session.lost();
        (asked.lock().unwrap_or_else(PoisonError::into_inner).clone(), lost)
    }

    #[test]
    fn a_restart_ends_the_process_and_asks_for_a_new_one() {
        assert_eq!(run(false, 0), (vec![(false, false)], None));
        assert_eq!(run(false, 2), (vec![(false, true), (true, true), (true, false)], None));
    }

    #[test]
    fn a_session_that_ends_with_an_error_is_not_continued() {
        let (asked, lost) = run(true, 1);
        assert_eq!((asked.len(), lost), (1, Some(SessionError::Protocol("unsolicited message".to_owned()))));
    }
}

//! An implementation around another one.

use std::sync::Arc;

use super::{AllowedEffect, CallLog, Details, Implementation, OwnFixtures, Session, SessionContext};

/// An implementation around another one: it is that one in everything that it does not define itself.
pub trait Wrapper: Send + Sync {
    /// The implementation inside.
    fn inner(&self) -> &dyn Implementation;

    /// See [`Implementation::name`].
    fn name(&self) -> &str {
        self.inner().name()
    }

    /// See [`Implementation::details`].
    fn details(&self) -> Details {
        self.inner().details()
    }

    /// See [`Implementation::supports`].
    fn supports(&self, need: &str) -> bool {
        self.inner().supports(need)
    }

    /// See [`Implementation::fixtures`].
    fn fixtures(&self, need: &str) -> Option<&OwnFixtures> {
        self.inner().fixtures(need)
    }

    /// See [`Implementation::allowed_effects`].
    fn allowed_effects(&self) -> &[AllowedEffect] {
        self.inner().allowed_effects()
    }

    /// See [`Implementation::fresh`]. None by default, because a fresh inner implementation would not be wrapped.
    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        None
    }

    /// See [`Implementation::may_differ`]. True by default, because the wrapper may be the difference.
    fn may_differ(&self, _calls: &CallLog) -> bool {
        true
    }

    /// See [`Implementation::start`].
    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        self.inner().start(context)
    }

    /// See [`Implementation::end`].
    fn end(&self) {
        self.inner().end();
    }
}

impl<W: Wrapper> Implementation for W {
    fn name(&self) -> &str {
        Wrapper::name(self)
    }

    fn version(&self) -> &str {
        self.inner().version()
    }

    fn details(&self) -> Details {
        Wrapper::details(self)
    }

    fn supports(&self, need: &str) -> bool {
        Wrapper::supports(self, need)
    }

    fn era(&self) -> Option<&str> {
        self.inner().era()
    }

    fn fixtures(&self, need: &str) -> Option<&OwnFixtures> {
        Wrapper::fixtures(self, need)
    }

    fn allowed_effects(&self) -> &[AllowedEffect] {
        Wrapper::allowed_effects(self)
    }

    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        Wrapper::fresh(self)
    }

    fn may_differ(&self, calls: &CallLog) -> bool {
        Wrapper::may_differ(self, calls)
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        Wrapper::start(self, context)
    }

    fn end(&self) {
        Wrapper::end(self);
    }
}

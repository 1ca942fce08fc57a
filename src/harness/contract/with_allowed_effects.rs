//! An implementation with effects that the contract excludes and its file allows.

use std::sync::Arc;

use super::{AllowedEffect, Details, Implementation, OwnFixtures, Session, SessionContext};

/// An implementation with effects that do not count as violations.
pub struct WithAllowedEffects {
    inner: Arc<dyn Implementation>,
    allowed: Vec<AllowedEffect>,
}

impl WithAllowedEffects {
    /// These violations do not count.
    pub fn new(inner: Arc<dyn Implementation>, allowed: Vec<AllowedEffect>) -> Self {
        Self { inner, allowed }
    }
}

impl Implementation for WithAllowedEffects {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    /// States what is allowed and why: a report of a run without violations must say so.
    fn details(&self) -> Details {
        let mut details = self.inner.details();
        let allowed = self.allowed.iter().map(|one| format!("allowed {}: {}", one.effect, one.reason));
        details.notes.extend(allowed);
        details
    }

    fn era(&self) -> Option<&str> {
        self.inner.era()
    }

    fn supports(&self, need: &str) -> bool {
        self.inner.supports(need)
    }

    fn fixtures(&self, need: &str) -> Option<&OwnFixtures> {
        self.inner.fixtures(need)
    }

    fn allowed_effects(&self) -> &[AllowedEffect] {
        &self.allowed
    }

    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        let inner = self.inner.fresh()?;
        Some(Arc::new(Self { inner, allowed: self.allowed.clone() }))
    }

    fn start(&self, context: SessionContext) -> Box<dyn Session> {
        self.inner.start(context)
    }

    fn end(&self) {
        self.inner.end();
    }
}

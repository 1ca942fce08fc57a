//! An implementation with fixtures of its own.

use std::sync::Arc;

use super::{Details, Implementation, OwnFixtures, Wrapper};

/// An implementation with fixtures of its own, which give it one more capability.
pub struct WithFixtures {
    inner: Arc<dyn Implementation>,
    capability: &'static str,
    fixtures: OwnFixtures,
}

impl WithFixtures {
    /// Checks that need this capability are run with these fixtures.
    pub fn new(inner: Arc<dyn Implementation>, capability: &'static str, fixtures: OwnFixtures) -> Self {
        Self { inner, capability, fixtures }
    }
}

impl Wrapper for WithFixtures {
    fn inner(&self) -> &dyn Implementation {
        self.inner.as_ref()
    }

    fn details(&self) -> Details {
        let mut details = self.inner.details();
        let (capability, digest) = (self.capability, &self.fixtures.digest);
        details.notes.push(format!("fixtures of its own in checks that need {capability}: SHA-256 {digest}"));
        details
    }

    fn supports(&self, need: &str) -> bool {
        need == self.capability || self.inner.supports(need)
    }

    fn fixtures(&self, need: &str) -> Option<&OwnFixtures> {
        (need == self.capability).then_some(&self.fixtures)
    }

    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        let inner = self.inner.fresh()?;
        Some(Arc::new(Self { inner, capability: self.capability, fixtures: self.fixtures.clone() }))
    }
}

//! An implementation with effects that the contract excludes and its file allows.

use std::sync::Arc;

use super::{AllowedEffect, Details, Implementation, Wrapper};

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

impl Wrapper for WithAllowedEffects {
    fn inner(&self) -> &dyn Implementation {
        self.inner.as_ref()
    }

    /// States what is allowed and why: a report of a run without violations must say so.
    fn details(&self) -> Details {
        let mut details = self.inner.details();
        let allowed = self.allowed.iter().map(|one| format!("allowed {}: {}", one.effect, one.reason));
        details.notes.extend(allowed);
        details
    }

    fn allowed_effects(&self) -> &[AllowedEffect] {
        &self.allowed
    }

    fn fresh(&self) -> Option<Arc<dyn Implementation>> {
        let inner = self.inner.fresh()?;
        Some(Arc::new(Self { inner, allowed: self.allowed.clone() }))
    }
}

//! The fixtures of the suite, made by another implementation: bundles with networks that it can build.
//!
//! Reading order: [`Blueprint`] (one bundle that an implementation has to save), [`make`] (all of them, in a new
//! directory), [`read`] (such a directory, for a run).

mod blueprint;
mod directory;

pub use blueprint::{Blueprint, blueprints};
pub use directory::{MadeBundle, MadeFixtures, MakeError, ReadError, make, read};

//! Conformance suite and red/green harness for saved model bundles.
//!
//! A bundle is what a ptychographic reconstruction saves: `wts.h5.zip`, with two networks and the
//! configuration they were built from. This crate runs a suite of cases on an implementation that saves
//! and loads such bundles, and says where it breaks the contract. It proves its own cases first: each is
//! seen to fail, at the expectation it names, on something that breaks its requirement.
//!
//! # Reading order
//!
//! 1. [`contract`]: the nouns, and [`contract::Policy`], every decision as data.
//! 2. [`mod@format`]: bytes to nouns and back, under stated limits.
//! 3. [`implementation`]: the trait of what can be put under test; the reference, the stub, the mutants; and
//!    programs in any language, behind a protocol.
//! 4. [`inspection`]: what a bundle on disk holds and which requirements it breaks, without an implementation.
//! 5. [`suite`]: requirements, cases, expectations, plans, read from TOML and held against themselves.
//! 6. [`runner`]: runs checks side by side and records outcomes; a verdict is folded from an outcome.
//! 7. [`evidence`]: reports, and the ledger that is computed from them.
//! 8. [`interop`]: who reads whose bundles.
//! 9. [`proof`]: every check on everything that breaks a requirement, and what that proves.
//! 10. [`cli`]: where these meet.
//!
//! # Invariants
//!
//! A test holds those that can be read off the sources.
//!
//! 1. `contract` does no input or output.
//! 2. `format` never panics on input and never allocates from a length it has not checked.
//! 3. `suite` and `runner` never name an implementation: `cli` hands them what they run.
//! 4. Processes are in `implementation::remote` only; deadlines and clocks there and in `runner`.
//! 5. `evidence` is a pure function of outcomes and a stamp: a report can be rendered again from its own
//!    `results.json`, byte for byte. What is about the store is in `chain.json`.
//! 6. Nothing is stored twice.
//!
//! # Example
//!
//! A backend in Rust runs the suite as its own tests: a test target with `harness = false` and this `main`, with the
//! backend in the place of the reference.
//!
//! ```no_run
//! use bundleproof::{
//!     bundle::{BUNDLE, implementations::reference},
//!     harness::libtest,
//! };
//!
//! fn main() -> std::process::ExitCode {
//!     libtest::run(&BUNDLE, reference())
//! }
//! ```

pub mod bundle;
pub mod cli;
mod fs_util;
pub mod harness;
pub(crate) mod text;
pub mod torch_files;
pub mod value;

//! Conformance suite and red/green harness for saved model bundles.
//!
//! A bundle is what a ptychographic reconstruction saves: `wts.h5.zip`, with two networks and the
//! configuration they were built from. This crate runs a suite of cases on an implementation that saves
//! and loads such bundles, and says where it breaks the contract. It proves its own cases first: each is
//! seen to fail, at the expectation it names, on something that breaks its requirement.
//!
//! # Reading order
//!
//! 1. [`value`]: values as Python has them, their JSON notation, and digests.
//! 2. [`torch_files`]: zip archives, pickles and PyTorch files; bytes to values and back, under stated limits.
//! 3. [`harness::contract`]: what a contract tells the engine, and what an implementation is.
//! 4. [`harness::suite`]: requirements, cases, expectations and plans, read from TOML and checked as a whole.
//! 5. [`harness::adapter`]: implementations in any language, behind a protocol.
//! 6. [`harness::runner`]: runs checks side by side and records outcomes; a verdict is folded from an outcome.
//! 7. [`harness::record`], [`harness::report`], [`harness::store`]: what a run leaves, rendered and verified.
//! 8. [`harness::ledger`]: the state of each plan row, computed from reports; [`harness::import`]: results of other test
//!    runners as reports; [`harness::compare`]: what changed between two reports.
//! 9. [`harness::proof`]: every check on every faulty implementation, and what that proves.
//! 10. [`bundle`]: the contract of `wts.h5.zip`: its nouns and operations, the reference, the stub and the mutants,
//!     the check of a file without an implementation, and who reads whose bundles.
//! 11. [`cli`]: one file for each subcommand.
//!
//! # Invariants
//!
//! The test target `layers` resolves every path in the sources and holds 1 to 4.
//!
//! 1. `value`, `text`, `fs_util` and `threads` use nothing else of the crate. `torch_files` and `harness` do not know each other
//!    or a contract, and `harness` names nothing of one. `bundle` uses all of these; `cli` uses everything, and only
//!    the programs use `cli`.
//! 2. Processes are in `harness::adapter::client` only, and in the check whether `bundleproof-torch` starts. Clocks are
//!    there, in `harness::runner`, in its deadlines and in `cli`; the time of day is read in `harness::record` only.
//! 3. Only `cli` prints, reads the environment or picks an exit code, and `harness::libtest`, which is the main function
//!    of a test target.
//! 4. No files use each other in a circle.
//! 5. `torch_files` never panics on input and never allocates from a length it has not checked.
//! 6. `harness::report` is a pure function of a record: a report can be rendered again from its own `results.json`,
//!    `durations.json` and, for a proof, `matrix.json`, byte for byte. What is about the store is in `chain.json`.
//! 7. An operation is declared once: everything that lists operations is generated from that table.
//! 8. Nothing is stored twice.
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
mod threads;
pub mod torch_files;
pub mod value;

//! The contract of `wts.h5.zip`: what a bundle contains, and how programs save and load it.
//!
//! Reading order: [`nouns`] (configurations, params and bundles, without any I/O), [`operations`] (what a case can call,
//! with requests and responses; `effects` is what each may change), [`files`] (bundles, datasets and inputs on disk), [`implementations`] (the reference
//! and its mutants), [`check`] (the requirements that a file alone can break), [`interop`] (every writer against every
//! reader), and [`BUNDLE`], which hands all of this to the engine in [`crate::harness`].
//!
//! Invariants: the engine reaches this module only through [`BUNDLE`]; every requirement id in a comment or message is
//! one of `conformance/bundle/requirements`; nothing here panics on input or executes anything that a file contains.

pub mod check;
mod contract;
mod effects;
pub mod files;
pub mod implementations;
pub mod interop;
pub mod nouns;
pub mod operations;
pub mod own_fixtures;

pub use contract::{BUNDLE, BundleContract};

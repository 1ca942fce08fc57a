//! The contract of `wts.h5.zip`.

pub mod check;
mod contract;
pub mod files;
pub mod implementations;
pub mod interop;
pub mod nouns;
pub mod operations;

pub use contract::{BUNDLE, BundleContract};

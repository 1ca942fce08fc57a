//! harness/adapter.

pub mod client;
pub(crate) mod protocol;
pub(crate) mod server;

pub use server::serve;

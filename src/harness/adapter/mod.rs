//! Implementations in other processes: the protocol, the side that serves and the side that asks.

pub mod client;
pub mod protocol;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod server;

pub use server::serve;

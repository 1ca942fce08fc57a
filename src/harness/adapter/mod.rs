//! Implementations in other processes: the protocol, the side that serves and the side that asks.

pub mod client;
mod descendants;
pub mod limits;
pub mod protocol;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod server;
#[cfg(target_os = "linux")]
pub mod supervisor;

pub use server::serve;

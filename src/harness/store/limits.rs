//! The longest files of a report: the reader refuses longer ones, and the writer writes none.

use crate::harness::record::{CHAIN, ENVIRONMENT, SUMS, chain::MAX_CHAIN_BYTES};

/// The longest file of a report: 256 MiB. Most are read as a whole.
pub const MAX_RESULTS_BYTES: u64 = 256 * 1024 * 1024;
/// The longest `SHA256SUMS`: 16 MiB.
pub(crate) const MAX_SUMS_BYTES: u64 = 16 * 1024 * 1024;
/// The longest `environment.json`: 1 MiB. Implementations state what is in it.
pub(super) const MAX_ENVIRONMENT_BYTES: u64 = 1024 * 1024;

/// The longest file of this name in a report, in bytes.
pub(super) fn longest(name: &str) -> u64 {
    match name {
        SUMS => MAX_SUMS_BYTES,
        CHAIN => MAX_CHAIN_BYTES,
        ENVIRONMENT => MAX_ENVIRONMENT_BYTES,
        _ => MAX_RESULTS_BYTES,
    }
}

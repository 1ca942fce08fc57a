//! What `--version` prints: the program, and the versions of what it speaks and follows.

use std::sync::LazyLock;

use crate::{
    bundle::nouns::ERAS,
    harness::{adapter::protocol::PROTOCOL, record::FORMAT},
};

/// The commit that a release was built from, if Git knew it.
const COMMIT: Option<&str> = option_env!("BUNDLEPROOF_COMMIT");

/// The version, the commit, and the versions of the protocol, the reports and the contract.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    let commit = COMMIT.map(|commit| format!(" ({commit})")).unwrap_or_default();
    let eras: Vec<&str> = ERAS.iter().map(|era| era.name).collect();
    format!(
        "{}{commit}\nadapter protocol {PROTOCOL}\nreport format {FORMAT}\ncontract of {}",
        env!("CARGO_PKG_VERSION"),
        eras.join(", ")
    )
});

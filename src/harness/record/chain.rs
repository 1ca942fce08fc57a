//! The position of a report in its store: `chain.json`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::RunTimestamp;

use super::{CHAIN, ReadError, SUMS, run_record};
use crate::harness::store::{
    IoError,
    sums::{MAX_SUMS_BYTES, read_bounded, sha256},
};

/// The longest `chain.json` that is read: 64 KiB.
pub(crate) const MAX_CHAIN_BYTES: u64 = 64 * 1024;

/// The position of a report in its store, and when it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The version of this structure: [`FORMAT`](crate::harness::record::FORMAT).
    pub format: u32,
    /// The number of the report in its store, from 1. Reports are ordered by it.
    pub sequence: u64,
    /// The name of the report. Timestamps do not order reports.
    pub stamp: RunTimestamp,
    /// The previous report, except for the first.
    pub predecessor: Option<Predecessor>,
    /// When the run started, as RFC 3339.
    pub started: String,
    /// When the run ended, as RFC 3339.
    pub ended: String,
}

/// The report that was the newest when this one was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its name.
    pub stamp: RunTimestamp,
    /// Its number.
    pub sequence: u64,
    /// The SHA-256 of its `SHA256SUMS`, which covers all of its files.
    pub digest: String,
}

impl Chain {
    /// Reads `chain.json`.
    ///
    /// # Errors
    /// When it has another format version, or is invalid.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        run_record::read(bytes, |chain: &Self| chain.format)
    }
}

/// The next number of a store, and the previous report. Unreadable reports are ignored here; the reader of the store
/// reports them.
pub(crate) fn next_place(reports: &Path) -> Result<(u64, Option<Predecessor>), IoError> {
    let mut last: Option<Predecessor> = None;
    let mut highest = 0;
    for entry in fs::read_dir(reports).map_err(IoError::when("list", reports))? {
        let path = entry.map_err(IoError::when("list", reports))?.path();
        let stamp = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse::<RunTimestamp>().ok());
        let Some(stamp) = stamp else { continue };
        let chain = read_bounded(&path.join(CHAIN), MAX_CHAIN_BYTES).ok();
        let chain =
            chain.and_then(|bytes| Chain::from_json(&bytes).ok()).filter(|chain| chain.stamp == stamp);
        let Some(Chain { sequence, .. }) = chain else { continue };
        highest = highest.max(sequence);
        if last.as_ref().is_none_or(|last| last.sequence < sequence)
            && let Ok(sums) = read_bounded(&path.join(SUMS), MAX_SUMS_BYTES)
        {
            last = Some(Predecessor { stamp, sequence, digest: sha256(&sums) });
        }
    }
    Ok((highest.saturating_add(1), last))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::harness::{record::FORMAT, test_helpers};

    #[test]
    fn the_first_report_has_no_predecessor() {
        let stamp = test_helpers::stamp("2025-10-17T112849Z");
        let (started, ended) = (stamp.rfc3339(), stamp.rfc3339());
        let chain = Chain { format: FORMAT, sequence: 1, stamp, predecessor: None, started, ended };
        let text = serde_json::to_string(&chain).unwrap();
        assert!(text.contains(r#""predecessor":null"#), "{text}");
        assert_eq!(Chain::from_json(text.as_bytes()).unwrap(), chain);
        let newer = text.replace(r#""format":3"#, r#""format":4"#);
        assert!(matches!(Chain::from_json(newer.as_bytes()), Err(ReadError::Format { found: 4 })));
    }
}

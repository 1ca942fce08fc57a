//! Whether the reports of a store form one chain: each names the one before it, with its digest.

use std::collections::BTreeMap;

use super::IntegrityError;
use crate::harness::record::{Chain, Predecessor, RunTimestamp};

/// The digests of `SHA256SUMS` of the reports of a store; None for a report where that cannot be read.
pub(super) type Heads = BTreeMap<RunTimestamp, Option<String>>;

/// The errors in these chains, which are ordered by number; the first error of a report is the most telling.
pub(super) fn broken_links(chains: &[&Chain], heads: &Heads) -> Vec<(RunTimestamp, IntegrityError)> {
    let mut broken = duplicate_numbers(chains);
    let numbers: BTreeMap<RunTimestamp, u64> =
        chains.iter().map(|chain| (chain.stamp, chain.sequence)).collect();
    let mut successors: BTreeMap<RunTimestamp, RunTimestamp> = BTreeMap::new();
    for chain in chains {
        let (stamp, sequence) = (chain.stamp, chain.sequence);
        let Some(Predecessor { stamp: before, sequence: number, digest }) = &chain.predecessor else {
            // A first report that could be read would have been named; the numbers of the others were skipped.
            let unreadable = heads.len().saturating_sub(chains.len()) as u64;
            if sequence > unreadable + 1 {
                broken.push((stamp, IntegrityError::Sequence { sequence }));
            }
            continue;
        };
        if let Some(other) = successors.insert(*before, stamp) {
            broken.push((other, IntegrityError::Fork { before: *before, other: stamp }));
            broken.push((stamp, IntegrityError::Fork { before: *before, other }));
        }
        let known = numbers.get(before).is_none_or(|known| known == number);
        match heads.get(before) {
            None => broken.push((stamp, IntegrityError::NoPredecessor(*before))),
            // Either report may have been edited, so neither counts.
            Some(Some(head)) if head != digest => {
                broken.push((*before, IntegrityError::OtherThanSuccessorSaw(stamp)));
                broken.push((stamp, IntegrityError::AlteredPredecessor(*before)));
            }
            // A predecessor that cannot be read is damaged, and that is said of it. This one is not.
            Some(_) if !known || *number >= sequence => {
                broken.push((stamp, IntegrityError::Sequence { sequence }));
            }
            Some(_) => {}
        }
    }
    broken
}

/// The numbers that no report has, by the report after them. Those of reports that cannot be read are skipped when the next
/// one is written, so there may be as many as such reports, which are named anyway.
pub(super) fn missing_numbers(chains: &[&Chain], heads: &Heads) -> Vec<(RunTimestamp, IntegrityError)> {
    let mut gaps = Vec::new();
    let mut missing = 0;
    for chain in chains {
        let before = chain.predecessor.as_ref().map_or(0, |before| before.sequence);
        // A number that is not higher is another error.
        let skipped = chain.sequence.saturating_sub(before).saturating_sub(1);
        if skipped > 0 {
            missing += skipped;
            gaps.push((chain.stamp, IntegrityError::MissingNumbers { skipped, before: chain.sequence }));
        }
    }
    let unreadable = heads.len().saturating_sub(chains.len()) as u64;
    if missing > unreadable { gaps } else { Vec::new() }
}

/// Two reports with one number. The chains are ordered by number, so duplicates are neighbors.
fn duplicate_numbers(chains: &[&Chain]) -> Vec<(RunTimestamp, IntegrityError)> {
    let mut broken = Vec::new();
    for pair in chains.windows(2) {
        if let [a, b] = pair
            && a.sequence == b.sequence
        {
            let same = |other| IntegrityError::SameSequence { sequence: a.sequence, other };
            broken.push((a.stamp, same(b.stamp)));
            broken.push((b.stamp, same(a.stamp)));
        }
    }
    broken
}

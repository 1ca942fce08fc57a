//! Every mechanical fault of what was recorded.

use super::{ObservationFault, Recording, enumeration::Enumeration, sequences};
use crate::harness::contract::Contract;

/// The mechanical faults of everything that the recorded checks showed, in the order in which it was shown.
///
/// A change that cannot be seen is none: a response that a client decodes to the same fields, one that it cannot decode
/// (that ends every session), and a value that would not change.
pub fn observation_faults(
    contract: &'static dyn Contract,
    recordings: &[Recording],
) -> Vec<ObservationFault> {
    let mut all = Enumeration::new(contract, recordings.iter().flat_map(|recording| &recording.calls));
    for (check, recording) in recordings.iter().enumerate() {
        all.starts(check, recording);
        for call in &recording.calls {
            all.call((check, recording), call);
        }
        sequences::enumerate(&mut all, check, recording);
    }
    sequences::enumerate_environments(&mut all, recordings);
    all.into_faults()
}

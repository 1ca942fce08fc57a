//! Which mechanical faults the suite notices: everything that an implementation shows, changed one thing at a time.
//!
//! A run of the suite on the reference is recorded ([`Recording`]). From it, [`observation_faults`] makes one fault for
//! each leaf of each response, each value of each observable after each operation, each part of each written file, each
//! refusal, and each sequence of calls that a case has: changed, dropped, retyped, added, kept from an earlier call.
//! [`search`] looks for a check that notices each of them; what none notices is a blind spot, which
//! [`BlindSpots`] must list with a reason.
//!
//! Reading order: `recording`, `points` (the leaves of a value), `observation_fault`, `enumeration` (the faults
//! of single calls), `sequences`, `enumerate` (both), `search`,
//! `blind_spots`, `report`.
//!
//! The number of faults grows with the operations times what they show, not with the cases. Most are noticed by the first
//! or second check; one that is not noticed costs a run of every check that reaches it.

mod blind_spots;
mod enumerate;
mod enumeration;
mod observation_fault;
mod page;
mod points;
mod recording;
mod report;
mod search;
mod sequences;

pub use blind_spots::{BLIND_SPOTS, BlindSpot, BlindSpotProblem, BlindSpots};
pub use enumerate::observation_faults;
pub use observation_fault::{Kind, ObservationFault};
pub use page::observations_markdown;
pub use recording::{Recorder, Recording, SeenCall, recorders, recordings};
pub use report::{KindCount, Observations, UnnoticedFault};
pub use search::{Noticed, Search, Settled, search};

//! Runs checks on implementations and records what was seen.
//!
//! Which implementation is run is handed in: nothing here names one. Clocks, deadlines and sandboxes live
//! here; what an outcome means is folded from it in [`Outcome::verdict`].

mod context;
pub(crate) mod execute;
mod job;
mod outcome;
mod sandbox;
mod scheduler;

pub use job::{Implementations, Job, green, red};
pub use outcome::{
    Ended, ExpectationOutcome, Failure, Outcome, Phase, RedResult, StepOutcome, Verdict, WrittenFile,
};
pub use scheduler::{Options, run};

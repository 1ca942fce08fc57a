//! Runs checks on implementations and records the outcomes.
//!
//! Implementations are passed in; none is named here. Clocks, deadlines and sandboxes live here; the verdict is derived
//! from an outcome by [`Outcome::verdict`].

mod case_session;
mod context;
mod effects;
pub(crate) mod execute;
mod file_states;
mod job;
mod outcome;
mod reported;
mod sandbox;
mod scheduler;
mod shown;
mod witness;

pub use job::{Implementations, Job, green, planned_red, red};
pub use outcome::{
    Ended, ExpectationOutcome, Failure, Outcome, Phase, RedResult, StepOutcome, Verdict, WrittenFile,
};
pub use reported::{ReportedResult, ReportedTest, SourceLine, simple_name};
pub use scheduler::{Options, run, run_with_witness};
pub use witness::{Judged, Witness};

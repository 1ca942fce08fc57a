//! Runs checks on implementations and records the outcomes.
//!
//! Implementations are passed in; none is named here. Clocks, deadlines and sandboxes live here; the verdict is derived
//! from an outcome by [`Outcome::verdict`].

mod case_session;
mod context;
mod effects;
pub(crate) mod execute;
mod failure;
mod file_states;
mod first_process;
mod flaky;
mod job;
mod outcome;
mod recheck;
mod repeat;
mod reported;
mod root;
mod sandbox;
mod scheduler;
mod shown;
mod state_leak;
mod verdict;
mod witness;

pub use execute::lacking;
pub use flaky::Flaky;
pub use job::{Implementations, Job, green, planned_red, red};
pub use outcome::{
    Ended, ExpectationOutcome, Failure, NotReached, Outcome, PendingStep, Phase, StepOutcome, WrittenFile,
};
pub use repeat::{MAX_RUNS, run_repeatedly};
pub use reported::{ReportedResult, ReportedTest, SourceLine, simple_name};
pub use root::FailingStep;
pub use scheduler::{Options, run, run_with_witness};
pub use state_leak::StateLeak;
pub use verdict::{RedResult, Verdict};
pub use witness::{Judged, Witness};

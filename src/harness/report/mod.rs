//! Renders runs: as logs, as Markdown summaries, as JUnit, as a page for a browser, and several of them as one page.
//!
//! [`files`] renders all files of a report from a [`RunRecord`](crate::harness::record::RunRecord), the contents of
//! `results.json`.
//!
//! Invariant: nothing in here runs checks, reads a clock or reads the environment. Rendering is a pure function of the
//! run, so a report can be rendered again from its own `results.json` and `durations.json`, byte for byte. What depends
//! on the other reports of a store is in `chain.json`, and no fact is stored twice.

mod cause;
mod conformance_page;
mod failed_check;
mod failures;
pub mod html;
pub(crate) mod junit;
pub(crate) mod log;
mod messages;
mod page;
pub(crate) mod render;
mod rerun;
pub(crate) mod shown_step;
mod state;
mod summary;
mod survey;
mod verdict;

pub use cause::Cause;
pub use failed_check::failed_check;
pub use junit::junit;
pub use log::logs;
pub use messages::{Group, area, ending, groups};
pub use render::{RenderError, files};
pub use rerun::rerun_command;
pub use state::State;
pub use survey::{NotSurveyable, Surveyed, survey};
pub use verdict::{RunVerdict, restricts};

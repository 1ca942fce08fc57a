//! Adversaries: implementations that are wrong in a way that no requirement foresees, and that every suite must notice.
//!
//! An [`Adversary`] is wrapped around any implementation, and needs nothing but the contract's table of operations. A
//! [`Trial`] is one check on one of them. `prove` tries every check on every adversary around the reference, and a run
//! on a third-party implementation tries a few around that implementation, as its negative [`control`]: a harness that
//! does not notice them there would not notice real faults either.
//!
//! Reading order: [`Adversary`] (what they are), `around` (the session that they share), one file for each of them,
//! [`Trial`], `candidates` (which checks show an adversary) and [`control`].

mod answers_everything;
mod answers_from_memory;
mod around;
mod candidates;
mod case_file;
mod control;
mod forgets_side_effects;
mod kind;
mod refuses_everything;
mod right_once;
mod trial;
mod words;
mod wrapped;

pub use control::{Controlled, control};
pub use kind::Adversary;
pub use trial::{Trial, TrialResult};
pub use wrapped::wrapped;

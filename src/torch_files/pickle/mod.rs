//! Pickles, read without executing anything and written as Python would.
//!
//! [`read`] runs the stack machine of protocols 0 to 5 on plain data: a call is recorded, never made,
//! and only the globals of an [`Allow`] can be named. What comes out is a [`Graph`], in which shared
//! objects are shared; [`Graph::to_value`] makes a tree of it under a bound on nodes and depth.
//! [`write_value`] is the other direction.

mod allow;
mod convert;
mod graph;
mod input;
mod machine;
pub(crate) mod numpy;
pub(crate) mod opcode;
pub(crate) mod path;
mod stack;
mod write;

pub(crate) use allow::storage_class;
pub use allow::{Allow, Global};
pub(crate) use convert::subscript;
pub use graph::{Graph, Id, Node};
pub use machine::read;
pub(crate) use write::Writer;
pub use write::{Protocol, write_value};

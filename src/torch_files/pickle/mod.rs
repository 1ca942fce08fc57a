//! Pickles, read without executing anything and written as Python writes them.
//!
//! [`read`] runs the stack machine of protocols 0 to 5 on plain data: calls are recorded and never made, and only the
//! globals of an [`Allow`] are accepted. The result is a [`Graph`], which keeps shared objects shared;
//! [`Graph::to_value`] turns it into a tree with bounded size and depth. [`write_value`] is the inverse.

mod allow;
mod bare;
mod calls;
mod convert;
mod graph;
mod input;
mod machine;
pub(crate) mod numpy;
pub(crate) mod opcode;
pub(crate) mod path;
mod python_object;
mod repr;
pub(crate) mod safe_mode;
mod stack;
mod surrogates;
mod texts;
mod well_known;
mod write;

pub use allow::{Allow, Class, DillFunction, Global, Wrapper};
pub(crate) use allow::{is_scheme, no_plain_values, storage_class};
pub(crate) use bare::{BarePickle, begins_a_pickle, read_bare};
pub use convert::{Converted, ConvertedObject};
pub(crate) use convert::{subscript, subscript_of};
pub use graph::{Graph, Id, Node};
pub use machine::read;
pub(crate) use machine::{ONE_OBJECT, Survey, read_first, survey, trailing};
pub use path::PathClass;
pub use well_known::Enumeration;
pub(crate) use well_known::torch_device;
pub(crate) use write::Writer;
pub use write::{Protocol, write_value};

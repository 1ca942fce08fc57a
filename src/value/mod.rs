//! Values as Python has them, their JSON notation, and digests.

mod deserializer;
pub(crate) mod difference;
pub(crate) mod digest;
mod json_text;
pub mod json_value;
pub(crate) mod python_repr;
mod python_value;
mod shared_map;
mod spelled;

pub(crate) use difference::{differences, further_places};
pub use digest::Digest;
pub(crate) use json_text::from_json;
pub use python_value::{Map, Value};
pub use shared_map::SharedMap;
pub(crate) use spelled::typed;

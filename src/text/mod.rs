//! Text for people: escaping, truncation, columns and numbers. Depends on nothing else in the crate.

mod counted;
mod escape;
mod table;
mod truncate;
mod wrap;

pub(crate) use counted::counted;
pub(crate) use escape::{line, markdown, markdown_code, shell_argument, shell_word, source};
pub(crate) use table::{columns, fitting};
pub(crate) use truncate::{beginning, ending, first_chars, truncated};
pub(crate) use wrap::wrapped;

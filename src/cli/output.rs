//! What commands print with `--json`: one object each, with the version of its format.

use serde::Serialize;

/// What a command prints with `--json`. Every type of this kind is in the table of `outputs.rs`.
pub(super) trait Output: Serialize {
    /// Within one format, fields may be added. It increases when one is removed or changes its meaning.
    const FORMAT: u32;
}

/// An output as it is printed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Versioned<'a, T> {
    /// The version of the output.
    format: u32,
    #[serde(flatten)]
    output: &'a T,
}

impl<'a, T: Output> Versioned<'a, T> {
    pub(super) fn of(output: &'a T) -> Self {
        Self { format: T::FORMAT, output }
    }

    /// The output as indented JSON with a final line break.
    pub(super) fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

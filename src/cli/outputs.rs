//! Every output of a command with `--json`.
//!
//! The table gives each its format, and in tests its schema in `conformance/schema/output`. A type that is not in it cannot
//! be printed. That what commands really print is valid is tested by `conformance/json_output.rs`.

use super::{
    audit, check, console, doctor, inspect, ledger, list, output::Output, printed_run, prove, render,
};
use crate::{
    bundle::interop::Matrix,
    harness::{compare::ComparisonJson, ledger::Ledger, proof::Coverage},
};

/// Declares the outputs, each with the name of its schema, the commands that print it, its format and its type.
macro_rules! outputs {
    ($($name:literal, [$($command:literal),*], $format:literal, $type:ty;)*) => {
        $(impl Output for $type {
            const FORMAT: u32 = $format;
        })*

        /// The schema of each output, by its name.
        #[cfg(test)]
        fn schemas() -> Vec<(&'static str, serde_json::Value)> {
            vec![$(($name, tests::schema::<$type>(&[$($command),*]))),*]
        }
    };
}

outputs! {
    "audit", ["audit"], 1, audit::Printed<'_>;
    "check", ["check"], 1, check::Printed<'_>;
    "compare", ["compare"], 1, ComparisonJson<'_>;
    "doctor", ["doctor"], 1, doctor::Diagnosis;
    "error", [], 1, console::JsonError<'_>;
    "inspect_bundle", ["inspect"], 1, inspect::Printed<'_>;
    "inspect_diff", ["inspect --diff"], 1, inspect::PrintedDifference<'_>;
    "inspect_tensors", ["inspect"], 1, inspect::PrintedTensors<'_>;
    "interop", ["interop"], 1, Matrix;
    "ledger", ["ledger"], 1, Ledger<'_>;
    "ledger_attempts", ["ledger --attempts"], 1, ledger::PrintedAttempts<'_>;
    "list_cases", ["list cases"], 1, list::Cases<'_>;
    "list_coverage", ["list --coverage"], 1, Coverage;
    "list_eras", ["list eras"], 1, list::Eras<'_>;
    "list_implementations", ["list implementations"], 1, list::Implementations;
    "list_operations", ["list operations"], 1, list::Operations;
    "list_plans", ["list plans"], 1, list::Plans<'_>;
    "list_requirements", ["list requirements"], 1, list::Requirements<'_>;
    "prove", ["prove"], 1, prove::Printed<'_>;
    "render_check", ["render --check"], 1, render::PrintedComparison<'_>;
    "render_index", ["render --index"], 1, render::PrintedIndex<'_>;
    "render_out", ["render --out"], 1, render::PrintedFiles<'_>;
    "run", ["run", "import", "merge"], 1, printed_run::PrintedRun<'_>;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, path::Path};

    use schemars::{JsonSchema, generate::SchemaSettings};
    use serde_json::Value as Json;

    use super::{super::output::Versioned, *};
    use crate::harness::adapter::schema::open;

    /// The schema of an output, for what reads it: more fields may come.
    pub(super) fn schema<T: Output + JsonSchema + 'static>(commands: &[&str]) -> Json {
        let generator = || SchemaSettings::draft2020_12().for_serialize().into_generator();
        let description = generator().into_root_schema_for::<T>().get("description").cloned();
        let mut schema = generator().into_root_schema_for::<Versioned<'static, T>>().to_value();
        open(&mut schema);
        let commands: Vec<String> = commands.iter().map(|command| format!("{command} --json")).collect();
        let title = if commands.is_empty() {
            "every command with --json, on standard error"
        } else {
            &commands.join(", ")
        };
        schema["title"] = title.into();
        schema["description"] = description.unwrap();
        let format = schema.pointer_mut("/properties/format").unwrap();
        *format = serde_json::json!({ "const": T::FORMAT, "description": format["description"] });
        // The descriptions are comments of types in Rust.
        let text = schema.to_string().replace("`None`", "null").replace("; None ", "; null ");
        serde_json::from_str(&text).unwrap()
    }

    /// With `BUNDLEPROOF_BLESS` set, the files are written instead of compared.
    #[test]
    fn the_schema_files_match_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/schema/output");
        for (name, schema) in schemas() {
            let (file, text) = (folder.join(name).with_extension("json"), format!("{schema:#}\n"));
            if std::env::var_os("BUNDLEPROOF_BLESS").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, &text).unwrap();
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), text, "{name}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), schemas().len(), "a schema without a type");
    }
}

//! JSON schemas of the files of a report, in `conformance/schema/report`.
//!
//! The files are generated from the types that write and read a report. `format` counts their versions: within one
//! format the schemas do not change, and a reader refuses a format that it does not know. That real reports are valid
//! is tested by `conformance/report_consumers.py`.

use schemars::{JsonSchema, generate::SchemaSettings};

use super::{
    CHAIN, Chain, DURATIONS, Durations, ENVIRONMENT, Environment, FORMAT, INVENTORY, Inventory, RESULTS,
    RunRecord,
};

/// The schema of each JSON file of a report, by the file's name.
fn schemas() -> [(&'static str, serde_json::Value); 5] {
    [
        (RESULTS, schema::<RunRecord>(RESULTS)),
        (DURATIONS, schema::<Durations>(DURATIONS)),
        (INVENTORY, schema::<Inventory>(INVENTORY)),
        (CHAIN, schema::<Chain>(CHAIN)),
        (ENVIRONMENT, schema::<Environment>(ENVIRONMENT)),
    ]
}

fn schema<T: JsonSchema>(file: &str) -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    schema["title"] = format!("{file} of a report").into();
    if let Some(format) = schema.pointer_mut("/properties/format") {
        format["const"] = FORMAT.into();
    }
    schema
}

mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, path::Path};

    use super::*;

    /// With `BUNDLEPROOF_BLESS` set, the files are written instead of compared.
    #[test]
    fn the_schema_files_match_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/schema/report");
        for (name, schema) in schemas() {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("BUNDLEPROOF_BLESS").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(name), &text).unwrap();
            }
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), text, "{name}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), schemas().len(), "a schema without a file");
    }
}

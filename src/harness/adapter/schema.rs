//! JSON schemas of the protocol messages, for authors of adapters.

use schemars::{JsonSchema, generate::SchemaSettings};

use super::protocol::{Error, Initialize, Initialized, Nothing, Reset};

/// The schemas of the messages that are independent of the contract.
pub(crate) fn schemas() -> Vec<(String, serde_json::Value)> {
    vec![
        schema::<Initialize, Initialized>("initialize"),
        schema::<Reset, Nothing>("reset"),
        schema::<Nothing, Nothing>("shutdown"),
        schema::<Nothing, Error>("error"),
    ]
}

/// The schema of a method's params and result, with its file name.
pub(crate) fn schema<P: JsonSchema, R: JsonSchema>(method: &str) -> (String, serde_json::Value) {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let (params, result) = (generator.subschema_for::<P>(), generator.subschema_for::<R>());
    let mut definitions = serde_json::Value::Object(generator.take_definitions(true));
    // Case files reject unknown fields; messages allow them.
    open(&mut definitions);
    let both = serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": method,
        "properties": { "params": params, "result": result },
        "$defs": definitions,
    });
    (format!("{method}.json"), both)
}

/// Lets objects have fields that the schema does not name.
pub(crate) fn open(schema: &mut serde_json::Value) {
    if let Some(map) = schema.as_object_mut() {
        if map.get("additionalProperties") == Some(&serde_json::Value::Bool(false)) {
            map.remove("additionalProperties");
        }
        map.values_mut().for_each(open);
    }
    if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(open);
    }
}

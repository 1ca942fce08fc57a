//! JSON text whose errors are for its authors: they say where what was expected, in words of JSON instead of types of ours.

use serde::de::{DeserializeOwned, Error as _, IgnoredAny};

/// Parses JSON. An error begins with the path of what is wrong: `models.autoencoder.tensors.w.shape[0]: expected ...`.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let is_valid = inner.is_data() || serde_json::from_str::<IgnoredAny>(text).is_ok();
        if !is_valid {
            return inner;
        }
        let place = format!(" at line {} column {}", inner.line(), inner.column());
        let said = inner.to_string();
        let said = in_words(said.strip_suffix(&place).unwrap_or(&said));
        serde_json::Error::custom(if path == "." { said } else { format!("{path}: {said}") })
    })?;
    json.end()?;
    Ok(parsed)
}

/// What serde says about valid JSON, without its words for types.
fn in_words(said: &str) -> String {
    // Anything else in the place of a choice.
    if ["expected value", "expected `}`", "expected `:`"].contains(&said) {
        return "expected an object with one key".to_owned();
    }
    let wrong = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "));
    // A type of ours with fields can be a list of them for serde.
    if said.starts_with("invalid length ") && said.contains(", expected struct ") {
        return "expected an object, found a list".to_owned();
    }
    // What was found may be a text with these words in it.
    if let Some((found, expected)) = wrong.and_then(|wrong| wrong.rsplit_once(", expected ")) {
        return format!("expected {}, found {}", expected_in_words(expected), found_in_words(found));
    }
    said.strip_prefix("unknown variant ")
        .map_or_else(|| said.to_owned(), |rest| format!("unknown value {rest}"))
}

fn expected_in_words(expected: &str) -> &str {
    match expected {
        "a map" => "an object",
        "a sequence" => "a list",
        "unit" => "null",
        "f64" => "a number",
        "i64" => "an integer",
        "u32" | "u64" | "usize" => "an integer that is not negative",
        "variant identifier" | "string or map" => "one of the words of the protocol",
        other if other.starts_with("struct ") || other.contains("enum ") => "an object",
        other => other,
    }
}

fn found_in_words(found: &str) -> &str {
    match found {
        "map" | "newtype variant" | "struct variant" => "an object",
        "sequence" => "a list",
        "unit value" | "unit variant" | "Option value" => "null",
        other => other,
    }
}

//! What authors of adapters read about responses that are wrong somewhere.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value as Json, json};

use crate::{bundle::BUNDLE, harness::contract::Contract};

/// A valid response to each kind of operation.
fn responses() -> Vec<(&'static str, Json)> {
    let tensor = json!({ "dtype": "float32", "shape": [3, 1], "sha256": "0".repeat(64) });
    let models = json!({
        "autoencoder": { "tensors": { "w": tensor } },
        "diffraction_to_obj": { "sentinel": { "_sentinel": "s", "name": "diffraction_to_obj" } },
    });
    let params = json!({ "N": 64, "nan": { "float": "nan" } });
    vec![
        ("set_params", json!({})),
        ("get_param", json!({ "value": { "tuple": [1] } })),
        ("create_models", json!({ "models": models })),
        ("load_torch_bundle", json!({ "models": models, "params": params })),
        (
            "run_cdi_example_torch",
            json!({
                "amplitude": tensor, "phase": null, "models": models, "intensity_scale": 1.5,
                "train_loss": [0.5], "backend": "pytorch",
            }),
        ),
        ("load_inference_bundle_with_backend", json!({ "model": models["autoencoder"], "params": params })),
        ("load_dataset", json!({ "positions": 3, "arrays": { "xcoords": tensor } })),
        ("forward", json!({ "output": tensor })),
    ]
}

/// The paths of everything in a response, as JSON pointers.
fn pointers(json: &Json, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match json {
        Json::Object(members) => {
            members.iter().for_each(|(name, member)| pointers(member, &format!("{at}/{name}"), found));
        }
        Json::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), found));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn what_is_wrong_in_a_response_is_said_in_words_of_the_protocol() {
    let wrong = [json!(null), json!(true), json!(1), json!(-1), json!(1.5), json!("x"), json!([]), json!({})];
    let ours = [
        "struct",
        "enum",
        "variant",
        "sequence",
        "map",
        "unit",
        "identifier",
        "newtype",
        "usize",
        "u64",
        "line",
    ];
    let (mut count, mut unclear) = (0, Vec::new());
    for (operation, response) in responses() {
        let contract: &dyn Contract = &BUNDLE;
        let read = contract.operation(operation).unwrap().codec.response_from_json;
        read(&response.to_string()).unwrap_or_else(|error| panic!("{operation}: {error}"));
        let mut places = Vec::new();
        pointers(&response, "", &mut places);
        for place in places {
            let name =
                place.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default().to_owned();
            for value in wrong.iter().map(Some).chain([None]) {
                let mut changed = response.clone();
                match (value, place.rsplit_once('/')) {
                    (Some(value), _) => *changed.pointer_mut(&place).unwrap() = value.clone(),
                    (None, Some((above, last))) => match changed.pointer_mut(above).unwrap() {
                        Json::Object(members) => _ = members.remove(last),
                        _ => continue,
                    },
                    (None, None) => continue,
                }
                let Err(error) = read(&changed.to_string()) else { continue };
                count += 1;
                let said = error.to_string();
                let words: Vec<&str> = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
                let is_in_words =
                    words.iter().all(|word| !ours.contains(word) && !word.contains("Description"));
                let is_complete =
                    ["expected", "missing", "unknown", "invalid"].iter().any(|how| said.contains(how));
                // Without its one key, the object around it is wrong.
                let is_placed = said.contains(&name) || said.ends_with("an object with one key");
                if !is_in_words || !is_complete || !is_placed {
                    unclear.push(format!("{operation}{place} = {value:?}: {said}"));
                }
            }
        }
    }
    assert!(unclear.is_empty(), "{}", unclear.join("\n"));
    assert!(count > 100, "{count}");
}

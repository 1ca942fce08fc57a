//! Files that are not bundles, as people write them with PyTorch, NumPy and safetensors: `inspect` finds in them what Python
//! finds.

use std::path::Path;

use assert_cmd::Command;
use libtest_mimic::{Failed, Trial};
use serde_json::Value as Json;

use crate::Python;

/// Fewer than the files that Python writes, and than the globals that it asks for.
const FILES: usize = 20;
const GLOBALS: usize = 1000;

pub(crate) fn trials(python: &Python) -> Vec<Trial> {
    vec![
        python.trial("files_of_pytorch_numpy_and_safetensors_are_described", files),
        python.trial("the_safe_mode_takes_the_globals_that_we_say", globals),
    ]
}

fn inspected(folder: &Path, file: &str) -> Result<Json, Failed> {
    let output = Command::new(crate::program::path())
        .current_dir(folder)
        .args(["inspect", "--json", file])
        .output()?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{file}: {error}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn files(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let said = python.call(&["files", &directory.path().display().to_string()])?;
    if said.lines().count() < FILES {
        return Err(format!("only {} files", said.lines().count()).into());
    }
    for line in said.lines() {
        let said: Json = serde_json::from_str(line)?;
        let file = said["file"].as_str().ok_or("a name")?;
        let found = inspected(directory.path(), file)?;
        if found["loads_weights_only"] != said["loads"] {
            return Err(format!("{file}: loads_weights_only is {}", found["loads_weights_only"]).into());
        }
        for (name, expected) in said["tensors"].as_object().ok_or("tensors")? {
            for field in ["dtype", "shape", "sha256"] {
                let own = &found["tensors"][name][field];
                if own != &expected[field] {
                    return Err(
                        format!("{file}: {name}: {field} is {own}, and not {}", expected[field]).into()
                    );
                }
            }
        }
    }
    Ok(())
}

fn globals(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("globals.pt");
    let said: Json = serde_json::from_str(&python.call(&["globals", &path.display().to_string()])?)?;
    let said = said.as_object().ok_or("globals")?;
    let found = inspected(directory.path(), "globals.pt")?;
    let found = found["globals"].as_array().ok_or("globals")?;
    if found.len() != said.len() || found.len() < GLOBALS {
        return Err(format!("{} globals, of which {} were found", said.len(), found.len()).into());
    }
    let wrong =
        |global: &&Json| said.get(global["name"].as_str().unwrap_or_default()) != Some(&global["allowed"]);
    match found.iter().find(wrong) {
        Some(wrong) => Err(format!("torch decides otherwise: {wrong}").into()),
        None => Ok(()),
    }
}

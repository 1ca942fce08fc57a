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
        python.trial("programs_of_torch_are_named_and_never_called_damaged", programs),
        python.trial("the_safe_mode_takes_the_globals_that_we_say", globals),
        python.trial("files_made_by_hand_load_where_we_say_so", crafted),
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

/// What torch does with a file that holds code, with `weights_only=True` and without, and what `check` says of it.
const PROGRAMS: [(&str, [&str; 3]); 4] = [
    (
        "exported.pt2",
        [NO_PICKLE, NO_PICKLE, "found a model that torch.export wrote (pt2) (14 entries, 5 storages); "],
    ),
    ("mobile.ptl", [NO_SCRIPT, "RecursiveScriptModule", TORCH_SCRIPT]),
    ("scripted.pt", [NO_SCRIPT, "RecursiveScriptModule", TORCH_SCRIPT]),
    ("traced.pth", [NO_SCRIPT, "RecursiveScriptModule", TORCH_SCRIPT]),
];
const NO_PICKLE: &str = "failed locating file data.pkl";
const NO_SCRIPT: &str = "Cannot use ``weights_only=True`` with TorchScript archives";
const TORCH_SCRIPT: &str = "the entry makes the file a TorchScript archive (";

fn programs(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let said = python.call(&["programs", &directory.path().display().to_string()])?;
    if said.lines().count() != PROGRAMS.len() {
        return Err(format!("other files than expected: {said}").into());
    }
    for (line, (name, [safe, unsafe_mode, is])) in said.lines().zip(PROGRAMS) {
        let said: Json = serde_json::from_str(line)?;
        let is_as_said =
            |mode: &str, expected| said[mode].as_str().is_some_and(|said| said.contains(expected));
        if said["file"] != name || !is_as_said("safe", safe) || !is_as_said("unsafe", unsafe_mode) {
            return Err(format!("torch does otherwise: {said}").into());
        }
        let check = Command::new(crate::program::path())
            .current_dir(directory.path())
            .args(["check", "--profile", "torch", name])
            .output()?;
        let text = String::from_utf8(check.stdout)?;
        if !text.contains(is) || !text.contains("5 storages") || text.contains("damaged") {
            return Err(text.into());
        }
        let found = inspected(directory.path(), name)?;
        if found["loads_weights_only"] != false {
            return Err(format!("{name}: {found}").into());
        }
    }
    Ok(())
}

/// Fewer than the files made by hand.
const CRAFTED: usize = 250;

/// The beginnings of the names of files that are refused although torch may load them, of which it is not known.
const UNKNOWN: [&str; 9] = [
    "builtins.bytearray of dict",
    "own sizes of ",
    "bytes behind",
    "entry DATA.PKL",
    "entry .data/version",
    "entry bytecode.pkl",
    "entry x",
    "entry a//b",
    "several objects",
];

fn crafted(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let said = python.call(&["crafted", &directory.path().display().to_string()])?;
    if said.lines().count() < CRAFTED {
        return Err(format!("only {} files", said.lines().count()).into());
    }
    let said = said.lines().map(serde_json::from_str).collect::<Result<Vec<Json>, _>>()?;
    let output = Command::new(crate::program::path())
        .current_dir(directory.path())
        .args(["check", "--json", "--profile", "torch"])
        .args(said.iter().filter_map(|said| said["file"].as_str()))
        .output()?;
    let found: Json = serde_json::from_slice(&output.stdout)?;
    let found = found["files"].as_array().ok_or("files")?;
    let mut wrong = Vec::new();
    for (said, found) in said.iter().zip(found) {
        let what = said["what"].as_str().ok_or("a name")?;
        let is_unknown = UNKNOWN.iter().any(|name| what.starts_with(name));
        let expected = if is_unknown { &Json::Null } else { &said["loads"] };
        if &found["loads_weights_only"] != expected {
            wrong.push(format!("{what}: loads_weights_only is {}: {said}", found["loads_weights_only"]));
        }
    }
    if found.len() == said.len() && wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
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

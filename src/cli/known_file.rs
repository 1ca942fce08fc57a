//! Proposes what an implementation's file says is known, for a person to look at.

use std::{fs, path::Path};

use serde::Serialize;

use super::{Exit, console::Console};
use crate::{
    fs_util::sibling,
    harness::{
        KnownFailure, proposed,
        record::RunRecord,
        runner::{Outcome, Phase},
    },
};

/// Only what is written is a table of `[[known]]`.
#[derive(Serialize)]
struct Proposed {
    known: Vec<KnownFailure>,
}

/// Writes entries for what is not known to the end of the file, and shows them as a diff. What is not so any more is
/// told with the outcome, and taken out by hand: why it was there is nowhere else.
/// With `aside` what is shown goes to standard error.
pub(super) fn write(run: &RunRecord, file: &Path, aside: bool, console: &Console) -> Result<(), Exit> {
    let Some(judged) = &run.judged else { return Ok(()) };
    let show = |text: &str| if aside { console.note(text) } else { console.print(text) };
    let own: Vec<&Outcome> = run
        .outcomes
        .iter()
        .filter(|outcome| outcome.phase == Phase::Green && outcome.implementation == judged.name)
        .collect();
    let known = proposed(&judged.known, &own, judged.on);
    if known.is_empty() {
        show("nothing to propose: every failure is known\n");
        return Ok(());
    }
    let failed = |what: String| {
        console.error(&format!("{}: {what}", file.display()));
        Exit::Usage
    };
    let added = toml::to_string_pretty(&Proposed { known }).map_err(|error| failed(error.to_string()))?;
    let before = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let whole = format!("{}\n\n{added}", before.trim_end());
    replace(file, &whole).map_err(|error| failed(error.to_string()))?;
    let mut diff = format!("--- {0}\n+++ {0}\n", file.display());
    for line in added.lines() {
        diff.push_str(&format!("+{}\n", crate::text::line(line)));
    }
    show(&diff);
    console.note("look at each entry, say why it is so and who answers for it, and then keep it");
    Ok(())
}

/// The file as a whole or as it was.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one: what it leads to is written.
    let file = &file.canonicalize()?;
    let beside = sibling(file)?;
    fs::write(beside.path(), text)?;
    fs::set_permissions(beside.path(), fs::metadata(file)?.permissions())?;
    beside.persist(file)?;
    Ok(())
}

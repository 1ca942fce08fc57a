//! Proposes known failures for an implementation file, to be reviewed by a person.

use std::{fs, path::Path};

use serde::Serialize;

use super::{Exit, console::Console};
use crate::{
    fs_util::{regular, sibling},
    harness::{
        KnownFailure, proposed,
        record::RunRecord,
        runner::{Outcome, Phase},
    },
};

/// The TOML document `[[known]]` that is appended to the file.
#[derive(Serialize)]
struct Proposed {
    known: Vec<KnownFailure>,
}

/// Appends entries for new failures to the file, and shows them as a diff. Outdated entries are reported with the
/// outcome and removed by hand, since the reason they give is recorded nowhere else.
/// With `to_stderr` the diff goes to standard error, because standard output is JSON.
pub(super) fn write(run: &RunRecord, file: &Path, to_stderr: bool, console: &Console) -> Result<(), Exit> {
    let Some(judged) = &run.judged else { return Ok(()) };
    let show = |text: &str| if to_stderr { console.note(text) } else { console.print(text) };
    let own: Vec<&Outcome> = run
        .outcomes
        .iter()
        .filter(|outcome| outcome.phase == Phase::Green && outcome.implementation == judged.name)
        .collect();
    let known = proposed(&judged.known, &own, judged.on);
    if known.is_empty() {
        show("no new failures: every failure is already listed\n");
        return Ok(());
    }
    let failed = |what: String| {
        console.error(&format!("cannot update {}: {what}", file.display()));
        Exit::Usage
    };
    let added = toml::to_string_pretty(&Proposed { known }).map_err(|error| failed(error.to_string()))?;
    regular(file).map_err(|error| failed(error.to_string()))?;
    let before = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let whole = format!("{}\n\n{added}", before.trim_end());
    replace(file, &whole).map_err(|error| failed(error.to_string()))?;
    let mut diff = format!("--- {0}\n+++ {0}\n", file.display());
    for line in added.lines() {
        diff.push_str(&format!("+{}\n", crate::text::line(line)));
    }
    show(&diff);
    console.note("review each entry: fill in why it fails and who owns it, or remove it");
    Ok(())
}

/// Replaces the file in one step, so that it is never half written.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // Write to the target of a symbolic link, and keep the link.
    let file = &file.canonicalize()?;
    let temporary = sibling(file)?;
    fs::write(temporary.path(), text)?;
    fs::set_permissions(temporary.path(), fs::metadata(file)?.permissions())?;
    temporary.persist(file)?;
    Ok(())
}

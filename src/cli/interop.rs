//! `bundleproof interop`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use clap::Parser;

use super::{Exit, SuiteOption, console::Console, interruption, output::Versioned, target::Connect};
use crate::{
    bundle::{
        interop::{self, Cell, Matrix, Participant, html, log, log_name, markdown},
        nouns::ARCHIVE_NAME,
    },
    fs_util::regular,
    harness::{
        record::{RunTimestamp, SUMS},
        runner::Implementations,
        store::write_sums,
        suite::Suite,
        temporary::Temporary,
    },
    text::{columns, line, truncated},
    value::Digest,
};

/// Test which implementations can read the bundles of which others
///
/// Every writer saves one bundle of each kind: gridsize 1 and 2, N 128, trained, and sentinels. Every reader loads all
/// of them, and the result is compared with the file: params and tensors exactly, and the outputs of the networks for
/// the same inputs where both sides execute them. A bundle on disk counts as a writer; its models are compared with a
/// sidecar.json next to it, if there is one. Bundles that `check` rejects are given to the readers as well.
#[derive(Debug, Parser)]
pub(super) struct Interop {
    /// An implementation (`bundleproof list implementations`; NAME+torch executes its networks), an implementation
    /// file (.toml), or a bundle: the archive, or the directory that contains wts.h5.zip
    #[arg(value_name = "NAME", required = true)]
    participants: Vec<String>,

    /// Directory for the results; each run creates a directory named by its timestamp
    #[arg(long, value_name = "DIR", default_value = "interop", help_heading = "Report")]
    out: PathBuf,

    /// UTC timestamp to use instead of the current time
    #[arg(long, value_name = "STAMP", help_heading = "Report")]
    stamp: Option<RunTimestamp>,

    /// Print JSON
    #[arg(long, help_heading = "Report")]
    json: bool,

    #[command(flatten)]
    suite: SuiteOption,
}

/// Number of unexpected results that are printed; the others are in matrix.md.
const MAX_SHOWN: usize = 10;

/// Number of characters of a reason that are printed.
const MAX_REASON: usize = 300;

/// Suffix of a built-in implementation whose networks are executed.
const EXECUTES: &str = "+torch";

impl Interop {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, known) = self.suite.load(console)?;
        let mut participants: Vec<Participant> = Vec::new();
        for name in &self.participants {
            let participant = participant(name, &suite, &known, console)?;
            if participants.iter().any(|other| other.name() == participant.name()) {
                console.error(&format!("duplicate participant {name}"));
                return Err(Exit::Usage);
            }
            participants.push(participant);
        }
        let readers = participants.iter().filter(|one| one.reads()).count();
        if readers == 0 {
            console.error("no reader given: add an implementation");
            return Err(Exit::Usage);
        }
        let fail = |what: &dyn std::fmt::Display| {
            console.error(&format!("cannot write to {}: {what}", self.out.display()));
            Exit::Usage
        };
        let place = self.place().map_err(|error| fail(&error))?;
        // Checked first, because a failure after the run would lose hours of work.
        let out = Out::make(&self.out).map_err(|error| fail(&error))?;
        let bar = console.progress(participants.len() * readers);
        let work = Temporary::create().map_err(|error| fail(&error))?;
        let on_cell = |cell: &Cell| {
            bar.set_message(format!("{} read by {}", cell.writer, cell.reader));
            bar.inc(1);
        };
        let running = participants.clone();
        let interrupted = interruption::listen(console, move || running.iter().for_each(Participant::end));
        let matrix = Matrix::of(&participants, &suite, work.path(), &interrupted, &on_cell);
        participants.iter().for_each(Participant::end);
        bar.finish_and_clear();
        if interrupted.load(Ordering::Relaxed) {
            console.error("interrupted: no results were written");
            return Err(Exit::Interrupted);
        }
        let matrix = matrix.map_err(|error| fail(&error))?;
        write(&matrix, &self.out, &place).map_err(|error| fail(&error))?;
        out.keep();
        let exit = if matrix.holds() { Exit::Success } else { Exit::DoesNotConform };
        if self.json {
            console.print_json(&matrix)?;
        } else {
            console.print(&text(&matrix, &place, console));
        }
        Ok(exit)
    }

    /// The directory of the results. Without `--stamp`, waits for the next second whose name is free.
    fn place(&self) -> io::Result<PathBuf> {
        let mut retries = 10;
        loop {
            let stamp = self.stamp.unwrap_or_else(RunTimestamp::now);
            let place = self.out.join(stamp.to_string());
            if fs::symlink_metadata(&place).is_err() {
                return Ok(place);
            }
            if self.stamp.is_some() || retries == 0 {
                let what = format!("{stamp} already exists; choose another --stamp");
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            retries -= 1;
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

/// The `--out` directory. If this run created it and writes no results, it is removed again.
struct Out<'o> {
    made: Option<&'o Path>,
}

impl<'o> Out<'o> {
    fn make(out: &'o Path) -> io::Result<Self> {
        let made = (!out.exists()).then_some(out);
        fs::create_dir_all(out)?;
        // The only reliable test for a writable directory is to write to it.
        tempfile::tempfile_in(out)?;
        Ok(Self { made })
    }

    fn keep(mut self) {
        self.made = None;
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        if let Some(made) = self.made {
            let _ = fs::remove_dir(made);
        }
    }
}

fn participant(
    name: &str,
    suite: &Suite,
    known: &Implementations,
    console: &Console,
) -> Result<Participant, Exit> {
    let path = Path::new(name);
    let archive = if path.is_dir() { path.join(ARCHIVE_NAME) } else { path.to_owned() };
    let is_path = path.is_dir() || (name.contains('/') && !name.ends_with(".toml"));
    if known.get(name).is_none() && (is_path || (archive.is_file() && !name.ends_with(".toml"))) {
        return match regular(&archive).and_then(|_| fs::File::open(&archive)) {
            Ok(_) => Ok(Participant::Bundle(archive)),
            Err(error) => {
                console.error(&format!("cannot read bundle {}: {error}", archive.display()));
                Err(Exit::Usage)
            }
        };
    }
    if let Some(own) = name.strip_suffix(EXECUTES) {
        let implementation = Connect::new(suite, known).named(own, console)?.implementation;
        if !implementation.supports(crate::bundle::operations::TORCH) {
            crate::cli::torch::report_unavailable(console);
            return Err(Exit::Usage);
        }
        return Ok(Participant::Implementation { implementation, executes: true });
    }
    let executes = known.get(name).is_none();
    let implementation = Connect::new(suite, known).named(name, console)?.implementation;
    Ok(Participant::Implementation { implementation, executes })
}

/// Writes all files of the results, or none.
fn write(matrix: &Matrix, out: &Path, place: &Path) -> io::Result<()> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    files.insert("matrix.md".to_owned(), markdown(matrix));
    files.insert("matrix.json".to_owned(), Versioned::of(matrix).text().map_err(io::Error::other)?);
    files.insert("matrix.html".to_owned(), html(matrix).map_err(io::Error::other)?);
    for (index, cell) in matrix.cells.iter().enumerate() {
        files.insert(log_name(matrix, index), log(cell));
    }
    let sums = files.iter().map(|(name, text)| (name.clone(), Digest::of(text.as_bytes()).to_string()));
    let sums = write_sums(&sums.collect());
    files.insert(SUMS.to_owned(), sums);
    let temporary = tempfile::Builder::new().prefix(".interop").tempdir_in(out)?;
    for (name, text) in &files {
        fs::write(temporary.path().join(name), text)?;
    }
    fs::set_permissions(temporary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::rename(temporary.path(), place)?;
    // The directory was renamed, so there is nothing left to remove.
    let _ = temporary.keep();
    Ok(())
}

/// The matrix with one row per writer, followed by the unexpected results.
fn text(matrix: &Matrix, place: &Path, console: &Console) -> String {
    let shown = |cell: &Cell| format!("{} {}/{}", cell.verdict().word(), cell.same(), cell.readings.len());
    let mut rows: Vec<Vec<String>> = vec![
        std::iter::once("written by \\ read by".to_owned())
            .chain(matrix.readers.iter().map(|name| line(name)))
            .collect(),
    ];
    for writer in &matrix.writers {
        let cells = matrix.readers.iter().filter_map(|reader| matrix.cell(writer, reader));
        rows.push(std::iter::once(line(writer)).chain(cells.map(shown)).collect());
    }
    let mut text = columns(&rows, matrix.readers.len() + 1);
    text.push('\n');
    let others =
        matrix.cells.iter().flat_map(|cell| cell.readings.iter().map(move |reading| (cell, reading)));
    let others: Vec<_> = others.filter(|(_, reading)| reading.verdict != interop::Verdict::Same).collect();
    for (cell, reading) in others.iter().take(MAX_SHOWN) {
        let word = reading.verdict.word();
        let word = if reading.verdict.is_bad() { console.bad(word) } else { console.odd(word) };
        let (writer, reader) = (line(&cell.writer), line(&cell.reader));
        text.push_str(&format!("{word}: {} of {writer}, read by {reader}\n", line(&reading.bundle)));
        text.push_str(&format!("  {}\n", truncated(&line(&reading.reason.to_string()), MAX_REASON)));
    }
    if let Some(more) = others.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("{more} more in matrix.md\n"));
    }
    text.push_str(&format!("Matrix: {}\n", line(&place.display().to_string())));
    text
}

//! Who can read whose bundles: every writer against every reader.
//!
//! Reading order: [`Participant`] (who writes, and who reads), [`WrittenBundle`] (what a writer has written), [`Cell`] (what a
//! reader made of it), [`Matrix`]. What a reader gives back is held against the file itself, as the format layer
//! finds it: params and tensors exactly, and outputs where both sides execute the networks of the fixtures.

mod cell;
mod page;
mod participant;
mod written_bundle;

pub use cell::{Cell, Reading, Verdict};
pub use page::{log, markdown};
pub use participant::Participant;
pub use written_bundle::WrittenBundle;

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use crate::harness::suite::Suite;

/// Every writer against every reader.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// Those who wrote.
    pub writers: Vec<String>,
    /// Those who read.
    pub readers: Vec<String>,
    /// Writer by writer, and reader by reader in each.
    pub cells: Vec<Cell>,
}

impl Matrix {
    /// Has everyone write, and then everyone read all of it, in directories below `work`. Each cell is told as it comes;
    /// after an interruption there are no more.
    ///
    /// # Errors
    /// When a directory cannot be made, or a fixture cannot be put there.
    pub fn of(
        participants: &[Participant],
        suite: &Suite,
        work: &Path,
        interrupted: &AtomicBool,
        tell: &dyn Fn(&Cell),
    ) -> io::Result<Self> {
        let readers: Vec<&Participant> = participants.iter().filter(|one| one.reads()).collect();
        let mut cells = Vec::new();
        for (index, writer) in participants.iter().enumerate() {
            let made = writer.write(suite, &work.join(format!("written_{index}")), interrupted)?;
            for reader in readers.iter().filter(|_| !interrupted.load(Ordering::Relaxed)) {
                let mut readings = Vec::new();
                for made in made.iter().filter(|_| !interrupted.load(Ordering::Relaxed)) {
                    let directory = work.join(format!("read_{}_{}", cells.len(), readings.len()));
                    readings.push(Reading::of(writer, reader, made, &directory)?);
                }
                let cell = Cell { writer: writer.name(), reader: reader.name(), readings };
                tell(&cell);
                cells.push(cell);
            }
        }
        let names = |all: &mut dyn Iterator<Item = &Participant>| all.map(Participant::name).collect();
        Ok(Self { writers: names(&mut participants.iter()), readers: names(&mut readers.into_iter()), cells })
    }

    /// Whether everything that could be looked at came back the same, and something could.
    pub fn holds(&self) -> bool {
        let mut all = self.cells.iter().map(Cell::verdict);
        !all.clone().any(Verdict::is_bad) && all.any(|verdict| verdict == Verdict::Same)
    }

    /// The cell of a writer and a reader.
    pub fn cell(&self, writer: &str, reader: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.writer == writer && cell.reader == reader)
    }
}

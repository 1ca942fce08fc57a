//! Interoperability: every writer against every reader.
//!
//! Reading order: [`Participant`] (writers and readers), [`WrittenBundle`] (one bundle of a writer, and its content),
//! [`Cell`] (the result of one reader, with a [`Reason`] for each bundle), [`Matrix`]. The response of a reader is compared with the file as our own reader
//! sees it: params and tensors exactly, and outputs where both sides execute the networks of the fixtures.

mod cell;
mod html;
mod page;
mod participant;
mod reason;
mod verdict;
mod written_bundle;

pub use cell::{Cell, Reading};
pub use html::html;
pub use page::{log, log_name, markdown};
pub use participant::Participant;
pub use reason::{Difference, Reason};
pub use verdict::Verdict;
pub use written_bundle::WrittenBundle;

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use crate::harness::suite::Suite;

/// The results of every writer with every reader.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Matrix {
    /// The names of the writers.
    pub writers: Vec<String>,
    /// The names of the readers.
    pub readers: Vec<String>,
    /// The cells, grouped by writer, in the order of the readers.
    pub cells: Vec<Cell>,
}

impl Matrix {
    /// Lets all participants write, and then all readers read everything, in directories below `work`. `on_cell` receives
    /// each cell when it is complete. An interruption ends the run after the current cell.
    ///
    /// # Errors
    /// When a directory or a fixture cannot be written.
    pub fn of(
        participants: &[Participant],
        suite: &Suite,
        work: &Path,
        interrupted: &AtomicBool,
        on_cell: &dyn Fn(&Cell),
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
                on_cell(&cell);
                cells.push(cell);
            }
        }
        let names = |all: &mut dyn Iterator<Item = &Participant>| all.map(Participant::name).collect();
        Ok(Self { writers: names(&mut participants.iter()), readers: names(&mut readers.into_iter()), cells })
    }

    /// Whether at least one reading was possible and all of them were correct.
    pub fn holds(&self) -> bool {
        let mut all = self.cells.iter().map(Cell::verdict);
        !all.clone().any(Verdict::is_bad) && all.any(|verdict| verdict == Verdict::Same)
    }

    /// The cell of a writer and a reader.
    pub fn cell(&self, writer: &str, reader: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.writer == writer && cell.reader == reader)
    }
}

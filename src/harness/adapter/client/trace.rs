//! A trace of all messages, one JSON object per line.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde_json::json;

/// A trace file shared by several processes.
#[derive(Clone, Debug)]
pub struct Trace {
    file: Arc<Mutex<BufWriter<File>>>,
    began: Instant,
}

/// The direction of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Sent,
    Received,
}

impl Trace {
    /// Creates the file, or truncates an existing one.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(Self { file: Arc::new(Mutex::new(file)), began: Instant::now() })
    }

    /// Writes a message. Write errors are ignored, so that tracing never changes a result.
    pub(super) fn line(&self, process: u32, way: Way, line: &str) {
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let way = match way {
            Way::Sent => "sent",
            Way::Received => "received",
        };
        let entry =
            json!({ "milliseconds": milliseconds, "process": process, "way": way, "line": line.trim_end() });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(file, "{entry}").and_then(|()| file.flush());
    }
}

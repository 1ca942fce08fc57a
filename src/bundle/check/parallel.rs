//! Processes the models of one bundle, those of a long one on several threads.

use std::{path::Path, thread};

use crate::{
    bundle::files::BundleReader,
    threads,
    torch_files::{FormatError, limits::MAX_SIDE_BY_SIDE, zip::FileReader},
};

/// Receives the number of bytes of elements that were read since the last call; called from several threads.
pub type ProgressFn<'w> = &'w (dyn Fn(u64) + Sync);

/// The result of `work` for each model, in the order of the models. `reader` is of the file; a short file, which it holds
/// in memory, is not worth another thread.
pub(super) fn in_parallel<T: Send>(
    reader: &mut BundleReader<FileReader>,
    file: &Path,
    models: &[String],
    work: impl Fn(&mut BundleReader<FileReader>, &str) -> Result<T, FormatError> + Sync,
) -> Vec<Result<T, FormatError>> {
    if reader.is_in_memory() {
        return models.iter().map(|model| work(reader, model)).collect();
    }
    let at_once = thread::available_parallelism().map_or(1, usize::from).min(MAX_SIDE_BY_SIDE);
    // Each thread opens the file for itself, because a reader has one position.
    threads::each(
        models,
        at_once,
        || BundleReader::open(file),
        |reader, model| match reader {
            Ok(reader) => work(reader, model),
            Err(error) => Err(error.clone()),
        },
    )
}

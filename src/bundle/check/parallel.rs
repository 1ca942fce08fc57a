//! Processes the models of one bundle, those of a long one on several threads.

use std::{
    io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    bundle::files::BundleReader,
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
    let results: Vec<Mutex<Option<Result<T, FormatError>>>> =
        models.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let go_on = || {
        // Each thread opens the file for itself, because a reader has one position.
        let mut reader = BundleReader::open(file);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((model, result)) = models.get(index).zip(results.get(index)) else { return };
            let answer = match &mut reader {
                Ok(reader) => work(reader, model),
                Err(error) => Err(error.clone()),
            };
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
    };
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(MAX_SIDE_BY_SIDE).min(models.len());
    thread::scope(|scope| {
        // Where the system has no more threads, fewer do it.
        let spawned = |_: &usize| thread::Builder::new().spawn_scoped(scope, go_on).is_ok();
        _ = (1..threads).take_while(spawned).count();
        go_on();
    });
    // The threads stop only when no model is left, so every slot has a result.
    let unseen = || Err(io::Error::other("the model was not processed").into());
    let result = |result: Mutex<Option<_>>| result.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|of_model| result(of_model).unwrap_or_else(unseen)).collect()
}

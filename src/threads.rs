//! The same work for many items, on several threads.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// The result of `work` for each item, in their order, on at most `threads` threads. Each thread begins with a state of
/// its own. Where the system has no more threads, fewer do it.
pub(crate) fn each<I: Sync, S, T: Send>(
    items: &[I],
    threads: usize,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &I) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let work_off = || {
        let mut state = begin();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = work(&mut state, item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        let spawned = |_: &usize| thread::Builder::new().spawn_scoped(scope, work_off).is_ok();
        _ = (1..threads.min(items.len())).take_while(spawned).count();
        work_off();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;

    #[test]
    fn results_are_in_order_and_no_thread_is_too_many() {
        for (count, threads) in [(0, 4), (1, 0), (5, 1), (40, 4), (3, 9)] {
            // Each takes less time than those before it.
            let work = |ran: &mut usize, item: &u64| {
                *ran += 1;
                thread::sleep(Duration::from_millis((count - item) / 8));
                (*item, *ran, thread::current().id())
            };
            let items = Vec::from_iter(0..count);
            let results = each(&items, threads, || 0, work);
            assert_eq!(results.iter().map(|result| result.0).collect::<Vec<_>>(), items);
            let ids: HashSet<_> = results.iter().map(|result| result.2).collect();
            assert!(ids.len() <= threads.max(1), "{} of {threads}", ids.len());
            // Each state is that of one thread.
            let states: HashSet<_> = results.iter().map(|result| (result.1, result.2)).collect();
            assert_eq!(states.len(), items.len());
        }
    }
}

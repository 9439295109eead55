//! Work done by several threads whose results come in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, PoisonError};

/// Does `work` for the numbers below `count` on `workers` threads and hands the results to `sink`, on this thread and in
/// order. No thread gets further ahead of `sink` than `window`, which bounds the memory of results that wait. `sink`
/// returns false to stop.
pub(crate) fn ordered<T: Send>(
    count: usize,
    workers: usize,
    window: usize,
    work: impl Fn(usize) -> T + Sync,
    mut sink: impl FnMut(T) -> bool,
) {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let (delivered, moved) = (Mutex::new(0usize), Condvar::new());
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, count.max(1)) {
            let sender = sender.clone();
            let (next, stopped, delivered, moved, work) = (&next, &stopped, &delivered, &moved, &work);
            scope.spawn(move || {
                // Also when `work` panics: nobody waits for a result that will not come.
                let end = End { stopped, delivered, moved };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        std::mem::forget(end);
                        return;
                    }
                    let mut so_far = delivered.lock().unwrap_or_else(PoisonError::into_inner);
                    while number >= *so_far + window && !stopped.load(Ordering::Relaxed) {
                        so_far = moved.wait(so_far).unwrap_or_else(PoisonError::into_inner);
                    }
                    drop(so_far);
                    if stopped.load(Ordering::Relaxed) || sender.send((number, work(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        'results: for (number, result) in receiver {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&due) {
                due += 1;
                if !sink(result) {
                    break 'results;
                }
            }
            *delivered.lock().unwrap_or_else(PoisonError::into_inner) = due;
            moved.notify_all();
        }
        let _ = End { stopped: &stopped, delivered: &delivered, moved: &moved };
    });
}

/// Stops all threads when it goes.
struct End<'a> {
    stopped: &'a AtomicBool,
    delivered: &'a Mutex<usize>,
    moved: &'a Condvar,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        // Under the lock, so that nobody is between looking and waiting.
        let _so_far = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopped.store(true, Ordering::Relaxed);
        self.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_no_thread_runs_far_ahead() {
        let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut results = Vec::new();
        let work = |number: usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            assert!(number < taken.load(Ordering::SeqCst) + 8 + 1);
            if number.is_multiple_of(7) {
                std::thread::yield_now();
            }
            number
        };
        ordered(500, 4, 8, work, |number| {
            taken.fetch_add(1, Ordering::SeqCst);
            results.push(number);
            true
        });
        assert_eq!(results, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn stopping_early_ends_all_threads() {
        let mut last = 0;
        ordered(
            1_000_000,
            3,
            4,
            |number| number,
            |number| {
                last = number;
                number < 10
            },
        );
        assert_eq!(last, 10);
    }

    #[test]
    fn nothing_to_do_is_nothing_done() {
        ordered(0, 2, 1, |_| (), |()| panic!("there is none"));
    }
}

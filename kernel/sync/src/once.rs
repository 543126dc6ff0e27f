//! Values that are set once and then only read: boot-time discoveries, tables, a thread's waker.
//!
//! Reading costs one load and a branch, so these serve for globals on hot paths.

use crate::atomics::{AtomicU8, Ordering, UnsafeCell, spin_loop};
use core::{fmt, mem::MaybeUninit, ops::Deref};

const EMPTY: u8 = 0;
const WRITING: u8 = 1;
const READY: u8 = 2;

/// A cell that can be written once. [`get`](Once::get) is lock-free and allowed anywhere, also in an interrupt handler.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: one writer fills the cell before anybody can read it; afterwards it is shared (`T: Sync`), and may be dropped by another thread
// than the one that wrote it (`T: Send`).
unsafe impl<T: Send + Sync> Sync for Once<T> {}
// SAFETY: moving the cell moves the value.
unsafe impl<T: Send> Send for Once<T> {}

impl<T> Once<T> {
    crate::constructor! {
        /// An empty cell.
        pub fn new() -> Self {
            Once { state: AtomicU8::new(EMPTY), value: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    /// The value, if it was set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != READY {
            return None;
        }
        // SAFETY: READY is stored after the value was written and never changes again; nobody writes any more.
        Some(self.value.with(|value| unsafe { (*value).assume_init_ref() }))
    }

    /// Sets the value; gives it back if the cell was set already or is being set.
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.state.compare_exchange(EMPTY, WRITING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(value);
        }
        // SAFETY: the exchange succeeds once in the life of the cell, so this is the only writer, and readers wait for READY.
        self.value.with_mut(|cell| unsafe { (*cell).write(value) });
        self.state.store(READY, Ordering::Release);
        Ok(())
    }

    /// The value, made by `init` if it isn't there. A processor that comes second spins until the first has finished: `init` must be
    /// short and must not come back to the same cell, and an interrupt handler may only use a cell that was filled before.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        self.init_slowly(init)
    }

    #[cold]
    fn init_slowly(&self, init: impl FnOnce() -> T) -> &T {
        /// Makes the cell empty again when `init` unwinds (only hosted tests do), so that a second processor doesn't spin for ever.
        struct Undo<'a>(&'a AtomicU8);
        impl Drop for Undo<'_> {
            fn drop(&mut self) {
                self.0.store(EMPTY, Ordering::Release);
            }
        }
        let mut init = Some(init);
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            if self.state.compare_exchange(EMPTY, WRITING, Ordering::Acquire, Ordering::Relaxed).is_ok()
                && let Some(init) = init.take()
            {
                let undo = Undo(&self.state);
                let value = init();
                core::mem::forget(undo);
                // SAFETY: the exchange made this the only writer, as in `set`.
                self.value.with_mut(|cell| unsafe { (*cell).write(value) });
                self.state.store(READY, Ordering::Release);
            }
            spin_loop();
        }
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once::new()
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        if self.state.load(Ordering::Acquire) == READY {
            // SAFETY: READY says that there is a value, and `&mut self` that nobody looks at it.
            self.value.with_mut(|value| unsafe { (*value).assume_init_drop() });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Once").field(&self.get()).finish()
    }
}

/// A value made by its first use. The rules of [`Once::get_or_init`] hold.
pub struct Lazy<T, F = fn() -> T> {
    cell: Once<T>,
    init: F,
}

impl<T, F: Fn() -> T> Lazy<T, F> {
    crate::constructor! {
        /// A value that `init` makes when it is first looked at.
        pub fn new(init: F) -> Self {
            Lazy { cell: Once::new(), init }
        }
    }
}

impl<T, F: Fn() -> T> Deref for Lazy<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.cell.get_or_init(&self.init)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    #[test]
    fn is_set_once_and_dropped_once() {
        let value = Arc::new(());
        let cell = Once::new();
        assert!(cell.get().is_none());
        cell.set(value.clone()).unwrap();
        assert!(cell.set(value.clone()).is_err());
        assert_eq!(Arc::strong_count(&value), 2);
        assert!(Arc::ptr_eq(cell.get().unwrap(), &value));
        drop(cell);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn lazy_initialises_once_over_threads() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        static LAZY: Lazy<usize> = Lazy::new(|| MADE.fetch_add(1, Ordering::Relaxed) + 41);
        let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(|| assert_eq!(*LAZY, 41))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(MADE.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_panicking_init_leaves_the_cell_empty() {
        let cell = Once::<u8>::new();
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cell.get_or_init(|| panic!("no")))).is_err());
        assert_eq!(*cell.get_or_init(|| 7), 7);
    }
}

//! The debug console keeps what was written, for tests to look at.

use std::cell::RefCell;

thread_local! {
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the debug console.
pub fn write(bytes: &[u8]) {
    WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
}

/// What this thread wrote to the debug console since the last call.
pub fn take_console() -> Vec<u8> {
    WRITTEN.take()
}

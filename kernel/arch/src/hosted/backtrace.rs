//! Backtraces of the host are the host's affair.

/// Calls `f` with nothing.
pub fn walk(_f: &mut dyn FnMut(usize)) {}

//! Instances that watch instances.
//!
//! A wake goes up from the innermost instance to the outermost by plain calls, and so does the question whether one is ready go down: rings
//! and long rows are refused when they would arise. As on Linux five instances in a row are the most.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use abi::{Errno, Result};

use super::EventPoll;
use crate::turn::{Turn, TurnGuard};

/// EP_MAX_NESTS: the longest way from one instance to another, in steps.
const STEPS_MAX: usize = 4;

/// One instance at a time is put into another one, so that two half rings don't become a ring.
static NESTING: Turn = Turn::new();

/// What is known already of instances on the way: how many steps lead on from them.
type Known = BTreeMap<usize, usize>;

/// Whether `outer` may watch `inner`: EINVAL for itself, ELOOP for a ring or too long a row. The answer holds while the guard lives.
pub(super) fn check(outer: &EventPoll, inner: &EventPoll) -> Result<TurnGuard<'static>> {
    if core::ptr::eq(outer, inner) {
        return Err(Errno::EINVAL);
    }
    let turn = NESTING.take();
    let below = steps_below(inner, outer, &mut Known::new()).ok_or(Errno::ELOOP)?;
    let above = steps_above(outer, &mut Known::new());
    if below + 1 + above > STEPS_MAX { Err(Errno::ELOOP) } else { Ok(turn) }
}

/// The longest way down from `epoll`, unless `forbidden` is on one.
fn steps_below(epoll: &EventPoll, forbidden: &EventPoll, known: &mut Known) -> Option<usize> {
    if core::ptr::eq(epoll, forbidden) {
        return None;
    }
    let own = core::ptr::from_ref(epoll).addr();
    if let Some(&steps) = known.get(&own) {
        return Some(steps);
    }
    let files: Vec<_> = epoll.items.lock().values().filter(|item| item.is_nested).filter_map(|item| item.file.upgrade()).collect();
    let mut steps = 0;
    for inner in files.iter().filter_map(|file| super::of(file).ok()) {
        steps = steps.max(1 + steps_below(inner, forbidden, known)?);
    }
    known.insert(own, steps);
    Some(steps)
}

/// The longest way up from `epoll`.
fn steps_above(epoll: &EventPoll, known: &mut Known) -> usize {
    let own = core::ptr::from_ref(epoll).addr();
    if let Some(&steps) = known.get(&own) {
        return steps;
    }
    let mut steps = 0;
    if let Some(file) = epoll.description.get().and_then(Weak::upgrade) {
        file.watchers.for_each_epoll(&mut |outer: &Arc<EventPoll>| steps = steps.max(1 + steps_above(outer, known)));
    }
    known.insert(own, steps);
    steps
}

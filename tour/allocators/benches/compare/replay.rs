//! Replaying a trace on an allocator, and what is measured of it.

use crate::subjects::Subject;
use crate::trace::Event;
use crate::traces::Trace;
use core::alloc::Layout;
use core::ptr::null_mut;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Bytes of the arena; a trace that doesn't fit is not replayed.
pub const ARENA: usize = 64 << 20;
/// Steps in which the smallest sufficient arena is sought.
const PAGE: usize = 4096;

/// Memory for one subject at a time.
pub struct Arena(*mut u8);

impl Arena {
    pub fn new() -> Arena {
        let layout = Layout::from_size_align(ARENA, PAGE).expect("a valid layout");
        // SAFETY: the size isn't zero. All pages are touched here and not while time is measured.
        let start = unsafe { std::alloc::alloc(layout) };
        assert!(!start.is_null(), "no memory for the arena");
        // SAFETY: just allocated, that long.
        unsafe { start.write_bytes(1, ARENA) };
        Arena(start)
    }
}

/// The blocks of a trace in one run.
struct Blocks(Vec<(*mut u8, Layout)>);

impl Blocks {
    fn new(trace: &Trace) -> Blocks {
        Blocks(Vec::with_capacity(trace.blocks))
    }

    /// Does what an event says. Writes a word to each new block, as its owner would. False if there was no memory.
    #[inline]
    fn step<S: Subject>(&mut self, subject: &mut S, event: &Event) -> bool {
        match *event {
            Event::Allocate { size, align } => {
                // SAFETY: sizes and alignments come from a trace of real requests.
                let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
                let block = subject.allocate(layout);
                self.0.push((block, layout));
                if block.is_null() {
                    return false;
                }
                // SAFETY: the block is at least a byte long.
                unsafe { block.write(1) };
            }
            Event::Release { block } => {
                let (pointer, layout) = std::mem::replace(&mut self.0[block], (null_mut(), Layout::new::<()>()));
                // SAFETY: a trace releases a block once, with the layout that it has then.
                unsafe { subject.release(pointer, layout) };
            }
            Event::Resize { block, size } => {
                let (pointer, layout) = self.0[block];
                // SAFETY: as above.
                let (new, new_layout) =
                    unsafe { (subject.resize(pointer, layout, size), Layout::from_size_align_unchecked(size, layout.align())) };
                if new.is_null() {
                    return false;
                }
                self.0[block] = (new, new_layout);
            }
        }
        true
    }

    /// Releases what the trace left live.
    fn finish<S: Subject>(self, subject: &mut S) {
        for (pointer, layout) in self.0.into_iter().filter(|(pointer, _)| !pointer.is_null()) {
            // SAFETY: live with this layout.
            unsafe { subject.release(pointer, layout) };
        }
    }
}

/// A fresh subject.
fn fresh<S: Subject>(arena: &Arena, size: usize) -> Option<S> {
    // SAFETY: subjects live one after the other, each within the arena.
    unsafe { S::over(arena.0, size) }
}

/// The processor time of this thread so far: what other programs take of the machine isn't in it.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processor time that all events take; `None` if the arena is too small.
pub fn time<S: Subject>(arena: &Arena, trace: &Trace) -> Option<Duration> {
    let mut subject = fresh::<S>(arena, ARENA)?;
    let mut blocks = Blocks::new(trace);
    let start = processor_time();
    let good = trace.events.iter().all(|event| blocks.step(&mut subject, event));
    let time = processor_time() - start;
    blocks.finish(&mut subject);
    good.then_some(time)
}

/// Takes the time of each event by itself, and keeps in `least` the shortest of all runs so far: what interrupted one run hardly does so at the same
/// event of the next.
pub fn time_each<S: Subject>(arena: &Arena, trace: &Trace, least: &mut Vec<Duration>) -> Option<()> {
    least.resize(trace.events.len(), Duration::MAX);
    let mut subject = fresh::<S>(arena, ARENA)?;
    let mut blocks = Blocks::new(trace);
    let good = trace.events.iter().zip(least).all(|(event, least)| {
        let start = Instant::now();
        let good = blocks.step(&mut subject, event);
        *least = start.elapsed().min(*least);
        good
    });
    blocks.finish(&mut subject);
    good.then_some(())
}

/// The memory that the trace needs at its peak: the smallest arena in which it runs to its end, or the most frames that were taken.
pub fn memory<S: Subject>(arena: &Arena, trace: &Trace) -> Option<usize> {
    let runs = |size: usize| {
        let Some(mut subject) = fresh::<S>(arena, size) else { return (false, None) };
        let mut blocks = Blocks::new(trace);
        let mut peak = subject.frames();
        let good = trace.events.iter().all(|event| {
            let good = blocks.step(&mut subject, event);
            if let Some(peak) = &mut peak {
                *peak = subject.frames().map_or(*peak, |frames| frames.max(*peak));
            }
            good
        });
        blocks.finish(&mut subject);
        (good, peak)
    };
    let (good, peak) = runs(ARENA);
    if !good {
        return None;
    }
    if peak.is_some() {
        return peak;
    }
    let (mut too_small, mut enough) = (trace.peak / PAGE - 1, ARENA / PAGE);
    while too_small + 1 < enough {
        let middle = (too_small + enough) / 2;
        if runs(middle * PAGE).0 {
            enough = middle;
        } else {
            too_small = middle;
        }
    }
    Some(enough * PAGE)
}

//! The timers of a processor: its wheel, and what its hardware timer is set to.

use super::wheel::{Entry, Wheel};
use core::{ptr::NonNull, task::Waker};
use sync::{
    SpinLock,
    atomics::{AtomicBool, AtomicU64, Ordering},
};

/// Steps of the wheel done in one go with its lock held and interrupts off. Wakers are woken after that.
const CHUNK: usize = 16;
/// Chunks done in one interrupt, and between two batches of tasks; what is left comes at the next such occasion.
const CHUNKS: usize = 4;
/// The hardware timer isn't set.
const NEVER: u64 = 0;

pub(crate) struct Timers {
    wheel: SpinLock<Wheel>,
    /// What the hardware is set to. Touched by its own processor, with interrupts off.
    programmed: AtomicU64,
    /// More sleepers were due than one interrupt wakes.
    behind: AtomicBool,
}

impl Timers {
    sync::constructor! {
        pub fn new() -> Self {
            Timers { wheel: SpinLock::new(Wheel::new()), programmed: AtomicU64::new(NEVER), behind: AtomicBool::new(false) }
        }
    }

    /// Puts `entry` into the wheel and sees to it that the interrupt comes in time. False: it is due already. For the processor that
    /// these timers belong to.
    ///
    /// # Safety
    /// As [`Wheel::insert`].
    pub unsafe fn insert(&self, entry: NonNull<Entry>, deadline: u64, waker: Waker) -> bool {
        // Held over both steps, so that the interrupt that this sets can't come in between.
        let _hold = arch::interrupts::hold();
        // SAFETY: promised by the caller.
        match unsafe { self.wheel.lock().insert(entry, deadline, waker) } {
            Some(time) => {
                self.program(time);
                true
            }
            None => false,
        }
    }

    /// Exchanges the waker of `entry`. False: it has fired.
    pub fn update(&self, entry: &Entry, waker: &Waker) -> bool {
        let wheel = self.wheel.lock();
        if !entry.is_waiting() {
            return false;
        }
        let old = entry.set_waker(waker);
        drop(wheel);
        drop(old);
        true
    }

    /// Takes `entry` out, if it hasn't fired. The hardware stays as it is: an interrupt too many costs less than setting it each time.
    ///
    /// # Safety
    /// `entry` was inserted here.
    pub unsafe fn remove(&self, entry: NonNull<Entry>) {
        // SAFETY: promised by the caller.
        let waker = unsafe { self.wheel.lock().remove(entry) };
        drop(waker);
    }

    /// Sees to it that the timer interrupt comes at `time` (nanoseconds) or before. For the processor that these timers belong to.
    pub fn program(&self, time: u64) {
        let _hold = arch::interrupts::hold();
        // 0 would mean never; for a time in the past 1 is as good.
        let time = time.max(1);
        let programmed = self.programmed.load(Ordering::Relaxed);
        if programmed == NEVER || time < programmed {
            self.programmed.store(time, Ordering::Relaxed);
            arch::clock::set_deadline(Some(time));
        }
    }

    /// The timer interrupt came: wakes whose time has come, and sets the hardware for what is next, or for `other` if that is earlier.
    pub fn on_interrupt(&self, now: u64, other: Option<u64>) {
        self.programmed.store(NEVER, Ordering::Relaxed);
        self.expire(now);
        if let Some(time) = other {
            self.program(time);
        }
    }

    /// Whether sleepers are due that weren't woken yet, as they were too many.
    #[inline]
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Goes on where an interrupt stopped.
    #[inline]
    pub fn catch_up(&self) {
        if self.is_behind() {
            self.expire(super::now());
        }
    }

    /// Wakes some of those who are due. The hardware is set for the rest only when nothing is left to do now: until then the run loop
    /// goes on.
    fn expire(&self, now: u64) {
        let mut more = true;
        for _ in 0..CHUNKS {
            more = self.expire_chunk(now);
            if !more {
                break;
            }
        }
        self.behind.store(more, Ordering::Relaxed);
        if !more {
            let _hold = arch::interrupts::hold();
            let next = self.wheel.lock().next_deadline();
            if let Some(time) = next {
                self.program(time);
            }
        }
    }

    fn expire_chunk(&self, now: u64) -> bool {
        let mut wakers = [const { None }; CHUNK];
        let mut slots = wakers.iter_mut();
        let more = self.wheel.lock().advance(now, CHUNK, &mut |waker| {
            if let Some(slot) = slots.next() {
                *slot = Some(waker);
            }
        });
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
        more
    }
}

//! Time: the time-stamp counter, calibrated at boot, and the timer: the local interrupt controller's, or with `noapic` the interval timer.

use core::sync::atomic::{AtomicU64, Ordering};

use super::registers::read_tsc;
use super::{block, interrupts, lapic, pit, rtc};
use crate::guards::hold;

/// What a TSC without any yardstick is taken for.
const ASSUMED_FREQUENCY: u64 = 1_000_000_000;
const NEVER: u64 = u64::MAX;

static ENTRY: AtomicU64 = AtomicU64::new(0);
static FREQUENCY: AtomicU64 = AtomicU64::new(ASSUMED_FREQUENCY);
/// Nanoseconds in a tick, as a fixed-point number with 32 fractional bits.
static SCALE: AtomicU64 = AtomicU64::new(1 << 32);
static BOOT_WALL_TIME: AtomicU64 = AtomicU64::new(0);

/// Notes the kernel's first moment, from which time counts.
pub fn mark_entry() {
    ENTRY.store(read_tsc(), Ordering::Relaxed);
}

/// Measures the counter and the local timer, and reads the wall clock.
pub fn initialise() {
    let old = interrupts::are_old();
    if !old {
        lapic::start_calibration();
    }
    let start = read_tsc();
    let frequency = pit::measure_tsc().filter(|&frequency| frequency > 1_000_000).unwrap_or_else(|| {
        log::warn!("no interval timer: assuming a time-stamp counter of 1 GHz");
        ASSUMED_FREQUENCY
    });
    FREQUENCY.store(frequency, Ordering::Relaxed);
    SCALE.store(((1_000_000_000 << 32) / u128::from(frequency)) as u64, Ordering::Relaxed);
    if old {
        pit::start_one_shot();
        interrupts::open_interval_timer();
    } else {
        lapic::finish_calibration(to_nanoseconds(read_tsc() - start));
    }
    let seconds = rtc::seconds().unwrap_or_else(|| {
        log::warn!("no working battery-backed clock: it is 1970");
        0
    });
    BOOT_WALL_TIME.store((seconds * 1_000_000_000).saturating_sub(now()), Ordering::Relaxed);
}

/// Ticks of the time-stamp counter as a time.
#[inline]
pub fn to_nanoseconds(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(SCALE.load(Ordering::Relaxed))) >> 32) as u64
}

/// Nanoseconds since boot; never runs backwards.
#[inline]
pub fn now() -> u64 {
    to_nanoseconds(ticks_since_entry())
}

/// Ticks of the time-stamp counter since the kernel's first instructions.
#[inline]
pub fn ticks_since_entry() -> u64 {
    read_tsc().wrapping_sub(ENTRY.load(Ordering::Relaxed))
}

/// Asks for one timer interrupt on this CPU at this time (nanoseconds as of [`now`]; the past means at once), or none.
///
/// The timer itself is only written to when the new time is earlier than what it is set for: a write costs more than an
/// early interrupt now and then, which sets it again.
pub fn set_deadline(deadline: Option<u64>) {
    let _hold = hold();
    let block = block::this();
    let wanted = deadline.unwrap_or(NEVER);
    block.timer_wanted.set(wanted);
    if wanted < block.timer_armed.get() {
        arm(block, now());
    }
}

fn arm(block: &block::Block, now: u64) {
    let left = block.timer_wanted.get().saturating_sub(now);
    let held = if interrupts::are_old() { pit::arm(left) } else { lapic::arm(left) };
    block.timer_armed.set(now.saturating_add(held));
}

/// The timer's interrupt: passes it on if it is time, else sets the timer again.
pub fn on_timer() {
    let block = block::this();
    block.timer_armed.set(NEVER);
    let wanted = block.timer_wanted.get();
    if wanted == NEVER {
        return;
    }
    let now = now();
    if now < wanted {
        arm(block, now);
    } else {
        block.timer_wanted.set(NEVER);
        interrupts::run_timer_handler();
    }
}

/// The wall-clock time at which [`now`] was zero, in nanoseconds since 1970.
pub fn boot_wall_time() -> u64 {
    BOOT_WALL_TIME.load(Ordering::Relaxed)
}

/// Ticks of the time-stamp counter in a second.
pub fn tsc_frequency() -> u64 {
    FREQUENCY.load(Ordering::Relaxed)
}

//! The interval timer (8254), as a yardstick for the time-stamp counter.

use super::port::Port;
use super::registers::read_tsc;

/// Its frequency in Hz.
const FREQUENCY: u64 = 1_193_182;
/// Counts to measure over at a time: about 1 ms.
const WINDOW: u16 = 1193;
/// Measurements, of which the lowest counts.
const MEASUREMENTS: usize = 3;
/// Reads of one sample, of which the quickest counts.
const TRIES: usize = 8;

/// Reads the counter (it counts down) and the TSC at the same moment: the best of some tries, by how long the read took.
fn sample() -> (u16, u64) {
    // SAFETY: the timer's ports; nobody else uses it.
    let (command, data) = unsafe { (Port::<u8>::new(0x43), Port::<u8>::new(0x40)) };
    let mut best = (0, 0, u64::MAX);
    for _ in 0..TRIES {
        let before = read_tsc();
        command.write(0); // latch channel 0
        let after = read_tsc();
        let low = data.read();
        let count = u16::from_le_bytes([low, data.read()]);
        if after - before < best.2 {
            best = (count, before + (after - before) / 2, after - before);
        }
    }
    (best.0, best.1)
}

/// Ticks of the TSC in a second, measured; none if there is no such timer.
///
/// The counter is short: a virtual processor that is held up for 55 ms or more in the middle sees it go round, and takes long for short. That can
/// only make the result too high, so the lowest of some measurements is right.
pub fn measure_tsc() -> Option<u64> {
    // SAFETY: as in `sample`.
    let (command, data) = unsafe { (Port::<u8>::new(0x43), Port::<u8>::new(0x40)) };
    command.write(0x34); // channel 0, both bytes, rate generator
    data.write(0);
    data.write(0);
    let mut lowest = None;
    for _ in 0..MEASUREMENTS {
        let measured = measure_once()?;
        lowest = Some(lowest.map_or(measured, |lowest: u64| lowest.min(measured)));
    }
    lowest
}

fn measure_once() -> Option<u64> {
    let (first, start) = sample();
    // A missing timer always reads the same: give up after a while (at least 20 ms at any plausible rate).
    let patience = read_tsc() + 200_000_000;
    loop {
        let (count, now) = sample();
        let passed = first.wrapping_sub(count);
        if (WINDOW..u16::MAX / 2).contains(&passed) {
            return Some(((now - start) as u128 * u128::from(FREQUENCY) / u128::from(passed)) as u64);
        }
        if now > patience {
            return None;
        }
        core::hint::spin_loop();
    }
}

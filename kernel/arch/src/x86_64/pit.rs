//! The interval timer (8254): a yardstick for the time-stamp counter, and with `noapic` the one-shot timer.

use super::port::Port;
use super::registers::read_tsc;
use crate::calibration;

/// Its frequency in Hz.
const FREQUENCY: u64 = 1_193_182;
/// Reads of one sample, of which the quickest counts.
const TRIES: usize = 8;

/// Commands for channel 0, counts of two bytes: latch the count; one interrupt when the count is through; count round and round.
const LATCH: u8 = 0;
const ONE_SHOT: u8 = 0x30;
const PERIODIC: u8 = 0x34;

fn command() -> Port<u8> {
    // SAFETY: the timer's command port; nobody else uses it.
    unsafe { Port::new(0x43) }
}

fn channel() -> Port<u8> {
    // SAFETY: as in `command`.
    unsafe { Port::new(0x40) }
}

/// Makes it a one-shot timer, not running.
pub fn start_one_shot() {
    command().write(ONE_SHOT);
}

/// Arms the one-shot timer: it interrupts after about this many nanoseconds, earlier if that is longer than it can count (55 ms). Returns
/// the time that it can hold, at most what was asked for.
pub fn arm(nanoseconds: u64) -> u64 {
    const NANOS_PER_SECOND: u128 = 1_000_000_000;
    let ticks = (u128::from(nanoseconds) * u128::from(FREQUENCY)) / NANOS_PER_SECOND;
    let most = u128::from(u16::MAX);
    let [low, high] = (ticks.clamp(1, most) as u16).to_le_bytes();
    channel().write(low);
    channel().write(high);
    if ticks <= most { nanoseconds } else { (most * NANOS_PER_SECOND / u128::from(FREQUENCY)) as u64 }
}

/// Reads the counter (it counts down) and the TSC at the same moment: the best of some tries, by how long the read took.
fn sample() -> (u16, u64) {
    let (command, data) = (command(), channel());
    let mut best = (0, 0, u64::MAX);
    for _ in 0..TRIES {
        let before = read_tsc();
        command.write(LATCH);
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
pub fn measure_tsc() -> Option<u64> {
    command().write(PERIODIC);
    channel().write(0);
    channel().write(0);
    calibration::measure(FREQUENCY, sample)
}

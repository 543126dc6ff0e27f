//! Measuring one counter by another: how fast the time-stamp counter runs, by a 16-bit timer of known frequency that counts down.
//!
//! A virtual processor may be held up at any moment, for longer than the timer takes to go round (55 ms). Then long is taken for short, which can
//! only make the result too high: so the lowest of some measurements is right.

/// Measurements, of which the lowest counts.
const MEASUREMENTS: usize = 3;
/// Counts to measure over at a time: about 1 ms of a PC's timer.
const WINDOW: u16 = 1193;
/// Samples with the same count after which there is no timer: at least 20 ms on any machine.
const PATIENCE: u32 = 2_000;
/// Samples after which a measurement is given up.
const MOST_SAMPLES: u32 = 200_000;

/// Ticks of the counter in a second, by a timer of this frequency in Hz; none if the timer stands still. `sample` reads the timer and the
/// counter at the same moment.
pub fn measure(frequency: u64, mut sample: impl FnMut() -> (u16, u64)) -> Option<u64> {
    let mut lowest = u64::MAX;
    for _ in 0..MEASUREMENTS {
        lowest = lowest.min(measure_once(frequency, &mut sample)?);
    }
    Some(lowest)
}

fn measure_once(frequency: u64, sample: &mut impl FnMut() -> (u16, u64)) -> Option<u64> {
    let (mut first, mut start) = sample();
    let mut unchanged = 0;
    for _ in 0..MOST_SAMPLES {
        let (count, now) = sample();
        match first.wrapping_sub(count) {
            // A missing timer always reads the same. How much time passes meanwhile says nothing: the processor may be held up.
            0 if unchanged == PATIENCE => return None,
            0 => unchanged += 1,
            passed if passed < WINDOW => {}
            passed if passed < u16::MAX / 2 => {
                let ticks = u128::from(now.saturating_sub(start)) * u128::from(frequency) / u128::from(passed);
                return u64::try_from(ticks).ok();
            }
            // Held up: begin anew.
            _ => (first, start) = (count, now),
        }
        core::hint::spin_loop();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMER: u64 = 1_193_182;
    const COUNTER: u64 = 2_500_000_000;

    /// Samples 10 µs apart, but for those with a number in the list, before which the processor is held up for some milliseconds.
    fn samples(hold_ups: &[(u32, u64)]) -> impl FnMut() -> (u16, u64) {
        let (mut number, mut nanoseconds) = (0, 0_u64);
        move || {
            number += 1;
            nanoseconds += 10_000 + hold_ups.iter().filter(|(at, _)| *at == number).map(|(_, length)| length * 1_000_000).sum::<u64>();
            let at = |frequency: u64| u128::from(nanoseconds) * u128::from(frequency) / 1_000_000_000;
            (0_u16.wrapping_sub(at(TIMER) as u16), at(COUNTER) as u64)
        }
    }

    fn assert_right(hold_ups: &[(u32, u64)]) {
        let measured = measure(TIMER, samples(hold_ups)).unwrap();
        assert!(measured.abs_diff(COUNTER) < COUNTER / 500, "{hold_ups:?}: {measured}");
    }

    #[test]
    fn an_undisturbed_measurement_is_right() {
        assert_right(&[]);
    }

    #[test]
    fn hold_ups_do_no_harm() {
        for length in [1, 10, 30, 50, 56, 60, 80, 90, 100, 109, 200, 1000] {
            for at in [2, 50, 101, 102, 103, 150, 250, 300] {
                assert_right(&[(at, length)]);
            }
            assert_right(&[(20, length), (150, length)]);
        }
    }

    #[test]
    fn a_timer_that_stands_still_is_none() {
        let mut ticks = 0;
        let mut reads = 0;
        let result = measure(TIMER, || {
            ticks += 100_000_000;
            reads += 1;
            (0xffff, ticks)
        });
        assert_eq!(result, None);
        assert!(reads < 10_000);
    }

    #[test]
    fn a_timer_that_jumps_about_is_given_up() {
        let mut count = 0_u16;
        let result = measure(TIMER, || {
            count = count.wrapping_add(0x3000);
            (count, 0)
        });
        assert!(result.is_none_or(|ticks| ticks == 0), "{result:?}");
    }
}

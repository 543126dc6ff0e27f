//! The load averages of /proc/loadavg and sysinfo(2): how many threads were ready to run, averaged over 1, 5 and 15 minutes.
//!
//! As on Linux the average decays exponentially and is sampled every five seconds, in fixed point with eleven binary digits.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::time::NANOS_PER_SECOND;

/// Binary digits behind the point.
const SHIFT: u32 = 11;
const ONE: u64 = 1 << SHIFT;
/// 1 / e^(5 s / 1, 5, 15 min) in fixed point.
const DECAY: [u64; 3] = [1884, 2014, 2037];
const PERIOD: u64 = 5 * NANOS_PER_SECOND;

static LOADS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// The three averages; 2048 stands for one thread.
pub fn fixed_point() -> [u64; 3] {
    [0, 1, 2].map(|index: usize| LOADS[index].load(Ordering::Relaxed))
}

/// Whole and hundredths of an average, as /proc/loadavg prints it.
pub fn hundredths(load: u64) -> (u64, u64) {
    let load = load + ONE / 200;
    (load >> SHIFT, ((load & (ONE - 1)) * 100) >> SHIFT)
}

fn decayed(load: u64, decay: u64, active: u64) -> u64 {
    // Rounded up while it rises, so that it reaches what it tends to.
    let rounding = if active * ONE >= load { ONE - 1 } else { 0 };
    (load * decay + active * ONE * (ONE - decay) + rounding) >> SHIFT
}

/// How many tasks wait for the processor. The sampling task is running, so it does not count itself.
fn ready_count() -> u64 {
    let mut ready = 0;
    executor::tasks(&mut |task| ready += u64::from(task.state == executor::TaskState::Ready));
    ready
}

/// The kernel task that samples; never ends.
pub async fn sample_for_ever() {
    let mut next = arch::clock::now() + PERIOD;
    loop {
        executor::timer::sleep_until(next).await;
        // The next sample counts from the planned time, so a late wake-up does not stretch the averages.
        next += PERIOD;
        let active = ready_count();
        for (load, decay) in LOADS.iter().zip(DECAY) {
            load.store(decayed(load.load(Ordering::Relaxed), decay, active), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_busy_thread_brings_the_load_to_one() {
        let mut load = 0;
        for _ in 0..12 * 60 {
            load = decayed(load, DECAY[0], 1);
        }
        assert_eq!(hundredths(load).0 * 100 + hundredths(load).1, 100);
        for _ in 0..12 * 60 {
            load = decayed(load, DECAY[0], 0);
        }
        assert_eq!(hundredths(load), (0, 0));
    }
}

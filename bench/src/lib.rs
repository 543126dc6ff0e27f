//! What the benchmark programs share: the counter, samples, and the form of a result line.
//!
//! Under QEMU's `-icount shift=0` the time-stamp counter counts executed instructions, exactly and repeatably; elsewhere it counts
//! cycles. A result line is `NAME VALUE UNIT`, one a row, so that the host can collect them.

use core::arch::asm;

/// Instructions that a pair of [`counter`] readings costs by itself under instruction counting: the `rdtsc` that ends the measurement
/// and the move of its halves.
pub fn counter() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reads the time-stamp counter.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Many measurements of one thing.
#[derive(Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    pub fn collect(count: usize, mut measure: impl FnMut() -> u64) -> Samples {
        let mut samples: Vec<u64> = (0..count).map(|_| measure()).collect();
        samples.sort_unstable();
        Samples(samples)
    }

    pub fn minimum(&self) -> u64 {
        self.0.first().copied().unwrap_or(0)
    }

    pub fn median(&self) -> u64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(0)
    }
}

pub fn report(name: &str, value: u64, unit: &str) {
    println!("{name} {value} {unit}");
}

//! The ports of the battery-backed clock (MC146818), read once.

use super::port::Port;
use crate::wall_clock;

fn register(number: u8) -> u8 {
    // SAFETY: the clock's index and data ports; nobody else uses it. Bit 7 of the index masks NMIs, which it should not.
    unsafe {
        Port::<u8>::new(0x70).write(number);
        Port::<u8>::new(0x71).read()
    }
}

/// Seconds since 1970, UTC. None without a working clock.
pub fn seconds() -> Option<u64> {
    wall_clock::read(register)
}

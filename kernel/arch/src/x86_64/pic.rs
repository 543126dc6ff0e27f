//! The old interrupt controllers (8259): moved out of the way of the exceptions and masked for good.

use super::port::Port;

/// Where their vectors would be; nothing listens there, since even masked they can raise a spurious one.
const BASE: u8 = 0xe0;

/// Remaps and masks both.
pub fn disable() {
    // SAFETY: the two controllers' ports, which nobody else drives; absent ones ignore this.
    unsafe {
        for (command, vector, wiring) in [(0x20, BASE, 1 << 2), (0xa0, BASE + 8, 2)] {
            let data = Port::<u8>::new(command + 1);
            Port::<u8>::new(command).write(0x11);
            data.write(vector);
            data.write(wiring);
            data.write(0x01);
            data.write(0xff);
        }
    }
}

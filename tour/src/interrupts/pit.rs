//! The programmable interval timer (Intel 8254 data sheet): line 0's clock.

use arch::port::Port;

/// What the timer counts with, in Hz.
const FREQUENCY: u32 = 1_193_182;
/// Channel 0, both bytes of the divisor, a pulse each time it has been counted down.
const RATE_GENERATOR: u8 = 0x34;

/// Makes the timer tick so many times a second: 19 at least, as the divisor has sixteen bits.
pub fn set_rate(hertz: u32) {
    let divisor = u16::try_from(FREQUENCY / hertz.max(1)).unwrap_or(u16::MAX);
    // SAFETY: the timer's ports; the real kernel used it at boot to calibrate its clock and has no need of it any more.
    let (command, channel) = unsafe { (Port::<u8>::new(0x43), Port::<u8>::new(0x40)) };
    command.write(RATE_GENERATOR);
    divisor.to_le_bytes().into_iter().for_each(|byte| channel.write(byte));
}

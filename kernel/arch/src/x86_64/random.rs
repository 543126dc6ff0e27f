//! RDRAND.

use core::arch::asm;

use super::cpu;
use crate::types::Features;

/// 64 random bits from the processor, if it has a source of them.
pub fn hardware() -> Option<u64> {
    if !cpu::features().contains(Features::RDRAND) {
        return None;
    }
    // The manual's advice: ten tries, after which the source counts as broken.
    (0..10).find_map(|_| {
        let (value, ok): (u64, u8);
        // SAFETY: the processor has the instruction.
        unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        (ok != 0).then_some(value)
    })
}

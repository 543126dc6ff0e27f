//! Descriptors as bits: the gates of the interrupt descriptor table, and the one of a task-state segment.

/// Type of an interrupt gate: the handler begins with interrupts off (Intel SDM volume 3, 6.14.1).
const INTERRUPT_GATE: u64 = 0xe;
/// Type of a 64-bit task-state segment that no processor has loaded yet (Intel SDM volume 3, table 3-2).
const AVAILABLE_TSS: u64 = 0x9;
const PRESENT: u64 = 1 << 47;

/// One entry of the interrupt descriptor table.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate([u64; 2]);

impl Gate {
    /// No gate: using it is a fault.
    pub const ABSENT: Gate = Gate([0; 2]);

    /// A gate to the code at `handler` in the segment `selector`, on interrupt stack number `stack` (0: none, 1 to 7), which `int`
    /// instructions of rings 0 to `ring` may use.
    pub const fn interrupt(handler: u64, selector: u16, stack: u8, ring: u8) -> Gate {
        let low = handler & 0xffff | (selector as u64) << 16 | (stack as u64 & 7) << 32;
        let kind = INTERRUPT_GATE << 40 | (ring as u64 & 3) << 45 | PRESENT;
        Gate([low | kind | (handler >> 16 & 0xffff) << 48, handler >> 32])
    }
}

/// The two words that describe the task-state segment of `size` bytes at `base`.
pub const fn tss(base: u64, size: usize) -> [u64; 2] {
    let limit = size as u64 - 1;
    [limit | (base & 0xff_ffff) << 16 | AVAILABLE_TSS << 40 | PRESENT | (base >> 24 & 0xff) << 56, base >> 32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits `from` to `to` (inclusive) of a 128-bit descriptor.
    fn bits([low, high]: [u64; 2], from: u32, to: u32) -> u128 {
        (u128::from(high) << 64 | u128::from(low)) >> from & ((1 << (to - from + 1)) - 1)
    }

    #[test]
    fn each_field_of_a_gate_has_its_place() {
        let Gate(gate) = Gate::interrupt(0x1234_5678_9abc_def0, 0x10, 5, 3);
        assert_eq!(bits(gate, 0, 15), 0xdef0, "handler, lowest part");
        assert_eq!(bits(gate, 16, 31), 0x10, "selector");
        assert_eq!(bits(gate, 32, 34), 5, "interrupt stack");
        assert_eq!(bits(gate, 35, 39), 0, "reserved");
        assert_eq!(bits(gate, 40, 43), 0b1110, "an interrupt gate, no trap gate");
        assert_eq!(bits(gate, 44, 44), 0, "a system descriptor");
        assert_eq!(bits(gate, 45, 46), 3, "privilege level");
        assert_eq!(bits(gate, 47, 47), 1, "present");
        assert_eq!(bits(gate, 48, 63), 0x9abc, "handler, middle part");
        assert_eq!(bits(gate, 64, 95), 0x1234_5678, "handler, highest part");
        assert_eq!(bits(gate, 96, 127), 0, "reserved");
        assert_eq!(size_of::<Gate>(), 16);
    }

    #[test]
    fn fields_of_a_gate_do_not_touch() {
        // Values too large for their field spoil no other one.
        let Gate(gate) = Gate::interrupt(0, 0, 0xff, 0xff);
        assert_eq!(gate, [7 << 32 | 0xee << 40, 0]);
        let Gate(gate) = Gate::interrupt(u64::MAX, 0, 0, 0);
        assert_eq!(gate, [0xffff_8e00_0000_ffff, 0xffff_ffff]);
        let Gate(gate) = Gate::interrupt(0, u16::MAX, 0, 0);
        assert_eq!(gate, [0x0000_8e00_ffff_0000, 0]);
        assert_eq!(bits(Gate::ABSENT.0, 47, 47), 0);
    }

    #[test]
    fn each_field_of_a_tss_descriptor_has_its_place() {
        let descriptor = tss(0x1234_5678_9abc_def0, 104);
        assert_eq!(bits(descriptor, 0, 15), 103, "limit");
        assert_eq!(bits(descriptor, 16, 39), 0xbc_def0, "base, lowest part");
        assert_eq!(bits(descriptor, 40, 43), 0b1001, "an available 64-bit TSS");
        assert_eq!(bits(descriptor, 44, 46), 0, "a system descriptor of ring 0");
        assert_eq!(bits(descriptor, 47, 47), 1, "present");
        assert_eq!(bits(descriptor, 48, 55), 0, "limit, upper part, and granularity");
        assert_eq!(bits(descriptor, 56, 63), 0x9a, "base, middle part");
        assert_eq!(bits(descriptor, 64, 95), 0x1234_5678, "base, highest part");
        assert_eq!(bits(descriptor, 96, 127), 0, "reserved");
    }
}

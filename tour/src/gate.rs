//! A gate of the interrupt descriptor table (Intel SDM volume 3, 6.14.1): where a vector's handler is, and how to get there.

/// The 16 bytes of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Gate {
    offset_low: u16,
    selector: u16,
    /// Bits 0 to 2: interrupt stack, 0 for none. Bits 8 to 11: 14 for an interrupt gate, which switches interrupts off, 15 for a trap gate,
    /// which doesn't. Bits 13 and 14: the least privileged ring that may name the vector in an `int`. Bit 15: present.
    options: u16,
    offset_middle: u16,
    offset_high: u32,
    reserved: u32,
}

const INTERRUPT: u16 = 14 << 8;
const TRAP: u16 = 15 << 8;
const PRESENT: u16 = 1 << 15;

impl Gate {
    /// No handler: the vector's arrival is an exception itself.
    pub const MISSING: Gate = Gate { offset_low: 0, selector: 0, options: 0, offset_middle: 0, offset_high: 0, reserved: 0 };

    /// An interrupt gate for ring 0 on the current stack.
    pub const fn new(handler: u64, selector: u16) -> Gate {
        Gate {
            offset_low: handler as u16,
            selector,
            options: PRESENT | INTERRUPT,
            offset_middle: (handler >> 16) as u16,
            offset_high: (handler >> 32) as u32,
            reserved: 0,
        }
    }

    /// The same on one of the seven interrupt stacks of the TSS, counted from 0 as the TSS lays them out.
    pub const fn on_stack(mut self, index: u8) -> Gate {
        assert!(index < 7, "there are seven interrupt stacks");
        self.options = self.options & !7 | (index as u16 + 1);
        self
    }

    /// The same with interrupts left on.
    pub const fn as_trap(mut self) -> Gate {
        self.options |= TRAP;
        self
    }

    /// The same for `int` instructions of ring 3.
    pub const fn for_ring_3(mut self) -> Gate {
        self.options |= 3 << 13;
        self
    }

    /// Where the handler is.
    pub const fn handler(&self) -> u64 {
        self.offset_low as u64 | (self.offset_middle as u64) << 16 | (self.offset_high as u64) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(gate: Gate) -> u128 {
        // SAFETY: sixteen bytes without padding on both sides.
        unsafe { core::mem::transmute::<Gate, u128>(gate) }
    }

    #[test]
    fn bits_are_where_the_processor_wants_them() {
        let gate = Gate::new(0xfedc_ba98_7654_3210, 8);
        assert_eq!(bits(gate), 0x0000_0000_fedc_ba98_7654_8e00_0008_3210);
        assert_eq!(gate.handler(), 0xfedc_ba98_7654_3210);
        assert_eq!(bits(gate.on_stack(0)) >> 32 & 0xffff, 0x8e01);
        assert_eq!(bits(gate.on_stack(6)) >> 32 & 0xffff, 0x8e07);
        assert_eq!(bits(gate.as_trap()) >> 32 & 0xffff, 0x8f00);
        assert_eq!(bits(gate.for_ring_3()) >> 32 & 0xffff, 0xee00);
        assert_eq!(bits(Gate::MISSING), 0);
    }
}

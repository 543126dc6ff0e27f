//! How interrupt lines are wired: read from the firmware's table (MADT, ACPI 6.4 section 5.2.12).
//!
//! The table comes from firmware, so nothing in it is trusted: lengths are checked, and what is missing or odd leaves the wiring that every
//! PC has.

/// How many ISA lines there are.
pub const ISA_LINES: usize = 16;

/// Where an ISA line arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Input of the I/O interrupt controller.
    pub input: u8,
    pub active_low: bool,
    pub level: bool,
}

/// How interrupts are wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wiring {
    /// Physical address of the I/O interrupt controller.
    pub ioapic: u64,
    /// By ISA line.
    pub isa: [Line; ISA_LINES],
}

const DEFAULT_IOAPIC: u64 = 0xfec0_0000;
/// Bytes before the entries: the header of all tables, the address of the local controllers, flags.
const FIRST_ENTRY: usize = 44;
/// Kinds of entries.
const IO_APIC: u8 = 1;
const OVERRIDE: u8 = 2;

impl Wiring {
    /// What every PC has: each line at the input of its own number, active high, edge-triggered.
    pub fn usual() -> Wiring {
        let isa = core::array::from_fn(|line| Line { input: line as u8, active_low: false, level: false });
        Wiring { ioapic: DEFAULT_IOAPIC, isa }
    }

    /// What this table says, header included.
    pub fn read(table: &[u8]) -> Wiring {
        let mut wiring = Wiring::usual();
        let mut rest = table.get(FIRST_ENTRY..).unwrap_or(&[]);
        let mut found = false;
        while let &[kind, length, ..] = rest {
            let Some(entry) = rest.get(..usize::from(length)).filter(|entry| entry.len() >= 2) else { break };
            match kind {
                // The one whose inputs count from 0 has the ISA lines.
                IO_APIC if !found && u32_at(entry, 8) == Some(0) => {
                    found = true;
                    wiring.ioapic = u32_at(entry, 4).map_or(DEFAULT_IOAPIC, u64::from);
                }
                OVERRIDE => wiring.take_override(entry),
                _ => {}
            }
            rest = &rest[entry.len()..];
        }
        wiring
    }

    /// An interrupt source override: bus (ISA is 0), line, input (four bytes), flags (two bytes: polarity, trigger mode).
    fn take_override(&mut self, entry: &[u8]) {
        let &[_, _, 0, line, _, _, _, _, flags, _, ..] = entry else { return };
        let Some(input) = u32_at(entry, 4).and_then(|input| u8::try_from(input).ok()) else { return };
        if let Some(slot) = self.isa.get_mut(usize::from(line)) {
            // 0 is what the bus does, which for ISA is active high and by edge; 1 says so; 3 is the opposite.
            *slot = Line { input, active_low: flags & 3 == 3, level: flags >> 2 & 3 == 3 };
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[&[u8]]) -> Vec<u8> {
        let mut table = vec![0; FIRST_ENTRY];
        entries.iter().for_each(|entry| table.extend_from_slice(entry));
        table
    }

    fn line(input: u8, active_low: bool, level: bool) -> Line {
        Line { input, active_low, level }
    }

    /// The entries of QEMU's q35: one processor, one I/O controller, and its overrides.
    #[test]
    fn the_table_of_a_pc() {
        let wiring = Wiring::read(&table(&[
            &[0, 8, 0, 0, 1, 0, 0, 0],
            &[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
            &[2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
            &[2, 10, 0, 5, 5, 0, 0, 0, 0xd, 0],
            &[2, 10, 0, 9, 9, 0, 0, 0, 0xd, 0],
            &[4, 6, 0xff, 0, 0, 1],
        ]));
        assert_eq!(wiring.ioapic, 0xfec0_0000);
        assert_eq!(wiring.isa[0], line(2, false, false), "the timer comes in where the other controllers would");
        assert_eq!(wiring.isa[5], line(5, false, true));
        assert_eq!(wiring.isa[9], line(9, false, true));
        assert_eq!(wiring.isa[4], line(4, false, false));
    }

    #[test]
    fn each_flag_has_its_meaning() {
        for (flags, active_low, level) in [
            (0, false, false),
            (1, false, false),
            (3, true, false),
            (4, false, false),
            (5, false, false),
            (0xc, false, true),
            (0xf, true, true),
        ] {
            let wiring = Wiring::read(&table(&[&[2, 10, 0, 7, 30, 0, 0, 0, flags, 0]]));
            assert_eq!(wiring.isa[7], line(30, active_low, level), "flags {flags}");
        }
    }

    #[test]
    fn the_controller_of_the_isa_lines_is_chosen() {
        let wiring = Wiring::read(&table(&[
            &[1, 12, 1, 0, 0, 0, 0xd0, 0xfe, 24, 0, 0, 0],
            &[1, 12, 0, 0, 0, 0x10, 0xc0, 0xfe, 0, 0, 0, 0],
            &[1, 12, 2, 0, 0, 0, 0xe0, 0xfe, 0, 0, 0, 0],
        ]));
        assert_eq!(wiring.ioapic, 0xfec0_1000);
    }

    #[test]
    fn nonsense_leaves_the_usual_wiring() {
        let nonsense: [&[u8]; 8] = [
            &[2, 0],
            &[2, 1, 0],
            &[2, 200, 0, 1, 9, 0, 0, 0, 0, 0],
            &[2, 10, 1, 1, 9, 0, 0, 0, 0xf, 0],
            &[2, 10, 0, 16, 9, 0, 0, 0, 0xf, 0],
            &[2, 10, 0, 1, 9, 1, 0, 0, 0xf, 0],
            &[2, 9, 0, 1, 9, 0, 0, 0, 0xf],
            &[1, 4, 0, 0],
        ];
        for entry in nonsense {
            assert_eq!(Wiring::read(&table(&[entry])), Wiring::usual(), "{entry:?}");
        }
        assert_eq!(Wiring::read(&[]), Wiring::usual());
        assert_eq!(Wiring::read(&[1; 43]), Wiring::usual());
    }
}

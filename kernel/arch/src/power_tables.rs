//! What ACPI tables say about ending the machine's life: the registers in the FADT (ACPI 6.4, section 5.2.9) and the sleep type
//! of the soft-off state S5, in the `\_S5_` package of the DSDT or an SSDT (section 7.4.2).
//!
//! The package is found by its bytes: an interpreter of ACPI's bytecode would give the same answer, as the object is a constant on every
//! machine. Nothing in the tables is trusted.

/// Where the address of a register counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Memory,
    Port,
}

/// A register: its physical address or port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    pub space: Space,
    pub address: u64,
}

/// How the machine is switched off. A sleep type goes with each register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoftOff {
    /// By the PM1 control registers of a whole PC: the first, and a second if there is one.
    Control { first: (Register, u8), second: Option<(Register, u8)>, enable: Option<Enable> },
    /// By the sleep registers of a machine with reduced ACPI hardware.
    Sleep { control: (Register, u8), status: Option<Register> },
}

/// The port and the value that take the machine from firmware's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enable {
    pub port: u16,
    pub value: u8,
}

/// Bytes of every table's header.
const HEADER: usize = 36;
const REDUCED_HARDWARE: u32 = 1 << 20;
const RESET_SUPPORTED: u32 = 1 << 10;

fn field<const N: usize>(table: &[u8], at: usize) -> Option<[u8; N]> {
    table.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(table: &[u8], at: usize) -> u32 {
    field(table, at).map_or(0, u32::from_le_bytes)
}

fn u64_at(table: &[u8], at: usize) -> u64 {
    field(table, at).map_or(0, u64::from_le_bytes)
}

/// A generic address structure (section 5.2.3.2). None if it is empty, or in a space that isn't handled.
fn register_at(table: &[u8], at: usize) -> Option<Register> {
    let space = match table.get(at)? {
        0 => Space::Memory,
        1 => Space::Port,
        _ => return None,
    };
    let address = u64_at(table, at + 4);
    (address != 0 && (space == Space::Memory || address <= u64::from(u16::MAX))).then_some(Register { space, address })
}

/// The register at `at` of the extended fields, or else the port in the 32-bit field.
fn register(fadt: &[u8], extended: usize, port: usize) -> Option<Register> {
    register_at(fadt, extended).or_else(|| {
        let address = u64::from(u32_at(fadt, port));
        (1..=u64::from(u16::MAX)).contains(&address).then_some(Register { space: Space::Port, address })
    })
}

/// Physical address of the DSDT.
pub fn dsdt(fadt: &[u8]) -> u64 {
    match u64_at(fadt, 140) {
        0 => u32_at(fadt, 40).into(),
        address => address,
    }
}

/// The register that restarts the machine, and what is to be written there.
pub fn reset(fadt: &[u8]) -> Option<(Register, u8)> {
    let supported = u32_at(fadt, 112) & RESET_SUPPORTED != 0;
    register_at(fadt, 116).filter(|_| supported).zip(fadt.get(128).copied())
}

/// How the machine is switched off, given the sleep types of S5.
pub fn soft_off(fadt: &[u8], [first, second]: [u8; 2]) -> Option<SoftOff> {
    if u32_at(fadt, 112) & REDUCED_HARDWARE != 0 {
        return Some(SoftOff::Sleep { control: (register_at(fadt, 244)?, first), status: register_at(fadt, 256) });
    }
    let port = u16::try_from(u32_at(fadt, 48)).ok().filter(|&port| port != 0);
    let enable = port.zip(fadt.get(52).copied().filter(|&value| value != 0)).map(|(port, value)| Enable { port, value });
    let other = register(fadt, 184, 68).map(|register| (register, second));
    Some(SoftOff::Control { first: (register(fadt, 172, 64)?, first), second: other, enable })
}

/// The two sleep types of S5, if this table of bytecode defines them.
pub fn sleep_types(table: &[u8]) -> Option<[u8; 2]> {
    /// `Name (_S5_, Package`, with and without the backslash of the root.
    const NAMED: [&[u8]; 2] = [b"\x08_S5_\x12", b"\x08\\_S5_\x12"];
    let code = table.get(HEADER..)?;
    (0..code.len()).find_map(|at| {
        let rest = code.get(at..)?;
        NAMED.iter().find_map(|named| package(rest.strip_prefix(*named)?))
    })
}

/// The first two elements of a package that begins with its length (sections 20.2.4 and 20.2.5.4). One alone stands for both.
fn package(bytes: &[u8]) -> Option<[u8; 2]> {
    let more = bytes.first()? >> 6;
    let (&count, elements) = bytes.get(1 + usize::from(more)..)?.split_first()?;
    let (first, rest) = sleep_type(elements)?;
    let second = if count >= 2 { sleep_type(rest)?.0 } else { first };
    (count >= 1).then_some([first, second])
}

/// An integer constant (section 20.2.3) that is a sleep type, which has three bits; and what follows.
fn sleep_type(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&opcode, rest) = bytes.split_first()?;
    let (value, length) = match opcode {
        0 | 1 => (opcode.into(), 0),
        0x0a => ((*rest.first()?).into(), 1),
        0x0b => (field(rest, 0).map(u16::from_le_bytes)?.into(), 2),
        0x0c => (field(rest, 0).map(u32::from_le_bytes)?, 4),
        _ => return None,
    };
    let value = u8::try_from(value).ok().filter(|&value| value < 8)?;
    Some((value, rest.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(code: &[u8]) -> Vec<u8> {
        [&[0; HEADER][..], code].concat()
    }

    /// As QEMU's q35 has it: `Name (_S5_, Package (4) {0, 0, 0, 0})`, between other code.
    const ZEROS: &[u8] = b"\x10\x20\\_SB_\x08_S5_\x12\x06\x04\x00\x00\x00\x00\x08_S4_";

    #[test]
    fn sleep_types_are_found_in_all_encodings() {
        assert_eq!(sleep_types(&table(ZEROS)), Some([0, 0]));
        assert_eq!(sleep_types(&table(b"\x08\\_S5_\x12\x07\x04\x0a\x05\x01\x00\x00")), Some([5, 1]));
        assert_eq!(sleep_types(&table(b"\x08_S5_\x12\x4c\x00\x02\x0b\x07\x00\x0c\x06\x00\x00\x00")), Some([7, 6]));
        assert_eq!(sleep_types(&table(b"\x08_S5_\x12\x04\x01\x0a\x05")), Some([5, 5]));
        // A mention that is no definition comes first.
        assert_eq!(sleep_types(&table(b"_S5_\x08_S5_\x0a\x08_S5_\x12\x06\x04\x01\x0a\x02\x00\x00")), Some([1, 2]));
    }

    #[test]
    fn odd_packages_are_none() {
        assert_eq!(sleep_types(&[]), None);
        assert_eq!(sleep_types(&table(b"")), None);
        let whole = table(ZEROS);
        for length in 0..HEADER + 7 + 9 {
            assert_eq!(sleep_types(&whole[..length]), None, "{length}");
        }
        assert_eq!(sleep_types(&table(b"\x08_S5_\x12\x05\x02\x0a\x08\x00")), None, "the type has four bits");
        assert_eq!(sleep_types(&table(b"\x08_S5_\x12\x05\x02_S5_")), None, "a name, and no number");
        assert_eq!(sleep_types(&table(b"\x08_S5_\x12\x02\x00\x00")), None, "no elements");
    }

    fn put(table: &mut [u8], at: usize, bytes: &[u8]) {
        table[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn generic(space: u8, address: u64) -> [u8; 12] {
        let mut bytes = [0; 12];
        (bytes[0], bytes[1]) = (space, 8);
        bytes[4..].copy_from_slice(&address.to_le_bytes());
        bytes
    }

    #[test]
    fn a_whole_pc_has_control_registers() {
        let mut fadt = vec![0; 276];
        put(&mut fadt, 40, &0x1000_u32.to_le_bytes());
        put(&mut fadt, 48, &0xb2_u32.to_le_bytes());
        fadt[52] = 2;
        put(&mut fadt, 64, &0x604_u32.to_le_bytes());
        put(&mut fadt, 112, &RESET_SUPPORTED.to_le_bytes());
        put(&mut fadt, 116, &generic(1, 0xcf9));
        fadt[128] = 0xf;
        let control = Register { space: Space::Port, address: 0x604 };
        let enable = Some(Enable { port: 0xb2, value: 2 });
        assert_eq!(soft_off(&fadt, [5, 6]), Some(SoftOff::Control { first: (control, 5), second: None, enable }));
        assert_eq!(reset(&fadt), Some((Register { space: Space::Port, address: 0xcf9 }, 0xf)));
        assert_eq!(dsdt(&fadt), 0x1000);
        // The extended fields come before the old ones.
        put(&mut fadt, 140, &0x1_0000_0000_u64.to_le_bytes());
        put(&mut fadt, 172, &generic(0, 0xfed0_0000));
        put(&mut fadt, 184, &generic(1, 0x608));
        let first = Register { space: Space::Memory, address: 0xfed0_0000 };
        let second = Register { space: Space::Port, address: 0x608 };
        assert_eq!(soft_off(&fadt, [5, 6]), Some(SoftOff::Control { first: (first, 5), second: Some((second, 6)), enable }));
        assert_eq!(dsdt(&fadt), 0x1_0000_0000);
    }

    #[test]
    fn reduced_hardware_has_sleep_registers() {
        let mut fadt = vec![0; 276];
        put(&mut fadt, 112, &(REDUCED_HARDWARE | RESET_SUPPORTED).to_le_bytes());
        put(&mut fadt, 244, &generic(0, 0xfea0_0200));
        put(&mut fadt, 256, &generic(0, 0xfea0_0201));
        let at = |address| Register { space: Space::Memory, address };
        let expected = SoftOff::Sleep { control: (at(0xfea0_0200), 5), status: Some(at(0xfea0_0201)) };
        assert_eq!(soft_off(&fadt, [5, 0]), Some(expected));
        assert_eq!(reset(&fadt), None, "supported, but not there");
    }

    #[test]
    fn short_and_senseless_tables_are_none() {
        for length in 0..172 {
            assert_eq!(soft_off(&vec![0; length], [0, 0]), None);
            assert_eq!(reset(&vec![0xff; length]), None);
        }
        let mut fadt = vec![0; 276];
        put(&mut fadt, 112, &RESET_SUPPORTED.to_le_bytes());
        put(&mut fadt, 116, &generic(1, 0x1_0000));
        assert_eq!(reset(&fadt), None, "there is no such port");
        put(&mut fadt, 116, &generic(2, 0x10));
        assert_eq!(reset(&fadt), None, "not in PCI configuration space");
    }
}

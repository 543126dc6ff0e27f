//! Chapter 8: how an address becomes a place in memory.
//!
//! The first half needs no machine: a memory of frames in a map, four tables in it, and [`translate`] that walks them as the processor
//! does. The second half looks at the processor's own tables and meets a page fault.

use alloc::collections::BTreeMap;

use crate::{claim, say};

/// Bits of an entry.
pub const PRESENT: u64 = 1;
pub const WRITABLE: u64 = 1 << 1;
pub const USER: u64 = 1 << 2;
pub const HUGE: u64 = 1 << 7;
pub const NO_EXECUTE: u64 = 1 << 63;
/// Where the next table or the page is.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Physical memory that holds nothing but page tables, by the addresses of their frames.
pub type Memory = BTreeMap<u64, [u64; 512]>;

/// What a walk found: the physical address, and the rights that all levels together leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    pub physical: u64,
    pub writable: bool,
    pub user: bool,
    pub executable: bool,
}

/// The four indices and the offset in an address: nine bits for each level, twelve for the byte in the page.
pub fn parts(address: u64) -> ([usize; 4], u64) {
    let index = |level: u64| (address >> (12 + 9 * (level - 1)) & 511) as usize;
    ([index(4), index(3), index(2), index(1)], address & 4095)
}

/// Whether bits 48 to 63 repeat bit 47, as the processor demands.
pub fn is_canonical(address: u64) -> bool {
    ((address as i64) << 16 >> 16) as u64 == address
}

/// Walks the tables from `root`. None: an entry on the way isn't present.
pub fn translate(memory: &Memory, root: u64, address: u64) -> Option<Translation> {
    let (indices, _) = parts(address);
    let mut found = Translation { physical: 0, writable: true, user: true, executable: true };
    let mut table = root;
    for (index, level) in indices.into_iter().zip((1..=4).rev()) {
        let entry = memory.get(&table)?[index];
        if entry & PRESENT == 0 {
            return None;
        }
        // A higher level can only take rights away.
        found.writable &= entry & WRITABLE != 0;
        found.user &= entry & USER != 0;
        found.executable &= entry & NO_EXECUTE == 0;
        let huge = matches!(level, 2 | 3) && entry & HUGE != 0;
        if level == 1 || huge {
            let offset = address & ((4096 << (9 * (level - 1))) - 1);
            found.physical = (entry & ADDRESS) + offset;
            return Some(found);
        }
        table = entry & ADDRESS;
    }
    None
}

/// Puts an entry into a table, which is made if it isn't there.
pub fn set(memory: &mut Memory, table: u64, index: usize, entry: u64) {
    memory.entry(table).or_insert([0; 512])[index] = entry;
}

/// The example: two pages of a program, mapped through four tables.
pub fn example() -> (Memory, u64) {
    const FULL: u64 = PRESENT | WRITABLE | USER;
    let mut memory = Memory::new();
    set(&mut memory, 0x1000, 1, 0x2000 | FULL);
    set(&mut memory, 0x2000, 0, 0x3000 | FULL);
    set(&mut memory, 0x3000, 511, 0x4000 | FULL);
    set(&mut memory, 0x4000, 127, 0xc000 | PRESENT | USER);
    set(&mut memory, 0x4000, 128, 0x9000 | FULL | NO_EXECUTE);
    (memory, 0x1000)
}

/// Walks through the example, and on the real machine through a fault.
pub fn run() {
    let address = 0x80_3fe7_f5ce;
    let (indices, offset) = parts(address);
    claim!(
        indices == [1, 0, 511, 127] && offset == 0x5ce,
        "{address:#x} is level 4 entry {}, then {}, {} and {}, byte {offset:#x}",
        indices[0],
        indices[1],
        indices[2],
        indices[3]
    );
    let (memory, root) = example();
    let found = translate(&memory, root, address);
    claim!(found.is_some_and(|found| found.physical == 0xc5ce), "four tables translate it to 0xc5ce");
    claim!(found.is_some_and(|found| !found.writable), "the last entry forbids to write, whatever the first three allow");
    claim!(translate(&memory, root, address + 0x2000).is_none(), "two pages further there is no page: a page fault");
    claim!(
        is_canonical(0xffff_8000_0000_0000) && !is_canonical(0x8000_0000_0000),
        "0x800000000000 is no address: bit 47 isn't repeated above"
    );
    #[cfg(target_os = "none")]
    faults::show();
    #[cfg(not(target_os = "none"))]
    say!("The rest needs the machine.");
}

#[cfg(target_os = "none")]
mod faults {
    //! Page faults of the real processor.

    use super::*;
    use crate::machine::idt::{Frame, Table, fault_address, stub};
    use crate::machine::{map, recovery};
    use crate::spinlock::Spinlock;

    const PAGE_FAULT: u8 = 14;
    const NOWHERE: usize = 0xdead_beaf;

    /// Address and error code of the last fault.
    static SEEN: Spinlock<Option<(u64, u64)>> = Spinlock::new(None);

    extern "C" fn page_fault(frame: &mut Frame) {
        *SEEN.lock() = Some((fault_address(), frame.error_code));
        recovery::leave(frame);
    }
    stub!(page_fault_stub, page_fault, error_code);

    extern "C" fn write_nowhere() {
        // SAFETY: it faults; the handler doesn't come back here.
        unsafe { core::ptr::with_exposed_provenance_mut::<u8>(NOWHERE).write_volatile(42) };
    }

    extern "C" fn write_code() {
        let code = show as fn() as *mut u8;
        // SAFETY: as above.
        unsafe { code.write_volatile(0) };
    }

    static DATA: [u8; 16] = [0xc3; 16];

    extern "C" fn run_data() {
        // SAFETY: a `ret`, if it were executed; as above.
        unsafe { core::mem::transmute::<*const u8, extern "C" fn()>(DATA.as_ptr())() };
    }

    /// The fault that the function makes.
    fn fault_of(function: extern "C" fn()) -> (u64, u64) {
        // SAFETY: the functions above hold nothing.
        let returned = unsafe { recovery::guarded(function) };
        assert!(!returned, "there was no fault");
        SEEN.lock().take().expect("the handler ran")
    }

    pub fn show() {
        arch::interrupts::disable();
        let table = Table::leak();
        table.set(PAGE_FAULT, page_fault_stub);
        // SAFETY: interrupts are off; only page faults come.
        unsafe { table.load() };
        let root = map::root();
        // SAFETY: the live root table, only read.
        let used = unsafe { map::entries(root) }.iter().filter(|&&entry| entry & PRESENT != 0).count();
        claim!(used > 0, "CR3 says that the level 4 table is at physical {root:#x}; {used} of its entries are used");
        let (address, code) = fault_of(write_nowhere);
        claim!(address == NOWHERE as u64 && code == 2, "EXCEPTION: PAGE FAULT at {address:#x}, code {code:#x}: a write, no page");
        let code = show as fn() as *const u8;
        // SAFETY: a byte of this function, only read.
        let byte = unsafe { code.read_volatile() };
        say!("The first byte of this code is {byte:#x}: reading it worked.");
        let (address, code) = fault_of(write_code);
        claim!(
            address == show as fn() as usize as u64 && code == 3,
            "writing to code at {address:#x} faults, code {code:#x}: a write, page there"
        );
        let (address, code) = fault_of(run_data);
        claim!(
            address == DATA.as_ptr().addr() as u64 && code == 0x11,
            "executing data at {address:#x} faults, code {code:#x}: a fetch, page there"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example() {
        run();
    }

    #[test]
    fn large_pages_end_the_walk_early() {
        let mut memory = Memory::new();
        set(&mut memory, 0x1000, 0, 0x2000 | PRESENT);
        set(&mut memory, 0x2000, 3, 0x1_4000_0000 | PRESENT | HUGE);
        set(&mut memory, 0x2000, 0, 0x3000 | PRESENT);
        set(&mut memory, 0x3000, 5, 0x60_0000 | PRESENT | HUGE);
        let physical = |address| translate(&memory, 0x1000, address).map(|found| found.physical);
        assert_eq!(physical(0xc123_4567), Some(0x1_4123_4567), "1 GiB");
        assert_eq!(physical(0x00a1_2345), Some(0x0061_2345), "2 MiB");
        assert_eq!(physical(0x0080_0000), None);
    }

    #[test]
    fn rights_only_shrink_from_level_to_level() {
        const ALL: u64 = PRESENT | WRITABLE | USER;
        for (weak, entry) in [(0, PRESENT | USER), (1, PRESENT | WRITABLE), (2, ALL | NO_EXECUTE), (3, PRESENT | NO_EXECUTE)] {
            let mut memory = Memory::new();
            for level in 0..4 {
                let rights = if level == weak { entry } else { ALL };
                set(&mut memory, 0x1000 * (level + 1), 0, (0x1000 * (level + 2)) | rights);
            }
            let found = translate(&memory, 0x1000, 0).unwrap();
            let expected = (entry & WRITABLE != 0, entry & USER != 0, entry & NO_EXECUTE == 0);
            assert_eq!((found.writable, found.user, found.executable), expected, "level {}", 4 - weak);
        }
    }
}

//! Every bit of a page table entry, as far as the processor shows that it heeds it.

use arch::paging::{FrameSource, PageFlags};
use arch::user::{Access, Trap, load_u64, store_u64};
use arch::{Frame, PAGE_SIZE, phys_to_virt};
use memory::frames::KernelFrames;
use tour_paging::processor::{has_global_pages, invalidate, reload_root};
use tour_paging::{Entry, Flags, Mapper, Offset, Processor, Walker};

use super::user_space::{CODE, DATA, Space};
use crate::{kernel_test, user_code};

user_code!(read_and_write, "mov rdi, [0x500000]", "syscall", "mov [0x500000], rsi", "syscall");

fn walker(space: &mut Space) -> Walker<Offset<Processor>> {
    // SAFETY: the tables of a space that the test owns; only mapped addresses are touched.
    unsafe { Offset::mapper(space.table().root(), Processor::new()) }
}

/// Replaces the entry for `address` on `level`, with `changed` bits flipped, runs `f`, and puts the old one back.
fn with_flipped(space: &mut Space, address: usize, level: u32, changed: Flags, f: impl FnOnce(&mut Space)) {
    let mut tables = walker(space);
    let old = tables.entry(address, level).expect("a table");
    assert!(tables.set_entry(address, level, Entry(old.0 ^ changed.bits())));
    invalidate(address);
    f(space);
    assert!(tables.set_entry(address, level, old));
    invalidate(address);
}

/// What the program meets when it reads, and, if that went well, when it writes.
fn program(space: &Space) -> Result<(), Trap> {
    let mut thread = space.thread();
    for _ in 0..2 {
        match space.run(&mut thread) {
            Trap::Syscall => {}
            other => return Err(other),
        }
    }
    Ok(())
}

fn fault(address: usize, access: Access) -> Result<(), Trap> {
    Err(Trap::PageFault { address, access })
}

/// The leaf's rights: present, writable, user, no-execute.
fn rights() {
    let mut space = Space::new(read_and_write());
    assert_eq!(program(&space), Ok(()));
    with_flipped(&mut space, DATA, 1, Flags::PRESENT, |space| {
        assert!(load_u64(DATA).is_err());
        assert_eq!(program(space), fault(DATA, Access::Read));
    });
    with_flipped(&mut space, DATA, 1, Flags::WRITABLE, |space| {
        assert!(load_u64(DATA).is_ok());
        // Ring 0 is bound by it too, as CR0.WP is set.
        assert!(store_u64(DATA, 1).is_err());
        assert_eq!(program(space), fault(DATA, Access::Write));
    });
    with_flipped(&mut space, DATA, 1, Flags::USER, |space| {
        assert!(load_u64(DATA).is_ok(), "ring 0 needs no such right");
        assert_eq!(program(space), fault(DATA, Access::Read));
    });
    with_flipped(&mut space, CODE, 1, Flags::NO_EXECUTE, |space| {
        assert!(load_u64(CODE).is_ok());
        assert_eq!(program(space), fault(CODE, Access::Execute));
    });
    assert_eq!(program(&space), Ok(()));
}
kernel_test!("paging_bits_of_rights", rights);

/// A table on any level forbids what the leaf allows; none can allow what the leaf forbids.
fn higher_levels_restrict() {
    let mut space = Space::new(read_and_write());
    for level in 2..=4 {
        with_flipped(&mut space, DATA, level, Flags::WRITABLE, |space| {
            assert!(load_u64(DATA).is_ok());
            // The tables of code and data are the same ones, but code isn't written.
            assert_eq!(program(space), fault(DATA, Access::Write), "level {level}");
            let found = walker(space).translate(DATA).expect("mapped");
            assert_eq!(found.flags & Flags::WRITABLE, Flags::WRITABLE);
            assert_eq!(found.effective & Flags::WRITABLE, Flags::empty());
        });
        with_flipped(&mut space, DATA, level, Flags::USER, |space| {
            invalidate(CODE);
            assert_eq!(program(space), fault(CODE, Access::Execute), "level {level}");
        });
        with_flipped(&mut space, CODE, level, Flags::NO_EXECUTE, |space| {
            assert_eq!(program(space), fault(CODE, Access::Execute), "level {level}");
        });
        invalidate(CODE);
        assert_eq!(program(&space), Ok(()), "level {level}");
    }
    // The tables allow everything here: it is the leaf alone that says no.
    with_flipped(&mut space, DATA, 1, Flags::WRITABLE, |space| assert_eq!(program(space), fault(DATA, Access::Write)));
}
kernel_test!("paging_higher_levels_restrict", higher_levels_restrict);

/// The processor reports what it did: reading sets accessed, on all levels, and writing sets dirty, on the leaf.
fn accessed_and_dirty() {
    let mut space = Space::new(read_and_write());
    let both = Flags::ACCESSED | Flags::DIRTY;
    let mut tables = walker(&mut space);
    let clear = |tables: &mut Walker<Offset<Processor>>| {
        for level in 1..=4 {
            let entry = tables.entry(DATA, level).expect("a table");
            tables.set_entry(DATA, level, Entry(entry.0 & !both.bits()));
        }
        // Upper levels are cached as well: only a whole flush makes the processor look at all of them again.
        reload_root();
    };
    let seen = |tables: &mut Walker<Offset<Processor>>, level| tables.entry(DATA, level).expect("a table").flags() & both;
    load_u64(DATA).expect("mapped");
    clear(&mut tables);
    for level in 1..=4 {
        assert_eq!(seen(&mut tables, level), Flags::empty());
    }
    load_u64(DATA).expect("mapped");
    for level in 1..=4 {
        assert_eq!(seen(&mut tables, level), Flags::ACCESSED, "level {level}");
    }
    clear(&mut tables);
    store_u64(DATA, 1).expect("mapped");
    assert_eq!(seen(&mut tables, 1), both);
    assert_eq!(seen(&mut tables, 2), Flags::ACCESSED, "a table gets no dirty bit");
    // A fault is no access.
    clear(&mut tables);
    with_flipped(&mut space, DATA, 1, Flags::WRITABLE, |_| assert!(store_u64(DATA, 1).is_err()));
    assert_eq!(seen(&mut tables, 1) & Flags::DIRTY, Flags::empty());
}
kernel_test!("paging_bits_accessed_and_dirty", accessed_and_dirty);

/// Bits for the cache and for the system: the processor leaves them as they are, and the page works as before. What the first two do to the
/// cache can't be seen in an emulator; that device registers get them is seen in the kernel's own tables.
fn bits_that_are_kept() {
    let mut space = Space::new(read_and_write());
    let bits = Flags::WRITE_THROUGH | Flags::NO_CACHE | Flags::AVAILABLE_LOW | Flags::AVAILABLE_MIDDLE | Flags::AVAILABLE_HIGH;
    for bit in bits.iter() {
        with_flipped(&mut space, DATA, 1, bit, |space| {
            store_u64(DATA, bit.bits()).expect("mapped");
            assert_eq!(load_u64(DATA), Ok(bit.bits()));
            assert_eq!(program(space), Ok(()));
            assert!(walker(space).translate(DATA).expect("mapped").flags.contains(bit), "{bit:?}");
        });
    }
    let mut uncached = 0;
    arch::paging::deactivate();
    // SAFETY: the kernel's own tables, only read.
    let mut kernel = unsafe { Offset::mapper(tour_paging::processor::active_root(), Processor::new()) };
    kernel.visit(&mut |_, _, flags| uncached += usize::from(flags.contains(Flags::NO_CACHE | Flags::WRITE_THROUGH)));
    assert!(uncached > 0, "the interrupt controller's registers are device memory");
    space.table().activate();
}
kernel_test!("paging_bits_that_are_kept", bits_that_are_kept);

/// Two frames with different content.
fn two_frames() -> [Frame; 2] {
    [1_u64, 2].map(|content| {
        let frame = KernelFrames.allocate().expect("a frame");
        // SAFETY: a fresh frame.
        unsafe { phys_to_virt(frame.address()).cast::<u64>().write_volatile(content) };
        frame
    })
}

/// Where the tests of the translation cache map their page.
const PAGE: usize = DATA + 16 * PAGE_SIZE;

/// A changed entry doesn't change what is seen until the translation is invalidated: at least now and then the old one is still used, since a
/// processor may forget it at any time, and behind `invlpg` never.
fn cache_is_not_transparent() {
    let mut space = Space::new(read_and_write());
    let frames = two_frames();
    space.table().map(PAGE, frames[0], PageFlags::USER, &mut KernelFrames).expect("frames");
    let mut tables = walker(&mut space);
    let flags = tables.entry(PAGE, 1).expect("mapped").flags();
    let mut stale = 0;
    for round in 0..1000 {
        let (old, new) = (round % 2, 1 - round % 2);
        assert_eq!(load_u64(PAGE), Ok(old as u64 + 1));
        tables.set_entry(PAGE, 1, Entry::new(frames[new], flags));
        let without = load_u64(PAGE);
        assert!(without == Ok(1) || without == Ok(2), "{without:?}");
        stale += usize::from(without == Ok(old as u64 + 1));
        // Both ways to flush, in turn: one page, and everything.
        if round % 4 < 2 {
            invalidate(PAGE)
        } else {
            reload_root()
        }
        assert_eq!(load_u64(PAGE), Ok(new as u64 + 1), "round {round}");
    }
    log::info!("{stale} of 1000 reads went by the old translation");
    assert!(stale > 0, "the cache seems to be transparent");
    frames.into_iter().for_each(|frame| KernelFrames.free(frame));
}
kernel_test!("paging_translations_are_cached", cache_is_not_transparent);

/// A global translation may outlive a change of CR3, a local one does not; `invlpg` ends both.
fn global_pages() {
    assert!(has_global_pages() && arch::cpu::features().contains(arch::cpu::Features::PGE));
    let mut space = Space::new(read_and_write());
    let frames = two_frames();
    for global in [Flags::empty(), Flags::GLOBAL] {
        space.table().map(PAGE, frames[0], PageFlags::USER, &mut KernelFrames).expect("frames");
        invalidate(PAGE);
        let mut tables = walker(&mut space);
        let flags = tables.entry(PAGE, 1).expect("mapped").flags() | global;
        tables.set_entry(PAGE, 1, Entry::new(frames[0], flags));
        assert_eq!(load_u64(PAGE), Ok(1));
        tables.set_entry(PAGE, 1, Entry::new(frames[1], flags));
        reload_root();
        let seen = load_u64(PAGE);
        log::info!("behind a change of CR3, a page with {global:?} shows {seen:?}");
        // QEMU's own emulation flushes global pages too, which the manual allows.
        assert!(seen == Ok(2) || seen == Ok(1) && global == Flags::GLOBAL, "{seen:?}");
        invalidate(PAGE);
        assert_eq!(load_u64(PAGE), Ok(2));
        assert_eq!(tables.translate(PAGE).expect("mapped").flags & Flags::GLOBAL, global);
    }
    frames.into_iter().for_each(|frame| KernelFrames.free(frame));
}
kernel_test!("paging_bits_global", global_pages);

//! The mappers of `tour-paging` on the processor: one suite for all, and what each can be asked beyond it.

use alloc::string::String;

use arch::paging::{FrameSource, PageFlags, PageTable, deactivate};
use arch::user::Trap;
use arch::{Frame, PAGE_SIZE, PhysAddr, phys_to_virt};
use memory::frames::KernelFrames;
use tour_paging::address::{join, recursive_table};
use tour_paging::processor::active_root;
use tour_paging::suite::{self, Bench};
use tour_paging::{Entry, Flags, Kernel, Mapper, Mmu, Offset, Page, Processor, Recursive, Temporary, Walker};

use super::user_space::{DATA, Space};
use crate::{kernel_test, user_code};

/// Entries of the root's upper half that the kernel leaves free.
const RECURSIVE: usize = 509;
const DOOR: usize = 508;
const WINDOW: usize = join([507, 0, 0, 0], 0);
/// Where tests may map, in the lower half.
const FREE: usize = join([3, 0, 0, 0], 0);
/// Where the kernel's image is linked.
const IMAGE: usize = 0xffff_ffff_8000_0000;
/// Where all of physical memory is mapped.
const DIRECT_MAP: usize = 0xffff_8000_0000_0000;

/// The processor, for tests that touch only what they have mapped.
fn processor() -> Processor {
    // SAFETY: the tests of this file give it addresses of pages that they mapped to frames of their own, and of page tables.
    unsafe { Processor::new() }
}

/// A fresh address space, active as long as it lives.
struct Active(Option<PageTable>);

impl Active {
    fn new() -> Active {
        let table = PageTable::new(&mut KernelFrames).expect("a frame for the root");
        table.activate();
        Active(Some(table))
    }

    fn table(&mut self) -> &mut PageTable {
        self.0.as_mut().expect("alive")
    }

    fn offset(&self) -> Walker<Offset<Processor>> {
        offset(self.0.as_ref().expect("alive").root())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if let Some(table) = self.0.take() {
            table.free(&mut KernelFrames);
        }
    }
}

fn offset(root: Frame) -> Walker<Offset<Processor>> {
    // SAFETY: a root of this test's own, or of the kernel, which changes none of its tables after boot.
    unsafe { Offset::mapper(root, processor()) }
}

/// Runs `test` and makes sure that all frames come back.
fn balanced(test: impl FnOnce()) {
    let before = memory::frames::stats().free;
    test();
    memory::heap::trim();
    assert_eq!(memory::frames::stats().free, before);
}

fn pass(mapper: &mut dyn Mapper, sizes: bool) {
    let mut bench = Bench { mapper, mmu: &processor(), frames: &mut KernelFrames, free: FREE };
    suite::all(&mut bench);
    if sizes {
        assert!(arch::cpu::features().contains(arch::cpu::Features::HUGE_PAGES), "this processor has no pages of 1 GiB");
        suite::all_sizes(&mut bench);
    }
}

fn offset_mapper() {
    balanced(|| {
        let space = Active::new();
        pass(&mut space.offset(), true);
    });
}
kernel_test!("paging_offset_mapper_passes_the_suite", offset_mapper);

fn recursive_mapper() {
    balanced(|| {
        let space = Active::new();
        Recursive::<Processor>::install(&mut space.offset(), RECURSIVE);
        // SAFETY: the entry was just made, and this root is the active one.
        pass(&mut unsafe { Recursive::mapper(active_root(), RECURSIVE, processor()) }, true);
    });
}
kernel_test!("paging_recursive_mapper_passes_the_suite", recursive_mapper);

fn temporary_mapper() {
    balanced(|| {
        let space = Active::new();
        Temporary::<Processor>::install(&mut space.offset(), WINDOW, &mut KernelFrames).expect("frames");
        // SAFETY: the window was just made, and this root is the active one.
        pass(&mut unsafe { Temporary::mapper(active_root(), WINDOW, processor()) }, true);
        Temporary::<Processor>::remove(&mut space.offset(), WINDOW, &mut KernelFrames);
    });
}
kernel_test!("paging_temporary_mapper_passes_the_suite", temporary_mapper);

/// The kernel's own table has pages of 4 KiB only.
fn kernel_mapper() {
    balanced(|| {
        let mut space = Active::new();
        pass(&mut Kernel(space.table()), false);
    });
}
kernel_test!("paging_kernel_mapper_passes_the_suite", kernel_mapper);

fn recursive_page_shows_the_root() {
    let mut space = Active::new();
    let frame = KernelFrames.allocate().expect("a frame");
    for index in [0, 2, 7] {
        space.table().map(join([index, 0, 0, 1], 0), frame, PageFlags::WRITE, &mut KernelFrames).expect("frames");
    }
    Recursive::<Processor>::install(&mut space.offset(), RECURSIVE);
    // SAFETY: as in `recursive_mapper`.
    let mut mapper = unsafe { Recursive::mapper(active_root(), RECURSIVE, processor()) };
    let address = recursive_table(RECURSIVE, 0, 4);
    let table = mapper.reach().level_4_table();
    assert_eq!(table.addr(), address);
    // SAFETY: the root as the recursion shows it; nothing changes it while the reference lives.
    let entries = unsafe { &(*table).entries };
    for (index, entry) in entries.iter().enumerate().take(10) {
        let raw = processor().load(address + 8 * index);
        log::info!("entry {index}: {raw:#x}, {entry:?}");
        assert_eq!(*entry, Entry(raw));
        assert_eq!(raw != 0, [0, 2, 7].contains(&index), "entry {index}");
        assert_eq!(entry.is_present(), raw != 0);
    }
    assert_eq!(entries[RECURSIVE].frame(), active_root());
    KernelFrames.free(frame);
}
kernel_test!("paging_recursive_page_shows_the_root", recursive_page_shows_the_root);

user_code!(
    read_with_root,
    // rdi: the root to do it with, rsi: from where, rdx: to where, rcx: how many words.
    "mov rax, cr3",
    "mov cr3, rdi",
    "2: mov r8, [rsi]",
    "mov [rdx], r8",
    "add rsi, 8",
    "add rdx, 8",
    "dec rcx",
    "jnz 2b",
    "mov cr3, rax",
    "ret",
);

/// With the last entry of the root as the recursive one, the root is the last page there is. That entry is the kernel image's, so the code that
/// looks there is put into the lower half, and has nothing but its page and the stack.
fn last_page_shows_the_root() {
    const CODE: usize = 0x40_0000;
    let page = KernelFrames.allocate().expect("a frame");
    let code = read_with_root();
    // SAFETY: a fresh frame of this test.
    unsafe { phys_to_virt(page.address()).copy_from_nonoverlapping(code.as_ptr(), code.len()) };
    let mut space = Active::new();
    space.table().map(CODE, page, PageFlags::EXECUTE, &mut KernelFrames).expect("frames");
    let mut other = PageTable::new(&mut KernelFrames).expect("a frame");
    other.map(CODE, page, PageFlags::EXECUTE, &mut KernelFrames).expect("frames");
    Recursive::<Processor>::install(&mut offset(other.root()), 511);
    let mut words = [0_u64; 10];
    // SAFETY: the code in the page is a function of this type.
    let read = unsafe { core::mem::transmute::<usize, extern "C" fn(u64, u64, *mut u64, u64)>(CODE) };
    let quiet = arch::interrupts::hold();
    read(other.root().address().0, 0xffff_ffff_ffff_f000, words.as_mut_ptr(), 10);
    drop(quiet);
    let mut mapper = offset(other.root());
    let stable = |entry: Entry| entry.0 & !Flags::ACCESSED.bits();
    assert_eq!(words.map(|word| stable(Entry(word))), core::array::from_fn(|index| stable(mapper.level_4(index))));
    assert!(words[0] != 0 && words[1..].iter().all(|&word| word == 0), "{words:x?}");
    other.free(&mut KernelFrames);
    drop(space);
    KernelFrames.free(page);
}
kernel_test!("paging_last_page_shows_the_root", last_page_shows_the_root);

/// The classic addresses: the text screen, code, the stack, and the beginning of physical memory.
fn translations() {
    let space = Active::new();
    let mut by_offset = space.offset();
    Recursive::<Processor>::install(&mut by_offset, RECURSIVE);
    Temporary::<Processor>::install(&mut by_offset, WINDOW, &mut KernelFrames).expect("frames");
    // The kernel has no identity map, so the screen gets one page of it.
    let screen = Page::small(0xb_8000);
    by_offset.map(screen, Frame::containing(PhysAddr(0xb_8000)), Flags::DATA, &mut KernelFrames).expect("frames");
    // SAFETY: entry and window were just made, in the active root.
    let (mut by_recursion, mut by_window) =
        unsafe { (Recursive::mapper(active_root(), RECURSIVE, processor()), Temporary::mapper(active_root(), WINDOW, processor())) };
    let code = (translations as *const ()).addr();
    let on_stack = core::cell::Cell::new(0_u64);
    let stack = on_stack.as_ptr().addr();
    let mappers: [&mut dyn Mapper; 3] = [&mut by_offset, &mut by_recursion, &mut by_window];
    for (number, mapper) in (1..).zip(mappers) {
        on_stack.set(number);
        let mut physical = |address: usize| mapper.translate(address).map(|found| found.physical);
        assert_eq!(physical(0xb_8000), Some(PhysAddr(0xb_8000)));
        assert_eq!(physical(DIRECT_MAP), Some(PhysAddr(0)));
        assert_eq!(physical(code), Some(PhysAddr((code - IMAGE) as u64)));
        let place = physical(stack).expect("the stack is mapped");
        // SAFETY: the variable above, seen through the map of physical memory.
        let seen = unsafe { phys_to_virt(place).cast::<u64>().read_volatile() };
        assert_eq!(seen, core::hint::black_box(&on_stack).get());
        assert_eq!(physical(0xdea_dbea_f000), None);
        let flags = |address: usize, mapper: &mut dyn Mapper| mapper.translate(address).map(|found| found.effective);
        let (code, stack) = (flags(code, mapper), flags(stack, mapper));
        let rights = Flags::WRITABLE | Flags::NO_EXECUTE | Flags::USER;
        assert_eq!(code.map(|flags| flags & rights), Some(Flags::empty()));
        assert_eq!(stack.map(|flags| flags & rights), Some(Flags::WRITABLE | Flags::NO_EXECUTE));
    }
    by_offset.unmap(screen).expect("mapped");
    Temporary::<Processor>::remove(&mut by_offset, WINDOW, &mut KernelFrames);
}
kernel_test!("paging_translations", translations);

user_code!(read_data, "mov rdi, [0x500000]", "syscall");

/// Two programs see different data at the same address, and the kernel reaches both, whichever is active.
fn processes_are_apart() {
    let mut spaces = [Space::new(read_data()), Space::new(read_data())];
    for (number, space) in spaces.iter_mut().enumerate() {
        space.table().activate();
        arch::user::store_u64(DATA, 100 + number as u64).expect("mapped");
    }
    for _ in 0..2 {
        for (number, space) in spaces.iter_mut().enumerate() {
            space.table().activate();
            let mut thread = space.thread();
            assert_eq!(space.run(&mut thread), Trap::Syscall);
            assert_eq!(thread.registers().rdi, 100 + number as u64);
        }
    }
    // The second one is active. The first is reached in each of the three ways.
    let [first, second] = &mut spaces;
    let (theirs, own) = (first.table().root(), second.table().root());
    assert_eq!(active_root(), own);
    Recursive::<Processor>::install(&mut offset(own), RECURSIVE);
    Recursive::<Processor>::install(&mut offset(theirs), RECURSIVE);
    offset(own).set_entry(join([DOOR, 0, 0, 0], 0), 4, Entry::new(theirs, Flags::DATA));
    Temporary::<Processor>::install(&mut offset(own), WINDOW, &mut KernelFrames).expect("frames");
    // SAFETY: entries, door and window were just made, in the active root.
    let (mut door, mut window) =
        unsafe { (Recursive::door(theirs, DOOR, RECURSIVE, processor()), Temporary::mapper(theirs, WINDOW, processor())) };
    let mappers: [&mut dyn Mapper; 3] = [&mut offset(theirs), &mut door, &mut window];
    for (number, mapper) in mappers.into_iter().enumerate() {
        let found = mapper.translate(DATA).expect("mapped");
        // SAFETY: the data page of the first space, seen through the map of physical memory.
        assert_eq!(unsafe { phys_to_virt(found.physical).cast::<u64>().read_volatile() }, 100);
        // A second view of that page for the first space, while it sleeps: as when a process is made.
        let page = Page::small(FREE + number * PAGE_SIZE);
        mapper.map(page, Frame::containing(found.physical), Flags::DATA | Flags::USER, &mut KernelFrames).expect("frames");
        assert!(arch::user::load_u64(page.address).is_err(), "not in this space");
        assert_eq!(arch::user::load_u64(DATA), Ok(101));
    }
    Temporary::<Processor>::remove(&mut offset(own), WINDOW, &mut KernelFrames);
    first.table().activate();
    for number in 0..3 {
        assert_eq!(arch::user::load_u64(FREE + number * PAGE_SIZE), Ok(100));
    }
    deactivate();
}
kernel_test!("paging_processes_are_apart", processes_are_apart);

/// The kernel's own tables as text: rights as they should be, in few lines.
fn dumps() {
    deactivate();
    let info = super::BOOT.get().expect("set before the test");
    let mut text = String::new();
    tour_paging::report(info.memory, &mut text).expect("a string takes all");
    log::info!("paging on this machine:\n{text}");
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert!(text.lines().count() < 100, "{text}");
    assert!(count(" Usable") > 0 && count("CR3 points to") == 1, "{text}");
    assert_eq!(count(&alloc::format!("{:#x}. Its entries:", active_root().address().0)), 1, "{text}");
    assert!(text.lines().any(|line| line.starts_with("256: rw") && line.contains("table at 0x")), "{text}");
    let mappings = || text.lines().filter(|line| line.get(16..17) == Some("-"));
    let direct = mappings().next();
    assert!(direct.is_some_and(|line| line.starts_with("ffff800000000000-") && line.contains(" rw----g ")), "{text}");
    // One stretch of code, which isn't writable.
    let code: alloc::vec::Vec<&str> = mappings().filter(|line| line.get(36..37) == Some("x")).collect();
    assert!(matches!(code[..], [line] if line.starts_with("ffffffff80") && line.contains(" r-x---g ")), "{text}");
    assert_eq!(count("32 GiB in pages of 2 MiB: 132 KiB"), 1, "{text}");
    assert_eq!(count("256   0   0   0 +    0 -> 0x0, rw"), 1, "{text}");
    assert_eq!(count("-> not mapped: nowhere"), 1, "{text}");
}
kernel_test!("paging_dumps_are_readable", dumps);

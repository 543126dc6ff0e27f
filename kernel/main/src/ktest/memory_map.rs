//! The kernel's half of the address space: rights, guard pages, zeroed data.

use arch::paging::{guard_pages, visit_kernel_mappings};
use arch::{PhysAddr, phys_to_virt};

use crate::{kernel_test, panic_test};

/// Where the kernel's image is linked.
const IMAGE: usize = 0xffff_ffff_8000_0000;

fn no_page_is_writable_and_executable() {
    let (mut pages, mut executable) = (0, 0_u64);
    visit_kernel_mappings(&mut |address, size, write, execute| {
        assert!(!(write && execute), "{address:#x} + {size:#x}");
        assert!(address >= 0xffff_8000_0000_0000, "{address:#x} in the user half");
        pages += 1;
        if execute {
            assert!(address > IMAGE, "{address:#x} is executable");
            executable += size;
        }
    });
    assert!(pages > 10 && executable > 0);
    log::info!("{pages} mappings, {} KiB executable", executable >> 10);
}
kernel_test!("memory_no_page_is_writable_and_executable", no_page_is_writable_and_executable);

fn stacks_have_guard_pages() {
    let mut guards = 0;
    guard_pages(&mut |address| {
        guards += 1;
        visit_kernel_mappings(&mut |mapped, size, _, _| assert!(!(mapped..mapped + size as usize).contains(&address)));
    });
    // The main stack, the four interrupt stacks, and one above the last.
    assert_eq!(guards, 6);
    let here = core::hint::black_box(&mut guards);
    let address = core::ptr::from_mut(here).addr();
    assert!((0xffff_ff00_0000_0000..IMAGE).contains(&address), "the stack at {address:#x} lies in the window");
}
kernel_test!("memory_stacks_have_guard_pages", stacks_have_guard_pages);

fn unwritten_data_is_zero() {
    static ZEROS: [core::sync::atomic::AtomicU64; 8192] = [const { core::sync::atomic::AtomicU64::new(0) }; 8192];
    assert!(core::hint::black_box(&ZEROS).iter().all(|word| word.load(core::sync::atomic::Ordering::Relaxed) == 0));
}
kernel_test!("memory_unwritten_data_is_zero", unwritten_data_is_zero);

fn frames_are_writable_through_the_direct_map() {
    let frame = memory::frames::allocate(0).expect("a frame");
    let pointer = phys_to_virt(frame.address()).cast::<u64>();
    // SAFETY: a frame of our own.
    unsafe {
        pointer.write_volatile(0x1234);
        assert_eq!(pointer.read_volatile(), 0x1234);
    }
    assert_eq!(arch::virt_to_phys(pointer.cast()), frame.address());
    memory::frames::free(frame, 0);
}
kernel_test!("memory_direct_map", frames_are_writable_through_the_direct_map);

/// The code of some function.
fn text() -> *mut u8 {
    (text as *const ()).cast_mut().cast()
}

fn write_to_text() {
    // SAFETY: none: this must fault.
    unsafe { text().write_volatile(0) };
}
panic_test!("memory_text_is_read_only", write_to_text, "page fault in the kernel: write to a protected page");

fn write_to_the_alias_of_text() {
    let alias = phys_to_virt(PhysAddr((text().addr() - IMAGE) as u64));
    // SAFETY: none: reading works, writing must fault.
    unsafe {
        assert_eq!(alias.read_volatile(), text().read_volatile());
        alias.write_volatile(0);
    }
}
panic_test!("memory_alias_of_text_is_read_only", write_to_the_alias_of_text, "page fault in the kernel: write to a protected page");

fn write_to_constants() {
    static CONSTANT: u64 = 5;
    // SAFETY: none: this must fault.
    unsafe { core::hint::black_box(&raw const CONSTANT).cast_mut().write_volatile(6) };
}
panic_test!("memory_constants_are_read_only", write_to_constants, "page fault in the kernel: write to a protected page");

fn execute_data() {
    let mut code = [0xc3_u8; 16];
    // SAFETY: none: this must fault.
    unsafe { core::mem::transmute::<*mut u8, extern "C" fn()>(core::hint::black_box(code.as_mut_ptr()))() };
}
panic_test!("memory_data_is_not_executable", execute_data, "page fault in the kernel: execution of a protected page");

//! Copies to and from user memory.

use arch::PAGE_SIZE;
use arch::paging::PageFlags;
use arch::user::{CopyFault, compare_exchange_u32, copy_in, copy_out, fill, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64};

use super::user_space::{CODE, DATA, NOWHERE, Space};
use crate::{kernel_test, kernel_test_panics};

/// The end of the data page, behind which nothing is mapped.
const END: usize = DATA + PAGE_SIZE;

fn copies_are_exact() {
    let _space = Space::new(&[]);
    let mut pattern = [0; 100];
    for (at, byte) in pattern.iter_mut().enumerate() {
        *byte = at as u8 + 1;
    }
    for len in 0..100 {
        for offset in [0, 1, 7] {
            let mut back = [0; 101];
            fill(DATA, 0xee, 200).expect("mapped");
            // SAFETY: local arrays of that length.
            unsafe {
                copy_out(DATA + 50 + offset, pattern.as_ptr(), len).expect("mapped");
                copy_in(back.as_mut_ptr(), DATA + 50 + offset, len + 1).expect("mapped");
            }
            assert_eq!(back[..len], pattern[..len]);
            assert_eq!(back[len], 0xee);
            assert_eq!(load_u8(DATA + 49 + offset), Ok(0xee));
        }
    }
}
kernel_test!("copy_is_exact", copies_are_exact);

fn faults_are_exact() {
    let _space = Space::new(&[]);
    let mut buffer = [7; 64];
    for before in 0..20 {
        for len in before + 1..40 {
            let fault = Err(CopyFault { address: END, done: before });
            // SAFETY: local arrays of that length.
            unsafe {
                assert_eq!(copy_out(END - before, buffer.as_ptr(), len), fault);
                assert_eq!(copy_in(buffer.as_mut_ptr(), END - before, len), fault);
            }
            assert_eq!(fill(END - before, 7, len), fault);
        }
    }
    for at in 1..20 {
        assert_eq!(load_u8(END - at), Ok(7));
    }
    // Words that reach over the end fault as a whole, at the page that is missing.
    assert_eq!(load_u64(END - 4), Err(CopyFault { address: END, done: 0 }));
    assert_eq!(store_u32(END - 2, 1), Err(CopyFault { address: END, done: 0 }));
    assert_eq!(load_u32(NOWHERE + 5), Err(CopyFault { address: NOWHERE + 5, done: 0 }));
    assert!(arch::interrupts::enabled());
}
kernel_test!("copy_faults_are_exact", faults_are_exact);

fn only_user_addresses() {
    let _space = Space::new(&[]);
    let mut byte = 0_u8;
    for address in [0x7fff_ffff_f000, 0x8000_0000_0000, 0xffff_8000_0010_0000, 0xffff_ffff_8010_0000, usize::MAX] {
        // SAFETY: a local byte.
        unsafe {
            assert_eq!(copy_in(&raw mut byte, address, 1).map_err(|fault| fault.done), Err(0));
            assert_eq!(copy_out(address, &raw const byte, 1).map_err(|fault| fault.done), Err(0));
            // A range that begins well.
            assert!(copy_in(&raw mut byte, DATA, address).is_err());
        }
        assert!(fill(address, 0, 1).is_err());
        assert!(load_u32(address).is_err() && store_u8(address, 1).is_err() && compare_exchange_u32(address & !3, 0, 0).is_err());
    }
}
kernel_test!("copy_only_user_addresses", only_user_addresses);

fn rights_count() {
    let mut space = Space::new(&[0x90]);
    assert_eq!(load_u8(CODE), Ok(0x90));
    assert_eq!(store_u8(CODE, 1), Err(CopyFault { address: CODE, done: 0 }));
    assert!(compare_exchange_u32(CODE, 0, 0).is_err());
    assert!(space.table().protect(DATA, PageFlags::USER | PageFlags::WRITE | PageFlags::INACCESSIBLE));
    space.table().flush(DATA..END);
    assert!(load_u8(DATA).is_err() && fill(DATA, 0, 1).is_err());
    assert!(space.table().protect(DATA, PageFlags::USER | PageFlags::WRITE));
    assert_eq!(load_u8(DATA), Ok(0));
}
kernel_test!("copy_rights_count", rights_count);

fn exchanges() {
    let _space = Space::new(&[]);
    assert_eq!(compare_exchange_u32(DATA, 0, 5), Ok(Ok(0)));
    assert_eq!(compare_exchange_u32(DATA, 0, 6), Ok(Err(5)));
    assert_eq!(load_u32(DATA), Ok(5));
    assert!(compare_exchange_u32(DATA + 1, 0, 0).is_err(), "not aligned");
    store_u64(DATA + 8, 0x1122_3344_5566_7788).expect("mapped");
    assert_eq!((load_u64(DATA + 8), load_u32(DATA + 8), load_u8(DATA + 15)), (Ok(0x1122_3344_5566_7788), Ok(0x5566_7788), Ok(0x11)));
}
kernel_test!("copy_exchanges", exchanges);

fn direct_read() {
    let _space = Space::new(&[]);
    assert!(arch::cpu::features().contains(arch::cpu::Features::SMAP));
    // SAFETY: none: with SMAP the kernel must not be able to do this.
    unsafe { core::hint::black_box(DATA as *const u8).read_volatile() };
}
kernel_test_panics!("copy_smap_is_active", direct_read, "page fault in the kernel: read of a protected page");

fn execute_user_code() {
    let _space = Space::new(&[0xc3]);
    assert!(arch::cpu::features().contains(arch::cpu::Features::SMEP));
    // SAFETY: none: with SMEP the kernel must not be able to do this.
    unsafe { core::mem::transmute::<usize, extern "C" fn()>(core::hint::black_box(CODE))() };
}
kernel_test_panics!("copy_smep_is_active", execute_user_code, "page fault in the kernel: execution of a protected page");

fn kernel_side_fault() {
    let _space = Space::new(&[]);
    // SAFETY: none: a bad kernel pointer is a bug of the kernel, not the user's fault.
    let _fault = unsafe { copy_in(core::hint::black_box(0xffff_9000_0000_0000_usize as *mut u8), DATA, 8) };
}
kernel_test_panics!("copy_bad_kernel_pointer", kernel_side_fault, "page fault in the kernel: write to an unmapped page");

//! mmap and its family on anonymous memory: private, shared, splitting, moving, protecting, limits and errors.

use user::child::fork;
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("mappings":
    fresh_pages_are_zero, private_is_copied_on_write, private_child_writes_stay_private, shared_is_seen_by_child, shared_between_siblings,
    unmap_makes_holes, unmap_middle_splits, unmap_of_nothing_is_fine, map_errors, fixed_replaces, fixed_noreplace_eexist, hint_is_honoured_when_free,
    protect_read_only_then_write, protect_splits, protect_hole_enomem, protect_errors, protect_none_then_back, remap_grows_in_place_or_moves,
    remap_shrinks, remap_without_maymove_enomem, remap_fixed_moves, remap_errors, dontneed_zeroes, advise_errors, mincore_reports,
    mincore_errors, brk_grows_and_shrinks, brk_pages_are_zero, brk_below_start_refused, address_space_limit_enomem, data_limit_refuses_brk,
    huge_mapping_is_lazy, noreserve_terabyte, populate_flag, many_small_mappings, stack_grows, stack_limit_sigsegv, growsdown_flag_grows,
    fork_keeps_mappings_apart, msync_anonymous, lock_calls, deep_fork_chain_copy_on_write,
);

fn fresh_pages_are_zero() {
    let start = pages(20);
    assert!(bytes(start, 20 * PAGE).iter().all(|&byte| byte == 0));
    assert_eq!(start % PAGE, 0);
}

fn private_is_copied_on_write() {
    let start = pages(2);
    poke(start, 1);
    let child = fork(|| {
        assert_eq!(peek(start), 1);
        user::child::pause_ms(50);
        assert_eq!(peek(start), 1, "the parent's later write is not the child's");
    });
    poke(start, 2);
    child.passed();
    assert_eq!(peek(start), 2);
}

fn private_child_writes_stay_private() {
    let start = pages(3);
    for page in 0..3 {
        poke(start + page * PAGE, 7);
    }
    fork(|| {
        for page in 0..3 {
            poke(start + page * PAGE, 9);
            assert_eq!(peek(start + page * PAGE), 9);
        }
    })
    .passed();
    assert!((0..3).all(|page| peek(start + page * PAGE) == 7));
}

fn shared_is_seen_by_child() {
    let start = shared_pages(2);
    poke(start, 1);
    fork(|| {
        assert_eq!(peek(start), 1);
        poke(start + PAGE, 2);
    })
    .passed();
    assert_eq!(peek(start + PAGE), 2, "a page first touched by the child");
}

fn shared_between_siblings() {
    let start = shared_pages(1);
    let first = fork(|| poke(start, 42));
    first.passed();
    fork(|| assert_eq!(peek(start), 42)).passed();
}

/// The signal that reading this address brings, in a child.
fn read_signal(address: usize) -> Option<i32> {
    fork(|| {
        peek(address);
    })
    .wait()
    .signal()
}

fn write_signal(address: usize) -> Option<i32> {
    fork(|| poke(address, 1)).wait().signal()
}

fn unmap_makes_holes() {
    let start = pages(3);
    poke(start, 1);
    assert_eq!(unmap(start, PAGE), Ok(0));
    assert_eq!(read_signal(start), Some(libc::SIGSEGV));
    assert_eq!(read_signal(start + PAGE), None);
}

fn unmap_middle_splits() {
    let start = pages(5);
    for page in 0..5 {
        poke(start + page * PAGE, page as u8 + 1);
    }
    assert_eq!(unmap(start + 2 * PAGE, PAGE), Ok(0));
    let left: Vec<u8> = [0, 1, 3, 4].iter().map(|page| peek(start + page * PAGE)).collect();
    assert_eq!(left, [1, 2, 4, 5]);
    assert_eq!(read_signal(start + 2 * PAGE), Some(libc::SIGSEGV));
    let again = sys!(mmap, start + 2 * PAGE, PAGE, RW, PRIVATE | libc::MAP_FIXED, -1, 0);
    assert_eq!(again, Ok(start + 2 * PAGE));
    assert_eq!(peek(start + 2 * PAGE), 0);
}

fn unmap_of_nothing_is_fine() {
    let address = nowhere();
    assert_eq!(unmap(address, PAGE), Ok(0));
    assert_eq!(unmap(address + 1, PAGE), Err(EINVAL));
    assert_eq!(unmap(address, 0), Err(EINVAL));
    assert_eq!(unmap(address, usize::MAX), Err(EINVAL));
    assert_eq!(unmap(0xffff_8000_0000_0000, PAGE), Err(EINVAL));
}

fn map_errors() {
    assert_eq!(map(0, RW, PRIVATE), Err(EINVAL));
    assert_eq!(map(PAGE, RW, libc::MAP_ANONYMOUS), Err(EINVAL), "neither private nor shared");
    assert_eq!(sys!(mmap, 0, PAGE, RW, libc::MAP_PRIVATE, -1, 0), Err(EBADF));
    assert_eq!(sys!(mmap, 0, PAGE, RW, libc::MAP_PRIVATE, 77, 0), Err(EBADF));
    assert_eq!(sys!(mmap, 0, PAGE, RW, PRIVATE, -1, 123), Err(EINVAL), "offset within a page");
    assert_eq!(map(1 << 47, RW, PRIVATE), Err(ENOMEM));
    assert_eq!(map(usize::MAX, RW, PRIVATE), Err(ENOMEM));
    assert_eq!(sys!(mmap, 0x1001, PAGE, RW, PRIVATE | libc::MAP_FIXED, -1, 0), Err(EINVAL));
    assert_eq!(sys!(mmap, 0xffff_8000_0000_0000u64, PAGE, RW, PRIVATE | libc::MAP_FIXED, -1, 0), Err(ENOMEM));
    assert_eq!(sys!(mmap, 0x7fff_ffff_f000u64, PAGE, RW, PRIVATE | libc::MAP_FIXED, -1, 0), Err(ENOMEM));
}

fn fixed_replaces() {
    let start = pages(3);
    poke(start + PAGE, 5);
    assert_eq!(sys!(mmap, start + PAGE, PAGE, RW, PRIVATE | libc::MAP_FIXED, -1, 0), Ok(start + PAGE));
    assert_eq!(peek(start + PAGE), 0);
}

fn fixed_noreplace_eexist() {
    let start = pages(3);
    poke(start + PAGE, 5);
    let flags = PRIVATE | libc::MAP_FIXED_NOREPLACE;
    assert_eq!(sys!(mmap, start + PAGE, PAGE, RW, flags, -1, 0), Err(EEXIST));
    assert_eq!(peek(start + PAGE), 5);
    unmap(start + PAGE, PAGE).unwrap();
    assert_eq!(sys!(mmap, start + PAGE, PAGE, RW, flags, -1, 0), Ok(start + PAGE));
}

fn hint_is_honoured_when_free() {
    let address = nowhere();
    assert_eq!(sys!(mmap, address, PAGE, RW, PRIVATE, -1, 0), Ok(address));
    let other = sys!(mmap, address, PAGE, RW, PRIVATE, -1, 0).unwrap();
    assert_ne!(other, address, "a hint replaces nothing");
}

fn protect_read_only_then_write() {
    let start = pages(1);
    poke(start, 3);
    assert_eq!(protect(start, PAGE, libc::PROT_READ), Ok(0));
    assert_eq!(peek(start), 3);
    assert_eq!(write_signal(start), Some(libc::SIGSEGV));
    assert_eq!(protect(start, PAGE, RW), Ok(0));
    poke(start, 4);
    assert_eq!(peek(start), 4);
}

fn protect_splits() {
    let start = pages(3);
    assert_eq!(protect(start + PAGE, PAGE, libc::PROT_NONE), Ok(0));
    poke(start, 1);
    poke(start + 2 * PAGE, 1);
    assert_eq!(read_signal(start + PAGE), Some(libc::SIGSEGV));
}

fn protect_hole_enomem() {
    let start = pages(3);
    unmap(start + PAGE, PAGE).unwrap();
    assert_eq!(protect(start, 3 * PAGE, libc::PROT_READ), Err(ENOMEM));
    assert_eq!(protect(nowhere(), PAGE, libc::PROT_READ), Err(ENOMEM));
}

fn protect_errors() {
    let start = pages(1);
    assert_eq!(protect(start + 1, PAGE, libc::PROT_READ), Err(EINVAL));
    assert_eq!(protect(start, 0, libc::PROT_READ), Ok(0));
    assert_eq!(protect(start, PAGE, 0x7000), Err(EINVAL));
    assert_eq!(protect(0xffff_8000_0000_0000, PAGE, libc::PROT_READ), Err(ENOMEM));
}

fn protect_none_then_back() {
    let start = pages(1);
    poke(start, 9);
    protect(start, PAGE, libc::PROT_NONE).unwrap();
    assert_eq!(read_signal(start), Some(libc::SIGSEGV));
    protect(start, PAGE, libc::PROT_READ).unwrap();
    assert_eq!(peek(start), 9);
}

fn remap(address: usize, old: usize, new: usize, flags: i32, to: usize) -> Result {
    sys!(mremap, address, old, new, flags, to)
}

fn remap_grows_in_place_or_moves() {
    let start = pages(2);
    poke(start, 1);
    poke(start + PAGE, 2);
    let moved = remap(start, 2 * PAGE, 100 * PAGE, libc::MREMAP_MAYMOVE, 0).unwrap();
    assert_eq!((peek(moved), peek(moved + PAGE), peek(moved + 99 * PAGE)), (1, 2, 0));
    if moved != start {
        assert_eq!(read_signal(start), Some(libc::SIGSEGV));
    }
}

fn remap_shrinks() {
    let start = pages(3);
    poke(start, 1);
    assert_eq!(remap(start, 3 * PAGE, PAGE, 0, 0), Ok(start));
    assert_eq!(peek(start), 1);
    assert_eq!(read_signal(start + PAGE), Some(libc::SIGSEGV));
}

fn remap_without_maymove_enomem() {
    let start = pages(3);
    assert_eq!(remap(start, PAGE, 2 * PAGE, 0, 0), Err(ENOMEM), "the neighbour is in the way");
    unmap(start + PAGE, PAGE).unwrap();
    assert_eq!(remap(start, PAGE, 2 * PAGE, 0, 0), Ok(start));
}

fn remap_fixed_moves() {
    let start = pages(1);
    poke(start, 77);
    let target = pages(4);
    poke(target, 1);
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    assert_eq!(remap(start, PAGE, 2 * PAGE, flags, target), Ok(target));
    assert_eq!((peek(target), peek(target + PAGE)), (77, 0));
    assert_eq!(read_signal(start), Some(libc::SIGSEGV));
}

fn remap_errors() {
    let start = pages(2);
    assert_eq!(remap(start + 1, PAGE, PAGE, 0, 0), Err(EINVAL));
    assert_eq!(remap(start, PAGE, 0, 0, 0), Err(EINVAL));
    assert_eq!(remap(start, PAGE, PAGE, 0x100, 0), Err(EINVAL));
    assert_eq!(remap(start, PAGE, PAGE, libc::MREMAP_FIXED, start + PAGE), Err(EINVAL), "FIXED needs MAYMOVE");
    assert_eq!(remap(nowhere(), PAGE, 2 * PAGE, libc::MREMAP_MAYMOVE, 0), Err(EFAULT));
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    assert_eq!(remap(start, 2 * PAGE, 2 * PAGE, flags, start + PAGE), Err(EINVAL), "old and new overlap");
}

fn dontneed_zeroes() {
    let start = pages(2);
    poke(start, 1);
    poke(start + PAGE, 2);
    assert_eq!(sys!(madvise, start, PAGE, libc::MADV_DONTNEED), Ok(0));
    assert_eq!((peek(start), peek(start + PAGE)), (0, 2));
    let shared = shared_pages(1);
    poke(shared, 3);
    assert_eq!(sys!(madvise, shared, PAGE, libc::MADV_DONTNEED), Ok(0));
    assert_eq!(peek(shared), 3, "shared memory keeps its content");
}

fn advise_errors() {
    let start = pages(1);
    assert_eq!(sys!(madvise, start + 1, PAGE, libc::MADV_NORMAL), Err(EINVAL));
    assert_eq!(sys!(madvise, start, PAGE, 9999), Err(EINVAL));
    assert_eq!(sys!(madvise, nowhere(), PAGE, libc::MADV_DONTNEED), Err(ENOMEM));
    assert_eq!(sys!(madvise, start, 0, libc::MADV_NORMAL), Ok(0));
    assert_eq!(sys!(madvise, start, PAGE, libc::MADV_WILLNEED), Ok(0));
}

fn mincore_reports() {
    let start = pages(4);
    poke(start + PAGE, 1);
    let mut seen = [9u8; 4];
    assert_eq!(sys!(mincore, start, 4 * PAGE, &mut seen), Ok(0));
    assert_eq!(seen.map(|byte| byte & 1), [0, 1, 0, 0]);
}

fn mincore_errors() {
    let start = pages(2);
    let mut seen = [0u8; 2];
    assert_eq!(sys!(mincore, start + 1, PAGE, &mut seen), Err(EINVAL));
    assert_eq!(sys!(mincore, start, 2 * PAGE, 8), Err(EFAULT));
    unmap(start + PAGE, PAGE).unwrap();
    assert_eq!(sys!(mincore, start, 2 * PAGE, &mut seen), Err(ENOMEM));
}

fn brk(to: usize) -> usize {
    sys!(brk, to).expect("brk never fails, it answers the end")
}

fn brk_grows_and_shrinks() {
    let end = brk(0);
    assert_eq!(brk(end + 10 * PAGE), end + 10 * PAGE);
    poke(end + 9 * PAGE, 5);
    assert_eq!(peek(end + 9 * PAGE), 5);
    assert_eq!(brk(end + PAGE), end + PAGE);
    assert_eq!(read_signal(end + 9 * PAGE), Some(libc::SIGSEGV));
    assert_eq!(brk(end), end);
}

fn brk_pages_are_zero() {
    let end = brk(0).next_multiple_of(PAGE);
    brk(end + 2 * PAGE);
    poke(end, 1);
    brk(end);
    brk(end + 2 * PAGE);
    assert_eq!(peek(end), 0, "given back and taken again");
}

fn brk_below_start_refused() {
    let end = brk(0);
    assert_eq!(brk(4096), end);
    assert_eq!(brk(usize::MAX), end);
    assert_eq!(brk(0xffff_8000_0000_0000), end);
}

fn limit(which: usize, bytes: u64) {
    let mut limit = [0u64; 2];
    assert_eq!(sys!(getrlimit, which, &mut limit), Ok(0));
    limit[0] = bytes;
    assert_eq!(sys!(setrlimit, which, &limit), Ok(0));
}

fn address_space_limit_enomem() {
    fork(|| {
        limit(libc::RLIMIT_AS.word(), 100 << 20);
        assert_eq!(map(200 << 20, RW, PRIVATE), Err(ENOMEM));
        assert!(map(1 << 20, RW, PRIVATE).is_ok());
    })
    .passed();
}

fn data_limit_refuses_brk() {
    fork(|| {
        let end = brk(0);
        limit(libc::RLIMIT_DATA.word(), 1 << 20);
        assert_eq!(brk(end + (2 << 20)), end);
    })
    .passed();
}

fn huge_mapping_is_lazy() {
    let start = map(1 << 33, RW, PRIVATE | libc::MAP_NORESERVE).expect("8 GiB of address space");
    poke(start, 1);
    poke(start + (1 << 33) - 1, 2);
    assert_eq!(peek(start + (1 << 32)), 0);
    unmap(start, 1 << 33).unwrap();
}

fn noreserve_terabyte() {
    let start = map(1 << 40, libc::PROT_NONE, PRIVATE | libc::MAP_NORESERVE).expect("a terabyte of nothing");
    protect(start + (1 << 39), PAGE, RW).unwrap();
    poke(start + (1 << 39), 1);
    assert_eq!(unmap(start, 1 << 40), Ok(0));
}

fn populate_flag() {
    let start = map(4 * PAGE, RW, PRIVATE | libc::MAP_POPULATE).unwrap();
    let mut seen = [0u8; 4];
    sys!(mincore, start, 4 * PAGE, &mut seen).unwrap();
    assert_eq!(seen.map(|byte| byte & 1), [1; 4]);
}

fn many_small_mappings() {
    let start = pages(2000);
    for page in (0..2000).step_by(2) {
        protect(start + page * PAGE, PAGE, libc::PROT_READ).unwrap();
    }
    for page in (1..2000).step_by(2) {
        poke(start + page * PAGE, page as u8);
    }
    for page in (1..2000).step_by(2) {
        assert_eq!(peek(start + page * PAGE), page as u8);
    }
    assert_eq!(unmap(start, 2000 * PAGE), Ok(0));
}

/// Uses `depth` pages of stack, one frame each.
#[inline(never)]
fn dig(depth: usize) -> usize {
    let mut frame = core::hint::black_box([0u8; PAGE]);
    poke(frame.as_mut_ptr() as usize, depth as u8);
    if depth == 0 { 0 } else { dig(depth - 1) + usize::from(peek(frame.as_ptr() as usize) == depth as u8) }
}

fn stack_grows() {
    fork(|| assert_eq!(dig(1000), 1000)).passed();
}

fn stack_limit_sigsegv() {
    fork(|| {
        limit(libc::RLIMIT_STACK.word(), 1 << 20);
        let child = fork(|| {
            dig(1000);
        });
        assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
    })
    .passed();
}

fn growsdown_flag_grows() {
    // Far from everything: Linux keeps a gap of 256 pages between such an area and what lies below.
    let top = nowhere() + (1 << 30);
    assert_eq!(sys!(mmap, top, PAGE, RW, PRIVATE | libc::MAP_GROWSDOWN | libc::MAP_FIXED, -1, 0), Ok(top));
    poke(top - 1, 5);
    assert_eq!(peek(top - 1), 5);
}

fn fork_keeps_mappings_apart() {
    let start = pages(1);
    fork(|| assert_eq!(unmap(start, PAGE), Ok(0))).passed();
    poke(start, 1);
    let report = shared_pages(1);
    fork(|| {
        let address = sys!(mmap, start + (1 << 30), PAGE, RW, PRIVATE, -1, 0).unwrap();
        poke_u32(report, (address >> 12) as u32);
        poke_u32(report + 4, (address >> 44) as u32);
    })
    .passed();
    let address = (peek_u32(report) as usize) << 12 | (peek_u32(report + 4) as usize) << 44;
    assert_eq!(read_signal(address), Some(libc::SIGSEGV), "the child's mapping is not the parent's");
}

fn msync_anonymous() {
    let start = pages(2);
    assert_eq!(sys!(msync, start, PAGE, libc::MS_SYNC), Ok(0));
    assert_eq!(sys!(msync, start, PAGE, libc::MS_SYNC | libc::MS_ASYNC), Err(EINVAL));
    assert_eq!(sys!(msync, start + 1, PAGE, libc::MS_SYNC), Err(EINVAL));
    unmap(start + PAGE, PAGE).unwrap();
    assert_eq!(sys!(msync, start, 2 * PAGE, libc::MS_ASYNC), Err(ENOMEM));
}

fn lock_calls() {
    let start = pages(2);
    poke(start, 1);
    // SAFETY: the pages are mapped; the calls change no content.
    unsafe {
        assert_eq!(libc::mlock(start as *const _, PAGE), 0);
        assert_eq!(libc::munlock(start as *const _, PAGE), 0);
        assert_eq!(libc::mlock(nowhere() as *const _, PAGE), -1);
    }
    assert_eq!(user::child::last_error(), ENOMEM);
}

/// Copy-on-write through generations: each child writes one page and forks the next.
fn deep_fork_chain_copy_on_write() {
    let start = pages(10);
    fn generation(start: usize, depth: usize) {
        for page in 0..10 {
            assert_eq!(peek(start + page * PAGE), if page < depth { page as u8 + 1 } else { 0 });
        }
        if depth < 10 {
            poke(start + depth * PAGE, depth as u8 + 1);
            fork(|| generation(start, depth + 1)).passed();
        }
    }
    generation(start, 0);
    signals::reset();
}

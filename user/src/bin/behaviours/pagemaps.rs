//! /proc/PID/pagemap: which page is where.

use user::child::{self, fork};
use user::files::*;
use user::memory::*;
use user::sys;
use user::sys::*;

table!("pagemaps":
    touched_pages_are_present, unmapped_pages_are_gone, hidden_pages_stay, shared_pages_are_one_frame, file_pages_are_told_apart,
    copies_are_made_on_write, whole_entries_only, reading_moves_the_position, seeking, the_end_of_the_address_space, the_end_of_a_process,
    frames_are_for_the_privileged, other_users_are_refused,
);

const FRAME: u64 = (1 << 55) - 1;
const EXCLUSIVE: u64 = 1 << 56;
const FILE: u64 = 1 << 61;
const SWAPPED: u64 = 1 << 62;
const PRESENT: u64 = 1 << 63;
/// Bytes of an entry.
const ENTRY: usize = 8;

fn pagemap() -> i32 {
    open("/proc/self/pagemap", libc::O_RDONLY).unwrap()
}

fn read_at(fd: i32, buffer: &mut [u8], position: usize) -> Result {
    sys!(pread64, fd, buffer.as_mut_ptr(), buffer.len(), position)
}

/// Entries of some pages from `address` on.
fn entries<const N: usize>(fd: i32, address: usize) -> [u64; N] {
    let mut bytes = vec![0; N * ENTRY];
    assert_eq!(read_at(fd, &mut bytes, address / PAGE * ENTRY), Ok(N * ENTRY));
    let mut words = bytes.chunks_exact(ENTRY).map(|entry| u64::from_ne_bytes(entry.try_into().unwrap()));
    core::array::from_fn(|_| words.next().unwrap())
}

fn entry(fd: i32, address: usize) -> u64 {
    entries::<1>(fd, address)[0]
}

fn touched_pages_are_present() {
    let fd = pagemap();
    let start = pages(4);
    assert_eq!(entries(fd, start), [0; 4]);
    poke(start, 1);
    poke(start + 2 * PAGE, 1);
    let [first, second, third, fourth] = entries(fd, start);
    assert_eq!((second, fourth), (0, 0));
    for page in [first, third] {
        assert_eq!(page & (PRESENT | SWAPPED | FILE | EXCLUSIVE), PRESENT | EXCLUSIVE, "{page:#x}");
        assert_ne!(page & FRAME, 0, "root sees frames");
    }
    assert_ne!(first & FRAME, third & FRAME);
}

fn unmapped_pages_are_gone() {
    let fd = pagemap();
    let start = pages(3);
    fill(start, &[1; 3 * PAGE]);
    assert!(entries::<3>(fd, start).iter().all(|entry| entry & PRESENT != 0));
    unmap(start + PAGE, PAGE).unwrap();
    let [first, second, third] = entries(fd, start);
    assert!(first & PRESENT != 0 && second == 0 && third & PRESENT != 0);
    sys!(madvise, start, PAGE, libc::MADV_DONTNEED).unwrap();
    assert_eq!(entry(fd, start), 0);
}

fn hidden_pages_stay() {
    let fd = pagemap();
    let start = pages(1);
    poke(start, 1);
    let before = entry(fd, start);
    protect(start, PAGE, libc::PROT_NONE).unwrap();
    assert_eq!(entry(fd, start), before);
}

fn shared_pages_are_one_frame() {
    let fd = pagemap();
    let shared = shared_pages(1);
    poke(shared, 1);
    let alone = entry(fd, shared);
    assert_eq!(alone & (PRESENT | FILE | EXCLUSIVE), PRESENT | FILE | EXCLUSIVE, "{alone:#x}");
    fork(|| {
        let own = pagemap();
        poke(shared, 2);
        let both = entry(own, shared);
        assert_eq!(both & FRAME, alone & FRAME);
        assert_eq!(both & (PRESENT | FILE | EXCLUSIVE), PRESENT | FILE, "{both:#x}");
    })
    .passed();
    assert_eq!(peek(shared), 2);
}

fn file_pages_are_told_apart() {
    let fd = pagemap();
    put("f", &[7; 2 * PAGE]);
    let file = open("f", libc::O_RDWR).unwrap();
    let address = sys!(mmap, 0, 2 * PAGE, RW, libc::MAP_PRIVATE, file, 0).unwrap();
    assert_eq!((peek(address), peek(address + PAGE)), (7, 7));
    let read = entry(fd, address);
    assert_eq!(read & (PRESENT | FILE), PRESENT | FILE, "{read:#x}");
    // A private copy is no page of the file any more.
    poke(address, 8);
    let written = entry(fd, address);
    assert_eq!(written & (PRESENT | FILE | EXCLUSIVE), PRESENT | EXCLUSIVE, "{written:#x}");
    assert_ne!(written & FRAME, read & FRAME);
}

fn copies_are_made_on_write() {
    let fd = pagemap();
    let start = pages(2);
    fill(start, &[1; 2 * PAGE]);
    let before: [u64; 2] = entries(fd, start);
    fork(|| {
        let own = pagemap();
        let shared: [u64; 2] = entries(own, start);
        for (shared, before) in shared.into_iter().zip(before) {
            assert_eq!(shared & FRAME, before & FRAME);
            assert_eq!(shared & (PRESENT | EXCLUSIVE), PRESENT);
        }
        poke(start, 2);
        let copied: [u64; 2] = entries(own, start);
        assert_ne!(copied[0] & FRAME, before[0] & FRAME, "same address, other frame");
        assert_ne!(copied[0] & EXCLUSIVE, 0);
        assert_eq!(copied[1], shared[1]);
    })
    .passed();
    assert_eq!(entries(fd, start), before);
}

fn whole_entries_only() {
    let fd = pagemap();
    let position = pages(1) / PAGE * ENTRY;
    let mut buffer = [0; 3 * ENTRY];
    for (length, at) in [(ENTRY, position + 1), (ENTRY, position + 4), (7, position), (12, position), (1, position), (0, position + 3)] {
        assert_eq!(read_at(fd, &mut buffer[..length], at), Err(EINVAL), "{length} bytes at {at:#x}");
    }
    assert_eq!(read_at(fd, &mut [], position), Ok(0));
    assert_eq!(read_at(fd, &mut buffer, position), Ok(3 * ENTRY));
    assert_eq!(sys!(pread64, fd, KERNEL_ADDRESSES[0], ENTRY, position), Err(EFAULT));
}

fn reading_moves_the_position() {
    let fd = pagemap();
    let start = pages(3);
    poke(start + PAGE, 1);
    let position = (start / PAGE * ENTRY) as i64;
    assert_eq!(seek(fd, position, libc::SEEK_SET), Ok(position as usize));
    let read = || u64::from_ne_bytes(read_some(fd, ENTRY).unwrap().try_into().unwrap()) & PRESENT;
    assert_eq!([read(), read(), read()], [0, PRESENT, 0]);
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(position as usize + 3 * ENTRY));
}

fn seeking() {
    let fd = pagemap();
    assert_eq!(seek(fd, 5, libc::SEEK_SET), Ok(5), "anywhere");
    assert_eq!(read_some(fd, ENTRY), Err(EINVAL));
    assert_eq!(seek(fd, 3, libc::SEEK_CUR), Ok(8));
    assert_eq!(read_some(fd, ENTRY).unwrap().len(), ENTRY);
    for whence in [libc::SEEK_END, libc::SEEK_DATA, libc::SEEK_HOLE] {
        assert_eq!(seek(fd, 0, whence), Err(EINVAL));
    }
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(16));
}

fn the_end_of_the_address_space() {
    let fd = pagemap();
    let end = 0x7fff_ffff_f000 / PAGE * ENTRY;
    let mut buffer = [0xff; 4 * ENTRY];
    assert_eq!(read_at(fd, &mut buffer, end - 2 * ENTRY), Ok(2 * ENTRY));
    assert_eq!(buffer[2 * ENTRY..], [0xff; 2 * ENTRY]);
    for behind in [end, end + ENTRY, 1 << 50, 1 << 60] {
        assert_eq!(read_at(fd, &mut buffer, behind), Ok(0), "{behind:#x}");
    }
    // The first page is nobody's.
    assert_eq!(entry(fd, 0), 0);
    // All of a large stretch, in as many reads as it takes.
    let start = pages(300);
    poke(start + 299 * PAGE, 1);
    let mut all = vec![0; 300 * ENTRY];
    let mut done = 0;
    while done < all.len() {
        let count = read_at(fd, &mut all[done..], start / PAGE * ENTRY + done).unwrap();
        assert!(count > 0 && count.is_multiple_of(ENTRY));
        done += count;
    }
    assert!(all[..299 * ENTRY].iter().all(|&byte| byte == 0) && all[299 * ENTRY + 7] & 0x80 != 0);
}

fn the_end_of_a_process() {
    let child = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    let fd = open(&format!("/proc/{}/pagemap", child.0), libc::O_RDONLY).unwrap();
    let start = pages(1);
    poke(start, 1);
    assert_eq!(read_at(fd, &mut [0; ENTRY], 0), Ok(ENTRY));
    child.kill(libc::SIGKILL);
    child.wait();
    assert_eq!(read_at(fd, &mut [0; ENTRY], 0), Ok(0), "nothing is left to tell of");
}

fn frames_are_for_the_privileged() {
    let start = pages(1);
    poke(start, 1);
    child::as_user(1000, || {
        // A process that has changed its user is not to be looked into, until it says otherwise.
        assert_eq!(open("/proc/self/pagemap", libc::O_RDONLY), Err(EACCES));
        sys!(prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0).unwrap();
        let own = pagemap();
        let page = pages(1);
        poke(page, 1);
        let shown = entry(own, page);
        assert_eq!(shown & (PRESENT | FRAME | EXCLUSIVE), PRESENT | EXCLUSIVE, "{shown:#x}");
    })
    .passed();
}

fn other_users_are_refused() {
    let path = format!("/proc/{}/pagemap", std::process::id());
    child::as_user(1000, || assert_eq!(open(&path, libc::O_RDONLY), Err(EACCES))).passed();
    assert_eq!(stat(&path).unwrap().st_mode & 0o777, 0o400);
    assert!(open(&path, libc::O_RDONLY).is_ok());
}

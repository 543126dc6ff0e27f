//! `memhog [MIB]`: a child takes and touches memory, MiB by MiB, until the kernel refuses, kills it, or MIB (by default 4096) are
//! taken. The parent tells how it ended, and shows that memory can be had again.

use user::child::{self, fork};
use user::memory::{PAGE, PRIVATE, RW, map, pages, peek, poke, shared_pages};
use user::proc::free_kib;

const MIB: usize = 1 << 20;

fn main() {
    let limit: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(4096);
    println!("memhog: {} KiB free", free_kib());
    let taken = shared_pages(1);
    let hog = fork(|| {
        for mib in 0..limit {
            let Ok(start) = map(MIB, RW, PRIVATE) else {
                child::exit(12);
            };
            (0..MIB / PAGE).for_each(|page| poke(start + page * PAGE, 1));
            user::memory::poke_u32(taken, mib as u32 + 1);
        }
    });
    let status = hog.wait();
    println!("memhog: {} MiB taken, then the child {status:?}", user::memory::peek_u32(taken));
    let again = pages(256);
    (0..256).for_each(|page| poke(again + page * PAGE, 1));
    assert_eq!(peek(again), 1);
    println!("memhog: {} KiB free again", free_kib());
}

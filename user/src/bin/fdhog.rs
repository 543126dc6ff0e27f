//! `fdhog [LIMIT]`: opens pipes and files until the kernel refuses (or LIMIT descriptors are open), says why, closes all, and shows
//! that files can be opened again. It raises its soft limit to the hard one first, so that the kernel's own limit is met too.

use user::files::{close, open};
use user::sys;
use user::sys::Errno;

fn main() {
    let limit: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(200_000);
    let mut bounds = [0u64; 2];
    sys!(getrlimit, libc::RLIMIT_NOFILE, &mut bounds).expect("getrlimit");
    bounds[0] = bounds[1];
    sys!(setrlimit, libc::RLIMIT_NOFILE, &bounds).expect("setrlimit");
    let mut open_now: Vec<i32> = Vec::new();
    let why = loop {
        if open_now.len() >= limit {
            break String::from("the limit of this program");
        }
        match one_more(&mut open_now) {
            Ok(()) => {}
            Err(error) => break format!("{error:?}"),
        }
    };
    println!("fdhog: {} descriptors (RLIMIT_NOFILE {}), then {why}", open_now.len(), bounds[0]);
    open_now.into_iter().for_each(close);
    close(open("/dev/null", libc::O_RDONLY).expect("a descriptor again"));
    println!("fdhog: the system opens files again");
}

/// A pipe, and something from /dev: each keeps other things busy in the kernel.
fn one_more(open_now: &mut Vec<i32>) -> Result<(), Errno> {
    let mut ends = [0i32; 2];
    sys!(pipe2, &mut ends, 0)?;
    open_now.extend(ends);
    open_now.push(open("/dev/null", libc::O_RDWR)?);
    Ok(())
}

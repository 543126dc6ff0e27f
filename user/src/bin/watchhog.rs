//! `watchhog [MOST]`: has epoll instances watch as much as the kernel allows, each instance everything, and tells how that ended.
//! Afterwards all is given back, and an instance works again.

use user::child::{Status, eventually, fork};
use user::epoll::Epoll;
use user::files::{close, pipe, write};
use user::proc::free_kib;
use user::sys;
use user::sys::Errno;

const IN: u32 = libc::EPOLLIN as u32;

/// Watched pairs of instance and descriptor, until one is refused or there are `most`; why it ended.
fn hoard(most: usize) -> (usize, Option<Errno>) {
    let counters: Vec<i32> = std::iter::from_fn(|| sys!(eventfd2, 0, 0).ok().map(|fd| fd as i32)).take(400).collect();
    let mut limit = [0u64; 2];
    sys!(getrlimit, libc::RLIMIT_NOFILE, &mut limit).expect("getrlimit");
    limit[0] = limit[1];
    sys!(setrlimit, libc::RLIMIT_NOFILE, &limit).expect("setrlimit");
    let mut watched = 0;
    loop {
        let epoll = match sys!(epoll_create1, 0) {
            Ok(fd) => Epoll(fd as i32),
            Err(error) => return (watched, Some(error)),
        };
        for &counter in &counters {
            match epoll.add(counter, IN) {
                Ok(_) => watched += 1,
                Err(error) => return (watched, Some(error)),
            }
            if watched == most {
                return (watched, None);
            }
        }
    }
}

fn main() {
    let most = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
    let before = free_kib();
    let status = fork(|| {
        let (watched, error) = hoard(most);
        println!("{watched} watched, then {}", error.map_or("enough".to_owned(), |error| format!("{error:?}")));
        assert!(watched > 1000, "far too few");
    })
    .wait();
    // When memory is short the hog may be refused, or be the one that is killed.
    assert!(status == Status(0) || status.signal() == Some(libc::SIGKILL), "{status:?}");
    println!("the hog {status:?}");
    eventually("the memory comes back", || before.saturating_sub(free_kib()) < 1024);
    let (reader, writer) = pipe(0);
    let epoll = Epoll::new();
    epoll.add(reader, IN).expect("epoll_ctl");
    write(writer, b"x").expect("write");
    assert_eq!(epoll.ready(), [(reader as u64, IN)]);
    close(epoll.0);
    println!("watches again");
}

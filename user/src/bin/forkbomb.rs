//! `forkbomb [LIMIT]`: forks children that stay until the kernel refuses (or LIMIT is reached, 100,000 by default), says why and after
//! how many, kills them all, and shows that the system still forks. Exit status 0 when it does.

use user::child::{self, fork, raw_fork};
use user::sys;

fn main() {
    let limit: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(100_000);
    let mut children = Vec::with_capacity(limit.min(1 << 16));
    let why = loop {
        if children.len() == limit {
            break String::from("the limit");
        }
        match raw_fork() {
            Ok(0) => loop {
                let _ = sys!(pause);
            },
            Ok(pid) => children.push(pid),
            Err(error) => break format!("{error:?}"),
        }
    };
    println!("forkbomb: {} children, then {why}", children.len());
    let mut killed = 0;
    for &pid in &children {
        let _ = sys!(kill, pid, libc::SIGKILL);
    }
    for &pid in &children {
        killed += i32::from(child::wait4(pid, 0).is_ok());
    }
    println!("forkbomb: {killed} reaped");
    fork(|| ()).passed();
    println!("forkbomb: the system forks again");
}

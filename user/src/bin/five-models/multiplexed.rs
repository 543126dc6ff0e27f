//! Multiplexed: one call sleeps until any of many descriptors is ready. poll and select are told all of them in each call, and the kernel
//! looks at each; epoll is told once, and a call costs what is ready.

use crate::meter::{Meter, counted};
use crate::nonblocking::{drain, set_nonblocking};
use user::epoll::Event;
use user::files::close;

/// Gathers from the pipes that `wait`, given those that are still open, finds ready.
fn gather(pipes: &[i32], meter: &mut Meter, mut wait: impl FnMut(&[i32], &mut Meter) -> Vec<i32>) -> Vec<Vec<u8>> {
    pipes.iter().for_each(|&pipe| set_nonblocking(pipe, meter));
    let mut gathered = vec![Vec::new(); pipes.len()];
    let mut open = pipes.to_vec();
    while !open.is_empty() {
        for ready in wait(&open, meter) {
            let index = pipes.iter().position(|&pipe| pipe == ready).expect("one of the pipes");
            if drain(ready, &mut gathered[index], meter) {
                open.retain(|&pipe| pipe != ready);
            }
        }
    }
    gathered
}

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    found: i16,
}

pub fn poll(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    gather(pipes, meter, |open, meter| {
        let mut list: Vec<PollFd> = open.iter().map(|&fd| PollFd { fd, events: libc::POLLIN, found: 0 }).collect();
        counted!(meter, poll, list.as_mut_ptr(), list.len(), -1).expect("poll");
        list.iter().filter(|entry| entry.found != 0).map(|entry| entry.fd).collect()
    })
}

pub fn select(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    gather(pipes, meter, |open, meter| {
        let mut set = [0u64; 16];
        open.iter().for_each(|&fd| set[fd as usize / 64] |= 1 << (fd % 64));
        counted!(meter, select, 1024, &mut set, 0, 0, 0).expect("select");
        open.iter().copied().filter(|&fd| set[fd as usize / 64] >> (fd % 64) & 1 == 1).collect()
    })
}

pub fn epoll(pipes: &[i32], meter: &mut Meter) -> Vec<Vec<u8>> {
    let instance = counted!(meter, epoll_create1, libc::EPOLL_CLOEXEC).expect("epoll_create1") as i32;
    for &pipe in pipes {
        let event = Event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, data: pipe as u64 };
        counted!(meter, epoll_ctl, instance, libc::EPOLL_CTL_ADD, pipe, &event).expect("epoll_ctl");
    }
    let gathered = gather(pipes, meter, |_, meter| {
        let mut list = [Event::default(); 8];
        let count = counted!(meter, epoll_wait, instance, list.as_mut_ptr(), list.len(), -1).expect("epoll_wait");
        list[..count].iter().map(|event| event.data as i32).collect()
    });
    close(instance);
    gathered
}

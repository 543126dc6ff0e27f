//! epoll(7) by its raw calls.

use crate::sys;
use crate::sys::Result;

/// The kernel's `struct epoll_event`, without the gap that other machines have.
#[repr(C, packed)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Event {
    pub events: u32,
    pub data: u64,
}

/// An epoll instance; it is not closed on drop, as the numbers of descriptors are what programs here are about.
#[derive(Clone, Copy, Debug)]
pub struct Epoll(pub i32);

impl Epoll {
    pub fn new() -> Epoll {
        Epoll(sys!(epoll_create1, libc::EPOLL_CLOEXEC).expect("epoll_create1") as i32)
    }

    pub fn control(self, operation: i32, fd: i32, events: u32, data: u64) -> Result {
        let event = Event { events, data };
        sys!(epoll_ctl, self.0, operation, fd, &event)
    }

    /// Adds `fd`, whose number comes back with its events.
    pub fn add(self, fd: i32, events: u32) -> Result {
        self.control(libc::EPOLL_CTL_ADD, fd, events, fd as u64)
    }

    pub fn modify(self, fd: i32, events: u32) -> Result {
        self.control(libc::EPOLL_CTL_MOD, fd, events, fd as u64)
    }

    pub fn delete(self, fd: i32) -> Result {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// At most `most` events as (data, events); `timeout` in milliseconds.
    pub fn wait(self, most: usize, timeout: i32) -> Result<Vec<(u64, u32)>> {
        let mut list = vec![Event::default(); most];
        let found = sys!(epoll_wait, self.0, list.as_mut_ptr(), most, timeout)?;
        Ok(list[..found].iter().map(|event| (event.data, event.events)).collect())
    }

    /// What is ready now.
    pub fn ready(self) -> Vec<(u64, u32)> {
        self.wait(64, 0).expect("epoll_wait")
    }
}

impl Default for Epoll {
    fn default() -> Epoll {
        Epoll::new()
    }
}

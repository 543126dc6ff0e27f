//! What epoll(7) and signalfd(2) hand over.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::siginfo::{Layout, SignalInfo};

/// `struct epoll_event`: on x86_64 without a gap.
#[repr(C, packed)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EpollEvent {
    pub events: u32,
    pub data: u64,
}

/// `struct signalfd_siginfo`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SignalfdSiginfo {
    pub signal: u32,
    pub errno: i32,
    pub code: i32,
    pub pid: u32,
    pub uid: u32,
    pub fd: i32,
    pub tid: u32,
    pub band: u32,
    pub overrun: u32,
    pub trap: u32,
    pub status: i32,
    pub int: i32,
    pub pointer: u64,
    pub user_time: u64,
    pub system_time: u64,
    pub address: u64,
    pub reserved: [u64; 6],
}

impl From<&SignalInfo> for SignalfdSiginfo {
    fn from(info: &SignalInfo) -> SignalfdSiginfo {
        let mut all = SignalfdSiginfo { signal: info.signal as u32, errno: info.errno, code: info.code, ..Default::default() };
        let [first, second, third, fourth] = info.fields;
        let layout = info.layout();
        match layout {
            Layout::Sender | Layout::Value | Layout::Child => (all.pid, all.uid) = (info.pid(), info.uid()),
            Layout::Timer => (all.tid, all.overrun) = (info.pid(), info.uid()),
            Layout::Poll => (all.band, all.fd) = (first as u32, second as i32),
            Layout::Fault => all.address = first,
        }
        match layout {
            Layout::Value | Layout::Timer => (all.pointer, all.int) = (second, second as i32),
            Layout::Child => (all.status, all.user_time, all.system_time) = (info.status(), third, fourth),
            _ => {}
        }
        all
    }
}

const _: () = assert!(size_of::<EpollEvent>() == 12 && size_of::<SignalfdSiginfo>() == 128);

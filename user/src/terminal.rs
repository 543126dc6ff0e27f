//! Pseudo-terminals: a pair through /dev/ptmx, and the kernel's own termios.

use crate::files::{c, open};
use crate::sys;
use crate::sys::Result;

/// The kernel's `struct termios` (36 bytes), as TCGETS and TCSETS know it.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Termios {
    pub input: u32,
    pub output: u32,
    pub control: u32,
    pub local: u32,
    pub line: u8,
    pub characters: [u8; 19],
}

/// An open pseudo-terminal; the slave doesn't become anybody's controlling terminal.
pub struct Pair {
    pub master: i32,
    pub slave: i32,
    pub number: u32,
}

impl Pair {
    pub fn open() -> Pair {
        let master = open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY).expect("open /dev/ptmx");
        let mut number = u32::MAX;
        assert_eq!(sys!(ioctl, master, libc::TIOCGPTN, &mut number), Ok(0), "TIOCGPTN");
        let unlock = 0i32;
        assert_eq!(sys!(ioctl, master, libc::TIOCSPTLCK, &unlock), Ok(0), "TIOCSPTLCK");
        let slave = open(&format!("/dev/pts/{number}"), libc::O_RDWR | libc::O_NOCTTY).expect("open the slave");
        Pair { master, slave, number }
    }

    /// Changes the settings of the slave at once.
    pub fn change(&self, change: impl FnOnce(&mut Termios)) {
        let mut settings = settings(self.slave);
        change(&mut settings);
        assert_eq!(sys!(ioctl, self.slave, libc::TCSETS, &settings), Ok(0), "TCSETS");
    }

    /// No echo, no line editing, no signals, no output processing.
    pub fn raw(&self) {
        self.change(|settings| {
            settings.local &= !(libc::ECHO | libc::ICANON | libc::ISIG | libc::IEXTEN);
            settings.input &= !(libc::ICRNL | libc::IXON);
            settings.output &= !libc::OPOST;
            settings.characters[libc::VMIN] = 1;
            settings.characters[libc::VTIME] = 0;
        });
    }

    /// Makes this process the leader of a new session with the slave as its terminal.
    pub fn become_leader(&self) {
        assert!(sys!(setsid).is_ok(), "setsid");
        assert_eq!(sys!(ioctl, self.slave, libc::TIOCSCTTY, 0), Ok(0), "TIOCSCTTY");
    }
}

pub fn settings(fd: i32) -> Termios {
    let mut settings = Termios::default();
    assert_eq!(sys!(ioctl, fd, libc::TCGETS, &mut settings), Ok(0), "TCGETS");
    settings
}

/// The bytes that can be read now.
pub fn waiting(fd: i32) -> i32 {
    let mut n = -1i32;
    assert_eq!(sys!(ioctl, fd, libc::FIONREAD, &mut n), Ok(0), "FIONREAD");
    n
}

/// The terminal's other name, for one more opening of it.
pub fn controlling() -> Result<i32> {
    sys!(open, c("/dev/tty").as_c_str(), libc::O_RDWR, 0).map(|fd| fd as i32)
}

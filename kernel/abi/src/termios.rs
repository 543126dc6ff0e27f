//! Terminal structs, mode flags and ioctl numbers (termios(3), ioctl_tty(2)).
//!
//! These are the kernel's own layouts (`asm-generic/termbits.h`), which TCGETS and friends use; the `struct termios` of a C library
//! is longer (NCCS = 32) and is translated by the library. The flag words stay plain `u32` in the structs, since a program may store
//! any bits there and must read them back; the typed views (`input()`, `output()`, …) keep unknown bits.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Number of control characters in the kernel's `struct termios`.
pub const CONTROL_CHARACTERS: usize = 19;

/// The value of a control character that is switched off (`_POSIX_VDISABLE`).
pub const DISABLED: u8 = 0;

/// `struct termios` as TCGETS and TCSETS copy it: 36 bytes.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; CONTROL_CHARACTERS],
}

/// `struct termios2` (TCGETS2): the same with explicit speeds in bits per second; 44 bytes.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Termios2 {
    pub base: Termios,
    pub ispeed: u32,
    pub ospeed: u32,
}

/// `struct termio` of System V (TCGETA): the low halves of the flag words and eight control characters.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Termio {
    pub iflag: u16,
    pub oflag: u16,
    pub cflag: u16,
    pub lflag: u16,
    pub line: u8,
    pub cc: [u8; 8],
    pub padding: u8,
}

/// `struct winsize`: characters, and pixels where known.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Winsize {
    pub rows: u16,
    pub columns: u16,
    pub xpixel: u16,
    pub ypixel: u16,
}

bitflags! {
    /// `c_iflag`: what is done to input.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Input: u32 {
        const IGNBRK = 0o1;
        const BRKINT = 0o2;
        const IGNPAR = 0o4;
        const PARMRK = 0o10;
        const INPCK = 0o20;
        const ISTRIP = 0o40;
        const INLCR = 0o100;
        const IGNCR = 0o200;
        const ICRNL = 0o400;
        const IUCLC = 0o1000;
        const IXON = 0o2000;
        const IXANY = 0o4000;
        const IXOFF = 0o10000;
        const IMAXBEL = 0o20000;
        const IUTF8 = 0o40000;
        const _ = !0;
    }

    /// `c_oflag`: what is done to output. The delays (NLDLY, CRDLY, …) are kept but, as on Linux, only XTABS acts.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Output: u32 {
        const OPOST = 0o1;
        const OLCUC = 0o2;
        const ONLCR = 0o4;
        const OCRNL = 0o10;
        const ONOCR = 0o20;
        const ONLRET = 0o40;
        const OFILL = 0o100;
        const OFDEL = 0o200;
        const NLDLY = 0o400;
        const CRDLY = 0o3000;
        const TABDLY = 0o14000;
        const XTABS = 0o14000;
        const BSDLY = 0o20000;
        const VTDLY = 0o40000;
        const FFDLY = 0o100000;
        const _ = !0;
    }

    /// `c_cflag`: the line's hardware. `CBAUD` holds a speed code (`speed_of`), `CIBAUD` the same for input, shifted by 16.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Control: u32 {
        const CBAUD = 0o10017;
        const CSIZE = 0o60;
        const CS8 = 0o60;
        const CSTOPB = 0o100;
        const CREAD = 0o200;
        const PARENB = 0o400;
        const PARODD = 0o1000;
        const HUPCL = 0o2000;
        const CLOCAL = 0o4000;
        const CBAUDEX = 0o10000;
        const BOTHER = 0o10000;
        const B38400 = 0o17;
        const B115200 = 0o10002;
        const CIBAUD = 0o2003600000;
        const CMSPAR = 0o10000000000;
        const CRTSCTS = 0o20000000000;
        const _ = !0;
    }

    /// `c_lflag`: line editing, echo and signals.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Local: u32 {
        const ISIG = 0o1;
        const ICANON = 0o2;
        const XCASE = 0o4;
        const ECHO = 0o10;
        const ECHOE = 0o20;
        const ECHOK = 0o40;
        const ECHONL = 0o100;
        const NOFLSH = 0o200;
        const TOSTOP = 0o400;
        const ECHOCTL = 0o1000;
        const ECHOPRT = 0o2000;
        const ECHOKE = 0o4000;
        const FLUSHO = 0o10000;
        const PENDIN = 0o40000;
        const IEXTEN = 0o100000;
        const EXTPROC = 0o200000;
        const _ = !0;
    }
}

/// Indices into `c_cc`.
pub mod cc {
    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VTIME: usize = 5;
    pub const VMIN: usize = 6;
    pub const VSWTC: usize = 7;
    pub const VSTART: usize = 8;
    pub const VSTOP: usize = 9;
    pub const VSUSP: usize = 10;
    pub const VEOL: usize = 11;
    pub const VREPRINT: usize = 12;
    pub const VDISCARD: usize = 13;
    pub const VWERASE: usize = 14;
    pub const VLNEXT: usize = 15;
    pub const VEOL2: usize = 16;
}

/// Linux's `INIT_C_CC`: ^C ^\ DEL ^U ^D 0 1 - ^Q ^S ^Z - ^R ^O ^W ^V -.
pub const DEFAULT_CC: [u8; CONTROL_CHARACTERS] =
    [0o3, 0o34, 0o177, 0o25, 0o4, 0, 1, 0, 0o21, 0o23, 0o32, 0, 0o22, 0o17, 0o27, 0o26, 0, 0, 0];

impl Termios {
    /// What a terminal starts with (`tty_std_termios`), with the driver's control word.
    pub const fn standard(control: Control) -> Termios {
        Termios {
            iflag: Input::ICRNL.union(Input::IXON).bits(),
            oflag: Output::OPOST.union(Output::ONLCR).bits(),
            cflag: control.bits(),
            lflag: Local::ISIG
                .union(Local::ICANON)
                .union(Local::ECHO)
                .union(Local::ECHOE)
                .union(Local::ECHOK)
                .union(Local::ECHOCTL)
                .union(Local::ECHOKE)
                .union(Local::IEXTEN)
                .bits(),
            line: 0,
            cc: DEFAULT_CC,
        }
    }

    pub const fn input(&self) -> Input {
        Input::from_bits_retain(self.iflag)
    }

    pub const fn output(&self) -> Output {
        Output::from_bits_retain(self.oflag)
    }

    pub const fn control(&self) -> Control {
        Control::from_bits_retain(self.cflag)
    }

    pub const fn local(&self) -> Local {
        Local::from_bits_retain(self.lflag)
    }

    /// The TCGETA view.
    pub fn to_termio(&self) -> Termio {
        let mut cc = [0; 8];
        cc.copy_from_slice(&self.cc[..8]);
        Termio {
            iflag: self.iflag as u16,
            oflag: self.oflag as u16,
            cflag: self.cflag as u16,
            lflag: self.lflag as u16,
            line: self.line,
            cc,
            padding: 0,
        }
    }

    /// These settings after TCSETA with `termio`: only the low halves and the first eight characters change.
    pub fn with_termio(&self, termio: &Termio) -> Termios {
        let low = |old: u32, new: u16| (old & 0xffff_0000) | u32::from(new);
        let mut merged = *self;
        merged.iflag = low(self.iflag, termio.iflag);
        merged.oflag = low(self.oflag, termio.oflag);
        merged.cflag = low(self.cflag, termio.cflag);
        merged.lflag = low(self.lflag, termio.lflag);
        merged.line = termio.line;
        merged.cc[..8].copy_from_slice(&termio.cc);
        merged
    }
}

/// The line speed in bits per second behind a CBAUD code; `None` for BOTHER and codes that Linux doesn't define.
pub fn speed_of(control: Control) -> Option<u32> {
    const LOW: [u32; 16] = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
    const HIGH: [u32; 16] =
        [0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000];
    let code = (control & Control::CBAUD).bits();
    let index = (code & 0o17) as usize;
    if code & Control::CBAUDEX.bits() == 0 { LOW.get(index).copied() } else { HIGH.get(index).copied().filter(|&speed| speed != 0) }
}

/// ioctl(2) request numbers of terminals (`asm-generic/ioctls.h`).
pub mod ioctl {
    pub const TCGETS: u32 = 0x5401;
    pub const TCSETS: u32 = 0x5402;
    pub const TCSETSW: u32 = 0x5403;
    pub const TCSETSF: u32 = 0x5404;
    pub const TCGETA: u32 = 0x5405;
    pub const TCSETA: u32 = 0x5406;
    pub const TCSETAW: u32 = 0x5407;
    pub const TCSETAF: u32 = 0x5408;
    pub const TCSBRK: u32 = 0x5409;
    pub const TCXONC: u32 = 0x540a;
    pub const TCFLSH: u32 = 0x540b;
    pub const TIOCEXCL: u32 = 0x540c;
    pub const TIOCNXCL: u32 = 0x540d;
    pub const TIOCSCTTY: u32 = 0x540e;
    pub const TIOCGPGRP: u32 = 0x540f;
    pub const TIOCSPGRP: u32 = 0x5410;
    pub const TIOCOUTQ: u32 = 0x5411;
    pub const TIOCSTI: u32 = 0x5412;
    pub const TIOCGWINSZ: u32 = 0x5413;
    pub const TIOCSWINSZ: u32 = 0x5414;
    pub const TIOCMGET: u32 = 0x5415;
    pub const TIOCMBIS: u32 = 0x5416;
    pub const TIOCMBIC: u32 = 0x5417;
    pub const TIOCMSET: u32 = 0x5418;
    pub const TIOCGSOFTCAR: u32 = 0x5419;
    pub const TIOCSSOFTCAR: u32 = 0x541a;
    /// Also TIOCINQ.
    pub const FIONREAD: u32 = 0x541b;
    pub const TIOCCONS: u32 = 0x541d;
    pub const TIOCPKT: u32 = 0x5420;
    pub const FIONBIO: u32 = 0x5421;
    pub const TIOCNOTTY: u32 = 0x5422;
    pub const TIOCSETD: u32 = 0x5423;
    pub const TIOCGETD: u32 = 0x5424;
    pub const TCSBRKP: u32 = 0x5425;
    pub const TIOCSBRK: u32 = 0x5427;
    pub const TIOCCBRK: u32 = 0x5428;
    pub const TIOCGSID: u32 = 0x5429;
    pub const TCGETS2: u32 = 0x802c_542a;
    pub const TCSETS2: u32 = 0x402c_542b;
    pub const TCSETSW2: u32 = 0x402c_542c;
    pub const TCSETSF2: u32 = 0x402c_542d;
    pub const TIOCGPTN: u32 = 0x8004_5430;
    pub const TIOCSPTLCK: u32 = 0x4004_5431;
    pub const TIOCGDEV: u32 = 0x8004_5432;
    pub const TIOCSIG: u32 = 0x4004_5436;
    pub const TIOCVHANGUP: u32 = 0x5437;
    pub const TIOCGPKT: u32 = 0x8004_5438;
    pub const TIOCGPTLCK: u32 = 0x8004_5439;
    pub const TIOCGEXCL: u32 = 0x8004_5440;
    pub const TIOCGPTPEER: u32 = 0x5441;
}

/// Packet-mode status bits, the first byte of each read from a pseudo-terminal master after TIOCPKT (ioctl_tty(2)).
pub mod packet {
    pub const DATA: u8 = 0;
    pub const FLUSHREAD: u8 = 1;
    pub const FLUSHWRITE: u8 = 2;
    pub const STOP: u8 = 4;
    pub const START: u8 = 8;
    pub const NOSTOP: u8 = 16;
    pub const DOSTOP: u8 = 32;
    pub const IOCTL: u8 = 64;
}

//! Numbers and structs of virtual terminals (`linux/kd.h`, `linux/vt.h`; ioctl_console(2)).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Requests of ioctl(2).
pub mod ioctl {
    pub const KDGKBTYPE: u32 = 0x4b33;
    pub const KDGETMODE: u32 = 0x4b3b;
    pub const VT_OPENQRY: u32 = 0x5600;
    pub const VT_GETSTATE: u32 = 0x5603;
    pub const VT_ACTIVATE: u32 = 0x5606;
    pub const VT_WAITACTIVE: u32 = 0x5607;
    pub const VT_DISALLOCATE: u32 = 0x5608;
}

/// The keyboard type that KDGKBTYPE gives, whatever the keyboard.
pub const KB_101: u8 = 2;
/// The mode that KDGETMODE gives: the kernel draws text.
pub const KD_TEXT: i32 = 0;

/// `struct vt_stat`, what VT_GETSTATE gives.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct VtState {
    /// Number of the terminal that is shown.
    pub active: u16,
    pub signal: u16,
    /// A bit for each terminal in use; bit 0 stands for /dev/tty0 and is always set.
    pub state: u16,
}

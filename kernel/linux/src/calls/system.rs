//! Calls about the whole system: uname(2), sysinfo(2), syslog(2), getrandom(2), host names, reboot(2).

use abi::Errno;
use abi::system::{Sysinfo, Utsname};
use abi::time::NANOS_PER_SECOND;
use memory::{PAGE_SIZE, UserPtr, UserSlice};
use sync::SpinLock;

use crate::call::{Call, Outcome};

/// The Linux release whose behaviour programs may expect. C libraries refuse to start on releases that they find too old.
pub const RELEASE: &str = "6.1.0-pollux";
/// What `uname -v` prints.
pub const VERSION: &str = concat!("#1 SMP Pollux ", env!("CARGO_PKG_VERSION"));

/// The longest host or domain name (__NEW_UTS_LEN).
const NAME_MAX: usize = 64;

/// A host or domain name: its bytes and how many of them count.
pub struct Name([u8; NAME_MAX], usize);

impl Name {
    const fn new(text: &[u8]) -> Name {
        let mut bytes = [0; NAME_MAX];
        let mut index = 0;
        while index < text.len() && index < NAME_MAX {
            bytes[index] = text[index];
            index += 1;
        }
        Name(bytes, index)
    }

    /// The name's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or(&[])
    }
}

/// What `hostname` prints.
pub static HOST_NAME: SpinLock<Name> = SpinLock::new(Name::new(b"pollux"));
/// What `domainname` prints.
pub static DOMAIN_NAME: SpinLock<Name> = SpinLock::new(Name::new(b"(none)"));

fn field(text: &[u8]) -> [u8; 65] {
    let mut field = [0; 65];
    for (to, from) in field.iter_mut().take(NAME_MAX).zip(text) {
        *to = *from;
    }
    field
}

pub fn uname(_: &mut Call<'_>, buffer: usize) -> Outcome {
    let names = Utsname {
        system: field(b"Linux"),
        node: field(HOST_NAME.lock().bytes()),
        release: field(RELEASE.as_bytes()),
        version: field(VERSION.as_bytes()),
        machine: field(b"x86_64"),
        domain: field(DOMAIN_NAME.lock().bytes()),
    };
    UserPtr::<Utsname>::new(buffer).write(&names)?;
    Ok(0)
}

/// Sets the host name, as sethostname(2) and /proc/sys/kernel/hostname do; what is too long is cut off.
pub fn set_host_name(name: &[u8]) {
    *HOST_NAME.lock() = Name::new(name);
}

pub fn sethostname(call: &mut Call<'_>, name: usize, length: usize) -> Outcome {
    set_name(call, &HOST_NAME, name, length)
}

pub fn setdomainname(call: &mut Call<'_>, name: usize, length: usize) -> Outcome {
    set_name(call, &DOMAIN_NAME, name, length)
}

fn set_name(call: &Call<'_>, target: &SpinLock<Name>, name: usize, length: usize) -> Outcome {
    if !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    if length > NAME_MAX {
        return Err(Errno::EINVAL.into());
    }
    let text = UserSlice::new(name, length).to_vec()?;
    *target.lock() = Name::new(&text);
    Ok(0)
}

pub fn sysinfo(_: &mut Call<'_>, info: usize) -> Outcome {
    let frames = memory::frames::stats();
    let bytes = |count: usize| (count * PAGE_SIZE) as u64;
    let answer = Sysinfo {
        uptime: (arch::clock::now() / NANOS_PER_SECOND) as i64,
        loads: crate::load_average::fixed_point().map(|load| load << 5),
        total_ram: bytes(frames.total),
        free_ram: bytes(frames.free),
        processes: process::tree::counts().1.min(u32::from(u16::MAX)) as u16,
        unit: 1,
        ..Sysinfo::default()
    };
    UserPtr::<Sysinfo>::new(info).write(&answer)?;
    Ok(0)
}

/// The log is not kept in the guest (it goes to the host at once), so it reads as empty.
pub fn syslog(call: &mut Call<'_>, kind: i32, buffer: usize, length: i32) -> Outcome {
    const READ_ALL: i32 = 3;
    const CONSOLE_LEVEL: i32 = 8;
    if !call.privileged() && !matches!(kind, READ_ALL | 10) {
        return Err(Errno::EPERM.into());
    }
    match kind {
        2..=4 if buffer == 0 || length < 0 => Err(Errno::EINVAL.into()),
        0..=7 | 9 | 10 => Ok(0),
        CONSOLE_LEVEL if (1..=8).contains(&length) => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub fn getrandom(_: &mut Call<'_>, buffer: usize, count: usize, flags: u32) -> Outcome {
    const NONBLOCK: u32 = 1;
    const RANDOM: u32 = 2;
    const INSECURE: u32 = 4;
    if flags & !(NONBLOCK | RANDOM | INSECURE) != 0 || flags & (RANDOM | INSECURE) == RANDOM | INSECURE {
        return Err(Errno::EINVAL.into());
    }
    /// More than this comes as a short count, so that one call does not keep the processor for seconds; only 256 bytes are promised whole.
    const CALL_MAX: usize = 1 << 20;
    let count = count.min(CALL_MAX);
    let mut done = 0;
    let mut piece = [0u8; 256];
    while done < count {
        let length = piece.len().min(count - done);
        let Some(bytes) = piece.get_mut(..length) else { break };
        fs::random::fill(bytes);
        match UserSlice::new(buffer.saturating_add(done), length).write(bytes) {
            Ok(()) => done += length,
            Err(errno) if done == 0 => return Err(errno.into()),
            Err(_) => break,
        }
    }
    Ok(done)
}

pub fn reboot(call: &mut Call<'_>, magic: u32, magic2: u32, command: u32, _argument: usize) -> Outcome {
    const MAGIC: u32 = 0xfee1_dead;
    const MAGIC2: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    const CAD_ON: u32 = 0x89ab_cdef;
    const CAD_OFF: u32 = 0;
    if !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    if magic != MAGIC || !MAGIC2.contains(&magic2) {
        return Err(Errno::EINVAL.into());
    }
    match command {
        0x0123_4567 => crate::start::restart(),
        0x4321_fedc => crate::start::switch_off(),
        0xcdef_0123 => crate::start::halt(),
        CAD_ON | CAD_OFF => {
            crate::start::set_ctrl_alt_del(command == CAD_ON);
            Ok(0)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// personality(2): the only execution domain is PER_LINUX; 0xffff_ffff asks for it.
pub fn personality(_: &mut Call<'_>, persona: u32) -> Outcome {
    match persona {
        0 | u32::MAX => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}

//! Who is told by a signal: F_SETOWN, F_SETSIG and their kin of fcntl(2).

use abi::process::FileOwner;
use abi::{Errno, Result};
use fs::OpenFile;
use fs::owner::OwnerKind;
use memory::UserPtr;
use process::sigio;

use crate::call::Call;

pub const F_SETOWN: i32 = 8;
pub const F_GETOWN: i32 = 9;
pub const F_SETSIG: i32 = 10;
pub const F_GETSIG: i32 = 11;
pub const F_SETOWN_EX: i32 = 15;
pub const F_GETOWN_EX: i32 = 16;

/// Carries out one of the six commands; EINVAL for others.
pub fn control(call: &Call<'_>, file: &OpenFile, command: i32, argument: usize) -> Result<usize> {
    match command {
        F_SETOWN => {
            let number = argument as i32;
            let kind = if number < 0 { OwnerKind::Group } else { OwnerKind::Process };
            let id = number.checked_abs().ok_or(Errno::EINVAL)?;
            set_owner(call, file, kind, id)
        }
        F_GETOWN => {
            let owner = file.owner();
            let id = if sigio::exists(owner.kind, owner.id) { owner.id as isize } else { 0 };
            Ok(if owner.kind == OwnerKind::Group { -id } else { id } as usize)
        }
        F_SETSIG => {
            let signal = u8::try_from(argument).ok().filter(|&signal| signal <= 64).ok_or(Errno::EINVAL)?;
            file.change_owner(|owner| owner.signal = signal);
            Ok(0)
        }
        F_GETSIG => Ok(file.owner().signal.into()),
        F_SETOWN_EX => {
            let FileOwner { kind, id } = UserPtr::<FileOwner>::new(argument).read()?;
            let kind = match kind {
                0 => OwnerKind::Thread,
                1 => OwnerKind::Process,
                2 => OwnerKind::Group,
                _ => return Err(Errno::EINVAL),
            };
            set_owner(call, file, kind, id)
        }
        F_GETOWN_EX => {
            let owner = file.owner();
            let kind = match owner.kind {
                OwnerKind::Thread => 0,
                OwnerKind::Process => 1,
                OwnerKind::Group => 2,
            };
            let id = if sigio::exists(owner.kind, owner.id) { owner.id as i32 } else { 0 };
            UserPtr::<FileOwner>::new(argument).write(&FileOwner { kind, id })?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// 0 means nobody; ESRCH when there is no such owner.
fn set_owner(call: &Call<'_>, file: &OpenFile, kind: OwnerKind, id: i32) -> Result<usize> {
    let id = u32::try_from(id).map_err(|_| Errno::ESRCH)?;
    if id != 0 && !sigio::exists(kind, id) {
        return Err(Errno::ESRCH);
    }
    let who = call.thread.credentials();
    file.change_owner(|owner| (owner.kind, owner.id, owner.uid, owner.euid) = (kind, id, who.uid, who.euid));
    Ok(0)
}

//! mount(2) and umount2(2).

use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use fs::{FileSystem, LookupFlags, MountFlags, Path};

use super::paths::{self, Base};
use crate::call::{Call, Outcome};

const MS_REMOUNT: usize = 32;
const MS_BIND: usize = 4096;
const MS_MOVE: usize = 8192;
/// Propagation flags: there is one mount namespace, so nothing propagates and the flags hold at once.
const MS_PROPAGATION: usize = 0x10_0000 | 0x4_0000 | 0x8_0000 | 0x2_0000;
/// The old magic number that mount(2) still accepts in the upper half of its flags.
const MS_MAGIC: usize = 0xc0ed_0000;
const KIND_MAX: usize = 4096;

fn optional_string(address: usize) -> Result<Vec<u8>> {
    if address == 0 { Ok(Vec::new()) } else { memory::user::read_c_string(address, KIND_MAX) }
}

pub fn mount(call: &mut Call<'_>, source: usize, target: usize, kind: usize, flags: usize, data: usize) -> Outcome {
    let kind = optional_string(kind)?;
    let source = optional_string(source)?;
    let options = optional_string(data)?;
    let at = paths::lookup(call, Base::Working, target, LookupFlags::FOLLOW_LAST)?;
    if !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    let flags = if flags & 0xffff_0000 == MS_MAGIC { flags & 0xffff } else { flags };
    let mount_flags = MountFlags::from_bits_truncate(flags as u32);
    if flags & MS_REMOUNT != 0 {
        remount(&at, mount_flags)?;
    } else if flags & MS_BIND != 0 {
        let from = paths::resolve(call, Base::Working, &source, LookupFlags::FOLLOW_LAST)?;
        fs::mount::bind(&from, &at)?;
    } else if flags & MS_PROPAGATION != 0 {
        return Ok(0);
    } else if flags & MS_MOVE != 0 {
        let from = paths::resolve(call, Base::Working, &source, LookupFlags::FOLLOW_LAST)?;
        fs::mount::move_mount(&from, &at)?;
    } else {
        let source = core::str::from_utf8(&source).map_err(|_| Errno::EINVAL)?;
        fs::mount::mount(file_system(&kind, &options)?, &at, source, mount_flags)?;
    }
    Ok(0)
}

/// MS_REMOUNT: EINVAL unless the path is a mount's root.
fn remount(at: &Path, flags: MountFlags) -> Result<()> {
    if !Arc::ptr_eq(at.dentry(), at.mount().root()) {
        return Err(Errno::EINVAL);
    }
    at.mount().set_flags(flags);
    Ok(())
}

/// A new file system of a type; ENODEV for a type that /proc/filesystems does not list.
fn file_system(kind: &[u8], options: &[u8]) -> Result<Arc<dyn FileSystem>> {
    crate::start::new_file_system(kind, options)
}

pub fn umount2(call: &mut Call<'_>, target: usize, flags: u32) -> Outcome {
    const MNT_FORCE: u32 = 1;
    const MNT_DETACH: u32 = 2;
    const MNT_EXPIRE: u32 = 4;
    const UMOUNT_NOFOLLOW: u32 = 8;
    if flags & !(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags & MNT_EXPIRE != 0 {
        // Marking a mount for expiry needs a second call that finds it unused since: not supported here.
        return Err(Errno::EINVAL.into());
    }
    let follow = if flags & UMOUNT_NOFOLLOW == 0 { LookupFlags::FOLLOW_LAST } else { LookupFlags::empty() };
    let path = paths::lookup(call, Base::Working, target, follow)?;
    if !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    fs::mount::unmount(path, flags & MNT_DETACH != 0)?;
    Ok(0)
}

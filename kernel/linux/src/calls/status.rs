//! File status: stat(2) and statx(2), access(2), statfs(2).

use abi::stat::{STATX_FILLED, STATX_RESERVED, Stat, Statfs, Statx};
use abi::{Errno, Result};
use fs::{LookupFlags, Metadata, Path};
use memory::UserPtr;

use super::paths::{self, AT_EACCESS, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, Base, at_flags};
use crate::call::{Call, Outcome};

fn stat_of(m: &Metadata) -> Stat {
    Stat {
        device: m.device.word(),
        inode: m.inode,
        links: m.links.into(),
        mode: m.mode,
        uid: m.uid,
        gid: m.gid,
        special_device: m.rdev.word(),
        size: m.size as i64,
        block_size: m.block_size.into(),
        blocks: m.blocks as i64,
        accessed: m.accessed,
        modified: m.modified,
        changed: m.changed,
        ..Stat::default()
    }
}

fn write_stat(metadata: &Metadata, buffer: usize) -> Outcome {
    UserPtr::<Stat>::new(buffer).write(&stat_of(metadata))?;
    Ok(0)
}

pub fn stat(call: &mut Call<'_>, path: usize, buffer: usize) -> Outcome {
    write_stat(&paths::lookup(call, Base::Working, path, LookupFlags::FOLLOW_LAST)?.metadata(), buffer)
}

pub fn lstat(call: &mut Call<'_>, path: usize, buffer: usize) -> Outcome {
    write_stat(&paths::lookup(call, Base::Working, path, LookupFlags::empty())?.metadata(), buffer)
}

pub fn fstat(call: &mut Call<'_>, fd: i32, buffer: usize) -> Outcome {
    write_stat(&call.any_file(fd)?.metadata(), buffer)
}

pub fn newfstatat(call: &mut Call<'_>, directory: i32, path: usize, buffer: usize, flags: u32) -> Outcome {
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)?;
    write_stat(&paths::lookup(call, Base::from_fd(directory), path, lookup)?.metadata(), buffer)
}

pub fn statx(call: &mut Call<'_>, directory: i32, path: usize, flags: u32, mask: u32, buffer: usize) -> Outcome {
    /// AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC: both at once make no sense.
    const SYNC_TYPE: u32 = 0x6000;
    if mask & STATX_RESERVED != 0 || flags & SYNC_TYPE == SYNC_TYPE {
        return Err(Errno::EINVAL.into());
    }
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | SYNC_TYPE)?;
    let place = paths::lookup(call, Base::from_fd(directory), path, lookup)?;
    let m = place.metadata();
    let answer = Statx {
        mask: STATX_FILLED,
        block_size: m.block_size,
        links: m.links,
        uid: m.uid,
        gid: m.gid,
        mode: m.mode as u16,
        inode: m.inode,
        size: m.size,
        blocks: m.blocks,
        accessed: m.accessed.into(),
        created: m.born.into(),
        changed: m.changed.into(),
        modified: m.modified.into(),
        special_device_major: m.rdev.major(),
        special_device_minor: m.rdev.minor(),
        device_major: m.device.major(),
        device_minor: m.device.minor(),
        mount_id: place.mount().id().into(),
        ..Statx::default()
    };
    UserPtr::<Statx>::new(buffer).write(&answer)?;
    Ok(0)
}

fn check(call: &Call<'_>, base: Base, path: usize, mode: u32, lookup: LookupFlags, effective: bool) -> Result<()> {
    if mode & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    let credentials = call.thread.credentials();
    let real = (!effective).then(|| credentials.with_real_ids());
    let acting = real.as_ref().unwrap_or(&credentials);
    let path = paths::read(path)?;
    let start = paths::start(call, base, &path)?;
    call.fs()?.resolve(acting, start.as_ref(), &path, lookup)?.check_access(acting, mode)
}

pub fn access(call: &mut Call<'_>, path: usize, mode: u32) -> Outcome {
    check(call, Base::Working, path, mode, LookupFlags::FOLLOW_LAST, false)?;
    Ok(0)
}

pub fn faccessat(call: &mut Call<'_>, directory: i32, path: usize, mode: u32) -> Outcome {
    check(call, Base::from_fd(directory), path, mode, LookupFlags::FOLLOW_LAST, false)?;
    Ok(0)
}

pub fn faccessat2(call: &mut Call<'_>, directory: i32, path: usize, mode: u32, flags: u32) -> Outcome {
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS)?;
    check(call, Base::from_fd(directory), path, mode, lookup, flags & AT_EACCESS != 0)?;
    Ok(0)
}

fn write_statfs(place: &Path, buffer: usize) -> Outcome {
    let s = place.mount().fs().statistics();
    let answer = Statfs {
        kind: s.kind as i64,
        block_size: s.block_size as i64,
        blocks: s.blocks,
        blocks_free: s.blocks_free,
        blocks_available: s.blocks_free,
        files: s.files,
        files_free: s.files_free,
        id: [s.identity as i32, (s.identity >> 32) as i32],
        name_length: s.name_max as i64,
        fragment_size: s.block_size as i64,
        flags: statfs_flags(place),
        spare: [0; 4],
    };
    UserPtr::<Statfs>::new(buffer).write(&answer)?;
    Ok(0)
}

/// The ST_… flags: those of the mount that statfs(2) shares with mount(2), and ST_VALID.
fn statfs_flags(place: &Path) -> i64 {
    const ST_VALID: i64 = 0x20;
    const ST_RELATIME: i64 = 0x1000;
    let flags = place.mount().flags();
    let shared = fs::MountFlags::READ_ONLY
        | fs::MountFlags::NO_SUID
        | fs::MountFlags::NO_DEV
        | fs::MountFlags::NO_EXEC
        | fs::MountFlags::NO_ATIME
        | fs::MountFlags::NO_DIR_ATIME;
    let relatime = if flags.contains(fs::MountFlags::RELATIME) { ST_RELATIME } else { 0 };
    i64::from((flags & shared).bits()) | ST_VALID | relatime
}

pub fn statfs(call: &mut Call<'_>, path: usize, buffer: usize) -> Outcome {
    write_statfs(&paths::lookup(call, Base::Working, path, LookupFlags::FOLLOW_LAST)?, buffer)
}

pub fn fstatfs(call: &mut Call<'_>, fd: i32, buffer: usize) -> Outcome {
    write_statfs(call.any_file(fd)?.path(), buffer)
}

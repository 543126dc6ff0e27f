//! Making, changing and ending processes and threads: fork(2), clone(2), execve(2), exit(2).

use abi::process::CloneArgs;
use abi::{Errno, Result};
use alloc::format;
use fs::FileType;
use memory::{PAGE_SIZE, UserPtr, UserSlice};
use process::clone::{self, CloneRequest};
use process::exec::{self, Arguments};
use process::{Resource, exit};
use zerocopy::{FromZeros, IntoBytes};

use super::paths::{self, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Base, at_flags};
use crate::Linux;
use crate::call::{Call, Outcome, Stop};

/// Makes the child. With CLONE_VFORK the caller goes on to wait for it; the child's number is what it carries along.
fn make(call: &Call<'_>, request: &CloneRequest) -> Outcome {
    let made = clone::clone::<Linux>(call.thread, call.context, request)?;
    if made.wait { Err(Stop::Wait(made.tid as usize)) } else { Ok(made.tid as usize) }
}

pub async fn vfork_wait(call: &mut Call<'_>, _: [usize; 6], child: usize) -> Result<usize> {
    clone::wait_for_vfork(call.thread, child as u32).await;
    Ok(child)
}

pub fn fork(call: &mut Call<'_>) -> Outcome {
    make(call, &CloneRequest::FORK)
}

pub fn vfork(call: &mut Call<'_>) -> Outcome {
    make(call, &CloneRequest::VFORK)
}

pub fn clone(call: &mut Call<'_>, flags: usize, stack: usize, parent_tid: usize, child_tid: usize, tls: usize) -> Outcome {
    make(call, &CloneRequest::from_clone(flags, stack, parent_tid, child_tid, tls))
}

pub fn clone3(call: &mut Call<'_>, arguments: usize, size: usize) -> Outcome {
    const KNOWN: usize = size_of::<CloneArgs>();
    if size > PAGE_SIZE {
        return Err(Errno::E2BIG.into());
    }
    if size < CloneArgs::SIZE_VERSION_0 {
        return Err(Errno::EINVAL.into());
    }
    let mut args = CloneArgs::new_zeroed();
    if let Some(bytes) = args.as_mut_bytes().get_mut(..size.min(KNOWN)) {
        UserSlice::new(arguments, bytes.len()).read(bytes)?;
    }
    // What a later Linux put behind must be zero.
    let later = UserSlice::new(arguments.saturating_add(KNOWN), size.saturating_sub(KNOWN)).to_vec()?;
    if later.iter().any(|&byte| byte != 0) {
        return Err(Errno::E2BIG.into());
    }
    make(call, &CloneRequest::from_clone3(&args)?)
}

pub fn execve(_: &mut Call<'_>, _path: usize, _arguments: usize, _environment: usize) -> Outcome {
    Err(Stop::Wait(0))
}

pub async fn execve_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    execute(call, AT_FDCWD, args[0], [args[1], args[2]], 0).await
}

pub fn execveat(_: &mut Call<'_>, _directory: i32, _path: usize, _arguments: usize, _environment: usize, flags: u32) -> Outcome {
    at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    Err(Stop::Wait(0))
}

pub async fn execveat_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    execute(call, args[0] as i32, args[1], [args[2], args[3]], args[4] as u32).await
}

/// The path and the way it is called: a script's interpreter gets "/dev/fd/N…" for a program that was named by a descriptor.
async fn execute(call: &mut Call<'_>, directory: i32, path: usize, strings: [usize; 2], flags: u32) -> Result<usize> {
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let text = paths::read(path)?;
    let base = Base::from_fd(directory);
    let place = paths::resolve(call, base, &text, lookup)?;
    if flags & AT_SYMLINK_NOFOLLOW != 0 && place.file_type() == FileType::Symlink {
        return Err(Errno::ELOOP);
    }
    let name = match base {
        Base::Directory(fd) if text.is_empty() => format!("/dev/fd/{fd}").into_bytes(),
        Base::Directory(fd) if text.first() != Some(&b'/') => [format!("/dev/fd/{fd}/").as_bytes(), &text].concat(),
        _ => text,
    };
    let stack_limit = call.thread.process().soft_limit(Resource::Stack);
    let arguments = Arguments::from_user(strings[0], strings[1], stack_limit)?;
    exec::execute(call.thread, call.context, place, name.into_boxed_slice(), arguments).await?;
    Ok(0)
}

pub fn exit(call: &mut Call<'_>, status: i32) -> Outcome {
    exit::exit_thread(call.thread, status as u8);
    Ok(0)
}

pub fn exit_group(call: &mut Call<'_>, status: i32) -> Outcome {
    exit::exit_group(call.thread, status as u8);
    Ok(0)
}

pub fn set_tid_address(call: &mut Call<'_>, address: usize) -> Outcome {
    call.thread.set_clear_tid(address);
    Ok(call.thread.tid() as usize)
}

/// Bytes of `struct robust_list_head`.
const ROBUST_HEAD: usize = 24;

pub fn set_robust_list(call: &mut Call<'_>, head: usize, size: usize) -> Outcome {
    if size != ROBUST_HEAD {
        return Err(Errno::EINVAL.into());
    }
    call.thread.set_robust_list(head);
    Ok(0)
}

pub fn get_robust_list(call: &mut Call<'_>, tid: i32, head: usize, size: usize) -> Outcome {
    let target = match tid {
        0 => call.thread.clone(),
        _ => u32::try_from(tid).ok().and_then(process::find_thread).ok_or(Errno::ESRCH)?,
    };
    let (mine, theirs) = (call.thread.credentials(), target.credentials());
    if !mine.is_privileged() && (theirs.uid, theirs.euid, theirs.suid) != (mine.uid, mine.uid, mine.uid) {
        return Err(Errno::EPERM.into());
    }
    UserPtr::<usize>::new(size).write(&ROBUST_HEAD)?;
    UserPtr::<usize>::new(head).write(&target.robust_list())?;
    Ok(0)
}

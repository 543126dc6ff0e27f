//! Moving bytes between files, and between processes: sendfile(2), copy_file_range(2), process_vm_readv(2).

use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use fs::{FileType, OpenFile, OpenFlags, SeekKind, Side};
use memory::{IoSink, IoSource, PAGE_SIZE, UserPtr, UserRange, UserSlice};
use process::Process;

use super::blocking::until_done;
use super::io::{drop_set_ids, file_size_limit, vector, write_failure};
use crate::call::{Call, Outcome, Stop};

/// How much is moved at a time; what one call may have in its hands, if the writing side must wait, is at most this.
const PIECE: usize = 16 * 1024;
/// The most that one call moves before it returns with a short count, so that no call keeps the processor for long.
const CALL_MAX: usize = 8 << 20;

/// A buffer for a transfer of `count` bytes. ENOMEM.
fn buffer(count: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(PIECE.min(count)).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(PIECE.min(count), 0);
    Ok(buffer)
}

/// A position argument of a file: the one that the program gave, or the file's own.
struct Position {
    address: usize,
    given: Option<u64>,
}

impl Position {
    fn read(address: usize) -> Result<Position> {
        let given = match address {
            0 => None,
            _ => Some(u64::try_from(UserPtr::<i64>::new(address).read()?).map_err(|_| Errno::EINVAL)?),
        };
        Ok(Position { address, given })
    }

    fn read_from(&self, file: &OpenFile, sink: &mut IoSink<'_>) -> Result<usize> {
        match self.given {
            Some(position) => file.read_at(position, sink),
            None => file.read(sink),
        }
    }

    fn write_to(&self, file: &OpenFile, source: &mut IoSource<'_>, limit: u64) -> Result<usize> {
        match self.given {
            Some(position) => file.write_at(position, source, limit),
            None => file.write(source, limit),
        }
    }

    fn advance(&mut self, count: usize) {
        self.given = self.given.map(|position| position.saturating_add(count as u64));
    }

    fn write_back(&self) -> Result<()> {
        match self.given {
            Some(position) => UserPtr::<u64>::new(self.address).write(&position),
            None => Ok(()),
        }
    }
}

/// Takes back what was read but could not be written: the input is a file with positions, so it is enough to step back.
fn give_back(input: &OpenFile, position: &mut Position, count: usize) {
    match &mut position.given {
        Some(position) => *position = position.saturating_sub(count as u64),
        None => {
            // A seek back from where a read just came is always possible.
            let _ = input.seek(-(count as i64), fs::Whence::Current);
        }
    }
}

struct Sendfile {
    input: Arc<OpenFile>,
    output: Arc<OpenFile>,
    position: Position,
}

impl Sendfile {
    fn new(call: &Call<'_>, out: i32, input: i32, offset: usize) -> Result<Sendfile> {
        let transfer = Sendfile { input: call.file(input)?, output: call.file(out)?, position: Position::read(offset)? };
        if !transfer.input.flags().reads() || !transfer.output.flags().writes() {
            return Err(Errno::EBADF);
        }
        if transfer.input.path().file_type() == FileType::Directory
            || transfer.input.file().seek_kind() == SeekKind::Stream
            || transfer.output.flags().contains(OpenFlags::APPEND)
        {
            return Err(Errno::EINVAL);
        }
        Ok(transfer)
    }

    /// Moves bytes until `count` are moved, the input ends, or the output would block. The second value says that it would block.
    fn step(&mut self, call: &Call<'_>, count: usize) -> Result<(usize, bool)> {
        let mut piece = buffer(count)?;
        let mut moved = 0;
        while moved < count {
            let room = piece.len().min(count - moved);
            let Some(buffer) = piece.get_mut(..room) else { break };
            let read = self.position.read_from(&self.input, &mut IoSink::kernel(buffer))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            self.position.advance(read);
            let written = self.output.write(&mut IoSource::kernel(bytes), file_size_limit(call.thread));
            let done = *written.as_ref().unwrap_or(&0);
            drop_set_ids(call.thread, &self.output)?;
            give_back(&self.input, &mut self.position, read - done);
            moved += done;
            match written {
                Ok(_) if done == read => {}
                Ok(_) | Err(Errno::EAGAIN) => return Ok((moved, true)),
                Err(errno) if moved == 0 => return Err(write_failure(call.thread, &self.output, errno)),
                Err(_) => break,
            }
        }
        Ok((moved, false))
    }
}

pub fn sendfile(call: &mut Call<'_>, out: i32, input: i32, offset: usize, count: usize) -> Outcome {
    let mut transfer = Sendfile::new(call, out, input, offset)?;
    let count = count.min(CALL_MAX);
    let (moved, blocked) = transfer.step(call, count)?;
    transfer.position.write_back()?;
    match blocked && moved < count {
        true if transfer.output.flags().nonblocking() && moved == 0 => Err(Errno::EAGAIN.into()),
        true if !transfer.output.flags().nonblocking() => Err(Stop::Wait(moved)),
        _ => Ok(moved),
    }
}

pub async fn sendfile_wait(call: &mut Call<'_>, args: [usize; 6], mut done: usize) -> Result<usize> {
    let count = args[3].min(CALL_MAX);
    let mut transfer = Sendfile::new(call, args[0] as i32, args[1] as i32, args[2])?;
    while done < count {
        let output = transfer.output.clone();
        let step = || match transfer.step(call, count - done) {
            Ok((0, true)) => Err(Errno::EAGAIN),
            other => other,
        };
        match until_done(call.thread, &output, Side::Write, step).await {
            Ok((moved, blocked)) => {
                done += moved;
                if !blocked {
                    break;
                }
            }
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    transfer.position.write_back()?;
    Ok(done)
}

pub fn copy_file_range(
    call: &mut Call<'_>,
    input: i32,
    input_offset: usize,
    output: i32,
    output_offset: usize,
    count: usize,
    flags: u32,
) -> Outcome {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (input, output) = (call.file(input)?, call.file(output)?);
    let (mut from, mut to) = (Position::read(input_offset)?, Position::read(output_offset)?);
    for file in [&input, &output] {
        match file.path().file_type() {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR.into()),
            _ => return Err(Errno::EINVAL.into()),
        }
    }
    if !input.flags().reads() || !output.flags().writes() || output.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EBADF.into());
    }
    let count = count.min(CALL_MAX);
    if Arc::ptr_eq(input.inode(), output.inode()) {
        let (start, target) = (from.given.unwrap_or(input.position()), to.given.unwrap_or(output.position()));
        if start < target.saturating_add(count as u64) && target < start.saturating_add(count as u64) {
            return Err(Errno::EINVAL.into());
        }
    }
    let mut piece = buffer(count)?;
    let mut moved = 0;
    while moved < count {
        let room = piece.len().min(count - moved);
        let Some(buffer) = piece.get_mut(..room) else { break };
        let read = from.read_from(&input, &mut IoSink::kernel(buffer))?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        from.advance(read);
        let written = to.write_to(&output, &mut IoSource::kernel(bytes), file_size_limit(call.thread));
        let done = *written.as_ref().unwrap_or(&0);
        drop_set_ids(call.thread, &output)?;
        give_back(&input, &mut from, read - done);
        to.advance(done);
        moved += done;
        match written {
            Ok(_) if done == read => {}
            Err(errno) if moved == 0 => return Err(write_failure(call.thread, &output, errno).into()),
            _ => break,
        }
    }
    from.write_back()?;
    to.write_back()?;
    Ok(moved)
}

/// The process whose memory is asked for. ESRCH; EPERM unless all its ids are the caller's real ones and it may be looked into, or the caller is
/// root (ptrace(2), "PTRACE_MODE_ATTACH_REALCREDS").
fn remote(call: &Call<'_>, pid: i32) -> Result<Arc<Process>> {
    let target = u32::try_from(pid).ok().and_then(process::find_process).ok_or(Errno::ESRCH)?;
    if Arc::ptr_eq(&target, call.thread.process()) {
        return Ok(target);
    }
    let (mine, theirs) = (call.thread.credentials(), target.credentials().ok_or(Errno::ESRCH)?);
    let same = [theirs.uid, theirs.euid, theirs.suid].iter().all(|&uid| uid == mine.uid)
        && [theirs.gid, theirs.egid, theirs.sgid].iter().all(|&gid| gid == mine.gid);
    if !(call.privileged() || same && target.is_dumpable()) {
        return Err(Errno::EPERM);
    }
    Ok(target)
}

fn transfer_memory(call: &Call<'_>, pid: i32, local: [usize; 2], remote_vector: [usize; 2], flags: u32, write: bool) -> Outcome {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let local = vector(local[0], local[1])?;
    let theirs = if remote_vector[1] > 1024 {
        return Err(Errno::EINVAL.into());
    } else {
        UserPtr::<UserRange>::new(remote_vector[0]).read_many(remote_vector[1])?
    };
    let space = remote(call, pid)?.space().ok_or(Errno::ESRCH)?;
    let (mut here, mut there) = (Cursor::new(&local), Cursor::new(&theirs));
    let mut moved = 0;
    let mut buffer = vec![0u8; PAGE_SIZE];
    while let (Some(mine), Some(other)) = (here.rest(), there.rest()) {
        // Not across a page of the remote side, so that a transfer stops at the first page that can't be had.
        let to_boundary = PAGE_SIZE - other.address % PAGE_SIZE;
        let length = mine.len.min(other.len).min(to_boundary);
        let Some(bytes) = buffer.get_mut(..length) else { break };
        let step = if write {
            UserSlice::new(mine.address, length).read(bytes).and_then(|()| space.write_remote(other.address, bytes))
        } else {
            space.read_remote(other.address, bytes).and_then(|count| {
                let bytes = bytes.get(..count).unwrap_or_default();
                UserSlice::new(mine.address, count).write(bytes).map(|()| count)
            })
        };
        match step {
            Ok(count) => {
                moved += count;
                if count < length {
                    break;
                }
            }
            Err(_) if moved > 0 => break,
            Err(errno) => return Err(errno.into()),
        }
        here.advance(length);
        there.advance(length);
    }
    Ok(moved)
}

/// A position in a list of buffers.
struct Cursor<'a> {
    ranges: &'a [UserRange],
    done: usize,
}

impl<'a> Cursor<'a> {
    fn new(ranges: &'a [UserRange]) -> Cursor<'a> {
        Cursor { ranges, done: 0 }
    }

    /// What is left of the current buffer; none at the end of the list.
    fn rest(&mut self) -> Option<UserRange> {
        while let Some((range, later)) = self.ranges.split_first() {
            if self.done < range.len {
                return Some(UserRange { address: range.address.saturating_add(self.done), len: range.len - self.done });
            }
            self.ranges = later;
            self.done = 0;
        }
        None
    }

    fn advance(&mut self, count: usize) {
        self.done += count;
    }
}

pub fn process_vm_readv(
    call: &mut Call<'_>,
    pid: i32,
    local: usize,
    local_count: usize,
    remote: usize,
    remote_count: usize,
    flags: u32,
) -> Outcome {
    transfer_memory(call, pid, [local, local_count], [remote, remote_count], flags, false)
}

pub fn process_vm_writev(
    call: &mut Call<'_>,
    pid: i32,
    local: usize,
    local_count: usize,
    remote: usize,
    remote_count: usize,
    flags: u32,
) -> Outcome {
    transfer_memory(call, pid, [local, local_count], [remote, remote_count], flags, true)
}

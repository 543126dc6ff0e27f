//! Memory calls: mmap(2) and its family, brk(2), madvise(2), mlock(2).
//!
//! The address space does the work and knows the rules of addresses and areas; here numbers become words and the file's part is checked.

use abi::Errno;
use alloc::vec;
use fs::OpenFlags;
use memory::{Advice, Backing, MapFlags, MapRequest, PAGE_SIZE, Protection, RemapFlags, UserSlice};

use crate::call::{Call, Outcome};

const MAP_TYPE: u32 = 0x0f;
const MAP_SHARED: u32 = 1;
const MAP_PRIVATE: u32 = 2;
const MAP_SHARED_VALIDATE: u32 = 3;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_HUGETLB: u32 = 0x4_0000;
/// All flags that Linux 6.1 knows; MAP_SHARED_VALIDATE refuses others with EOPNOTSUPP.
const MAP_KNOWN: u32 = 0x01f_f93f;
const PROT_ALL: u32 = 7;
/// PROT_SEM means nothing on x86; PROT_GROWSDOWN and PROT_GROWSUP are for mprotect.
const PROT_SEM: u32 = 8;
const PROT_GROWS: u32 = 0x0300_0000;

fn protection(bits: u32) -> Protection {
    Protection::from_bits_truncate(bits & PROT_ALL)
}

pub fn mmap(call: &mut Call<'_>, address: usize, len: usize, prot: u32, flags: u32, fd: i32, offset: usize) -> Outcome {
    if !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL.into());
    }
    let mut may = Protection::all();
    let backing = if flags & MAP_ANONYMOUS != 0 {
        match flags & MAP_TYPE {
            MAP_SHARED | MAP_PRIVATE => {}
            _ => return Err(Errno::EINVAL.into()),
        }
        Backing::Anonymous
    } else {
        let file = call.file(fd)?;
        let open = file.flags();
        match flags & MAP_TYPE {
            MAP_SHARED_VALIDATE if flags & !MAP_KNOWN != 0 => return Err(Errno::EOPNOTSUPP.into()),
            MAP_SHARED | MAP_SHARED_VALIDATE => {
                if prot & Protection::WRITE.bits() != 0 && !open.writes() {
                    return Err(Errno::EACCES.into());
                }
                if !open.writes() {
                    may -= Protection::WRITE;
                }
            }
            MAP_PRIVATE => {}
            _ => return Err(Errno::EINVAL.into()),
        }
        if !open.reads() {
            return Err(Errno::EACCES.into());
        }
        if file.path().mount().flags().contains(fs::MountFlags::NO_EXEC) {
            if prot & Protection::EXECUTE.bits() != 0 {
                return Err(Errno::EPERM.into());
            }
            may -= Protection::EXECUTE;
        }
        debug_assert!(!open.contains(OpenFlags::PATH));
        Backing::File { file: file.mapping()?, offset: offset as u64 }
    };
    if flags & MAP_HUGETLB != 0 {
        // No huge-page pool, as on a Linux where none is reserved.
        return Err(Errno::ENOMEM.into());
    }
    let mut map_flags = MapFlags::from_bits_truncate(flags & !MAP_TYPE);
    map_flags.set(MapFlags::SHARED, flags & MAP_TYPE != MAP_PRIVATE);
    let request = MapRequest { address, len, protection: protection(prot), may, flags: map_flags, backing };
    Ok(call.space()?.map(request)?)
}

pub fn munmap(call: &mut Call<'_>, address: usize, len: usize) -> Outcome {
    call.space()?.unmap(address, len)?;
    Ok(0)
}

pub fn mprotect(call: &mut Call<'_>, address: usize, len: usize, prot: u32) -> Outcome {
    if prot & !(PROT_ALL | PROT_SEM | PROT_GROWS) != 0 || prot & PROT_GROWS == PROT_GROWS {
        return Err(Errno::EINVAL.into());
    }
    call.space()?.protect(address, len, protection(prot))?;
    Ok(0)
}

/// brk(2) as the kernel has it: returns the break, moved or not.
pub fn brk(call: &mut Call<'_>, address: usize) -> Outcome {
    Ok(call.space()?.brk(address))
}

pub fn mremap(call: &mut Call<'_>, address: usize, old_len: usize, new_len: usize, flags: u32, new_address: usize) -> Outcome {
    let flags = RemapFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    Ok(call.space()?.remap(address, old_len, new_len, flags, new_address)?)
}

pub fn madvise(call: &mut Call<'_>, address: usize, len: usize, advice: i32) -> Outcome {
    let advice = Advice::from_number(advice).ok_or(Errno::EINVAL)?;
    call.space()?.advise(address, len, advice)?;
    Ok(0)
}

pub fn msync(call: &mut Call<'_>, address: usize, len: usize, flags: u32) -> Outcome {
    const ASYNC: u32 = 1;
    const INVALIDATE: u32 = 2;
    const SYNC: u32 = 4;
    if flags & !(ASYNC | INVALIDATE | SYNC) != 0 || flags & (ASYNC | SYNC) == ASYNC | SYNC {
        return Err(Errno::EINVAL.into());
    }
    call.space()?.sync(address, len, flags & INVALIDATE != 0)?;
    Ok(0)
}

pub fn mincore(call: &mut Call<'_>, address: usize, len: usize, vector: usize) -> Outcome {
    /// How many pages are asked for at a time, so that a huge request needs no huge buffer.
    const PIECE: usize = 512;
    if !address.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL.into());
    }
    if address.checked_add(len).is_none_or(|end| end > arch::USER_END) {
        return Err(Errno::ENOMEM.into());
    }
    let pages = len.div_ceil(PAGE_SIZE);
    let mut bytes = vec![0u8; PIECE.min(pages)];
    let mut done = 0;
    while done < pages {
        let count = PIECE.min(pages - done);
        let Some(piece) = bytes.get_mut(..count) else { break };
        call.space()?.mincore(address + done * PAGE_SIZE, piece)?;
        UserSlice::new(vector.saturating_add(done), count).write(piece)?;
        done += count;
    }
    Ok(0)
}

pub fn mlock(call: &mut Call<'_>, address: usize, len: usize) -> Outcome {
    call.space()?.lock(address, len, true)?;
    Ok(0)
}

pub fn mlock2(call: &mut Call<'_>, address: usize, len: usize, flags: u32) -> Outcome {
    const ONFAULT: u32 = 1;
    if flags & !ONFAULT != 0 {
        return Err(Errno::EINVAL.into());
    }
    call.space()?.lock(address, len, flags & ONFAULT == 0)?;
    Ok(0)
}

pub fn munlock(call: &mut Call<'_>, address: usize, len: usize) -> Outcome {
    call.space()?.unlock(address, len)?;
    Ok(0)
}

pub fn mlockall(call: &mut Call<'_>, flags: u32) -> Outcome {
    const CURRENT: u32 = 1;
    const FUTURE: u32 = 2;
    const ONFAULT: u32 = 4;
    if flags == 0 || flags == ONFAULT || flags & !(CURRENT | FUTURE | ONFAULT) != 0 {
        return Err(Errno::EINVAL.into());
    }
    call.space()?.lock_all(flags & CURRENT != 0, flags & FUTURE != 0, flags & ONFAULT == 0)?;
    Ok(0)
}

pub fn munlockall(call: &mut Call<'_>) -> Outcome {
    call.space()?.unlock_all();
    Ok(0)
}

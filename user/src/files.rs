//! Files by descriptor number, as the kernel sees them, and paths as C strings.

use crate::sys;
use crate::sys::Result;
use std::ffi::CString;

/// A path or string for the kernel.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL in a test's string")
}

pub fn open(path: &str, flags: i32) -> Result<i32> {
    open_mode(path, flags, 0o644)
}

pub fn open_mode(path: &str, flags: i32, mode: u32) -> Result<i32> {
    sys!(open, c(path).as_c_str(), flags, mode).map(|fd| fd as i32)
}

/// Opens read-write, creating and emptying.
pub fn create(path: &str) -> i32 {
    open(path, libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).expect("create a file")
}

/// A file with this content.
pub fn put(path: &str, content: &[u8]) {
    let fd = create(path);
    assert_eq!(write(fd, content), Ok(content.len()));
    close(fd);
}

/// The whole content of a file.
pub fn get(path: &str) -> Vec<u8> {
    let fd = open(path, libc::O_RDONLY).expect("open a file to read it");
    let content = read_to_end(fd);
    close(fd);
    content
}

pub fn read_to_end(fd: i32) -> Vec<u8> {
    let mut content = Vec::new();
    let mut piece = [0u8; 4096];
    loop {
        match read(fd, &mut piece).expect("read") {
            0 => return content,
            n => content.extend_from_slice(&piece[..n]),
        }
    }
}

pub fn read(fd: i32, buffer: &mut [u8]) -> Result {
    sys!(read, fd, buffer.as_mut_ptr(), buffer.len())
}

/// At most `size` bytes, in one read.
pub fn read_some(fd: i32, size: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0u8; size];
    let n = read(fd, &mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
}

pub fn write(fd: i32, bytes: &[u8]) -> Result {
    sys!(write, fd, bytes.as_ptr(), bytes.len())
}

pub fn seek(fd: i32, offset: i64, whence: i32) -> Result {
    sys!(lseek, fd, offset, whence)
}

/// Closes a descriptor that must be open.
pub fn close(fd: i32) {
    assert_eq!(sys!(close, fd), Ok(0), "close({fd})");
}

/// (read end, write end)
pub fn pipe(flags: i32) -> (i32, i32) {
    let mut ends = [0i32; 2];
    assert_eq!(sys!(pipe2, &mut ends, flags), Ok(0), "pipe2");
    (ends[0], ends[1])
}

pub fn fcntl(fd: i32, command: i32, argument: usize) -> Result {
    sys!(fcntl, fd, command, argument)
}

pub fn mkdir(path: &str) {
    assert_eq!(sys!(mkdir, c(path).as_c_str(), 0o755), Ok(0), "mkdir {path}");
}

/// A special file (or a plain one) of this type, mode and device number.
pub fn mknod(path: &str, mode: u32, device: u64) -> Result {
    sys!(mknod, c(path).as_c_str(), mode, device)
}

pub fn unlink(path: &str) -> Result {
    sys!(unlink, c(path).as_c_str())
}

pub fn rmdir(path: &str) -> Result {
    sys!(rmdir, c(path).as_c_str())
}

pub fn symlink(target: &str, path: &str) -> Result {
    sys!(symlink, c(target).as_c_str(), c(path).as_c_str())
}

pub fn link(old: &str, new: &str) -> Result {
    sys!(link, c(old).as_c_str(), c(new).as_c_str())
}

pub fn rename(old: &str, new: &str) -> Result {
    sys!(rename, c(old).as_c_str(), c(new).as_c_str())
}

pub fn chmod(path: &str, mode: u32) -> Result {
    sys!(chmod, c(path).as_c_str(), mode)
}

pub fn chown(path: &str, uid: u32, gid: u32) -> Result {
    sys!(chown, c(path).as_c_str(), uid, gid)
}

/// `stat`, following links.
pub fn stat(path: &str) -> Result<libc::stat> {
    stat_with(|place| sys!(stat, c(path).as_c_str(), place))
}

pub fn lstat(path: &str) -> Result<libc::stat> {
    stat_with(|place| sys!(lstat, c(path).as_c_str(), place))
}

pub fn fstat(fd: i32) -> Result<libc::stat> {
    stat_with(|place| sys!(fstat, fd, place))
}

fn stat_with(ask: impl FnOnce(*mut libc::stat) -> Result) -> Result<libc::stat> {
    // SAFETY: all-zero is a valid `stat`.
    let mut answer: libc::stat = unsafe { core::mem::zeroed() };
    ask(&raw mut answer).map(|_| answer)
}

/// The names in a folder with their `d_type`, as `getdents64` gives them, in its order.
pub fn names(fd: i32) -> Vec<(String, u8)> {
    let mut found = Vec::new();
    let mut buffer = [0u8; 1024];
    loop {
        let n = sys!(getdents64, fd, &mut buffer, buffer.len()).expect("getdents64");
        if n == 0 {
            return found;
        }
        let mut rest = &buffer[..n];
        while !rest.is_empty() {
            let length = u16::from_le_bytes([rest[16], rest[17]]) as usize;
            let name = &rest[19..length];
            let end = name.iter().position(|&byte| byte == 0).expect("a NUL behind the name");
            found.push((String::from_utf8_lossy(&name[..end]).into_owned(), rest[18]));
            rest = &rest[length..];
        }
    }
}

//! The raw system call and its result. The C library's wrappers are avoided where they would hide what the kernel says (musl checks
//! arguments, retries and emulates).

use core::ffi::CStr;
use core::fmt;

/// A Linux error number; `Debug` prints its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

pub type Result<T = usize> = core::result::Result<T, Errno>;

macro_rules! errnos {
    ($($name:ident)*) => {
        $(pub const $name: Errno = Errno(libc::$name);)*
        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $(libc::$name => f.write_str(stringify!($name)),)*
                    other => write!(f, "errno {other}"),
                }
            }
        }
    };
}

errnos! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV
    ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG
    ENOLCK ENOSYS ENOTEMPTY ELOOP ENODATA ETIME EOVERFLOW ENOTSOCK EOPNOTSUPP ETIMEDOUT EALREADY EOWNERDEAD ENOTRECOVERABLE ECANCELED
}

/// What may stand as an argument of a system call.
pub trait Argument {
    fn word(self) -> usize;
}

macro_rules! integer_arguments {
    ($($kind:ty)*) => { $(impl Argument for $kind { fn word(self) -> usize { self as usize } })* };
}
integer_arguments!(i32 u32 i64 u64 isize usize);

impl<T> Argument for *const T {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Argument for *mut T {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Argument for &T {
    fn word(self) -> usize {
        core::ptr::from_ref(self) as usize
    }
}

impl<T> Argument for &mut T {
    fn word(self) -> usize {
        core::ptr::from_mut(self) as usize
    }
}

impl Argument for &CStr {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

/// Makes system call `number`; the kernel's answer, with -4095..-1 as an error.
pub fn call(number: i64, arguments: [usize; 6]) -> Result {
    let [a, b, c, d, e, f] = arguments;
    let answer: isize;
    // SAFETY: the instruction clobbers rcx and r11 only; what the call does to this program's memory is what the caller asked for
    // (see the head of this crate).
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _);
    }
    if (-4095..0).contains(&answer) { Err(Errno(-answer as i32)) } else { Ok(answer as usize) }
}

/// `sys!(read, fd, address, 5)`: the call by its name.
#[macro_export]
macro_rules! sys {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        // `match` keeps temporaries (a C string made for the call) alive until the call has returned.
        match [$($crate::sys::Argument::word($argument)),*] {
            given => {
                let given: &[usize] = &given;
                let mut arguments = [0usize; 6];
                arguments[..given.len()].copy_from_slice(given);
                $crate::sys::named::$name(arguments)
            }
        }
    };
}

/// One function a call, so that the `sys!` macro can paste a name without pasting identifiers.
pub mod named {
    use super::{Result, call};

    macro_rules! named {
        ($($name:ident $number:literal)*) => {
            $(pub fn $name(arguments: [usize; 6]) -> Result { call($number, arguments) })*
        };
    }

    named! {
        read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11 brk 12 rt_sigaction 13
        rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 pread64 17 pwrite64 18 readv 19 writev 20 access 21 pipe 22 select 23 sched_yield 24
        mremap 25 msync 26 mincore 27 madvise 28 dup 32 dup2 33 pause 34 nanosleep 35 getitimer 36 alarm 37 setitimer 38 getpid 39
        sendfile 40 clone 56 fork 57 vfork 58 execve 59 exit 60 wait4 61 kill 62 uname 63 fcntl 72 flock 73 fsync 74 fdatasync 75
        truncate 76 ftruncate 77 getcwd 79 chdir 80 fchdir 81 rename 82 mkdir 83 rmdir 84 creat 85 link 86 unlink 87 symlink 88
        readlink 89 chmod 90 fchmod 91 chown 92 fchown 93 lchown 94 umask 95 gettimeofday 96 getrlimit 97 getrusage 98 sysinfo 99
        times 100 getuid 102 getgid 104 setuid 105 setgid 106 geteuid 107 getegid 108 setpgid 109 getppid 110 getpgrp 111 setsid 112
        setreuid 113 setregid 114 getgroups 115 setgroups 116 setresuid 117 getresuid 118 setresgid 119 getresgid 120 getpgid 121
        setfsuid 122 setfsgid 123 getsid 124 rt_sigpending 127 rt_sigtimedwait 128 rt_sigqueueinfo 129 rt_sigsuspend 130
        sigaltstack 131 utime 132 mknod 133 personality 135 statfs 137 fstatfs 138 getpriority 140 setpriority 141 reboot 169
        sched_getscheduler 145 prctl 157 arch_prctl 158 setrlimit 160 chroot 161 sync 162 gettid 186 tkill 200 time 201 futex 202
        sched_setaffinity 203 sched_getaffinity 204 epoll_create 213 getdents64 217 set_tid_address 218 clock_gettime 228 clock_getres 229
        clock_nanosleep 230 exit_group 231 epoll_wait 232 epoll_ctl 233 tgkill 234 utimes 235 waitid 247 openat 257 mkdirat 258 mknodat 259 fchownat 260
        newfstatat 262 unlinkat 263 renameat 264 renameat2 316 linkat 265 symlinkat 266 readlinkat 267 fchmodat 268 faccessat 269 pselect6 270
        ppoll 271 set_robust_list 273 get_robust_list 274 utimensat 280 epoll_pwait 281 signalfd 282 timerfd_create 283 eventfd 284
        fallocate 285 timerfd_settime 286 timerfd_gettime 287 signalfd4 289 eventfd2 290 epoll_create1 291 dup3 292 pipe2 293 preadv 295 pwritev 296
        rt_tgsigqueueinfo 297 prlimit64 302 getcpu 309 getrandom 318 execveat 322 preadv2 327 pwritev2 328 statx 332 clone3 435
        close_range 436 faccessat2 439 epoll_pwait2 441
    }
}

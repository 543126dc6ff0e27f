//! The one table of system calls: number, name, argument kinds and handler.
//!
//! From it come the dispatch `match`, the trace (`trace.rs`) and `docs/compatibility.md` (`document.rs`). The numbers are those of
//! x86_64 (`arch/x86/entry/syscalls/syscall_64.tbl` of Linux). A number that is not here returns ENOSYS, logged once.

mod generate;

pub use generate::Description;

use abi::{Errno, Result};
use generate::{call_handler, system_calls};
use sync::SpinLock;

use crate::argument::{self, Argument};
use crate::call::{Call, Outcome};
use crate::calls::{
    attributes, clocks, control, credentials, descriptors, directories, epoll, events, futex, identity, io, limits, memory, mounts, names,
    open, poll, processes, scheduling, select, signals, sleep, status, system, timers, transfer, wait,
};

/// Numbers above this are never logged: they can't be system calls of any Linux, only a program's mistake.
const HIGHEST_LOGGED: usize = 511;

fn decode<A: Argument>(register: usize) -> A::Value {
    A::decode(register)
}

#[cold]
fn unknown(number: usize) -> Outcome {
    static LOGGED: SpinLock<[u64; 8]> = SpinLock::new([0; 8]);
    if number <= HIGHEST_LOGGED {
        let mut logged = LOGGED.lock();
        let (word, bit) = (number / 64, 1 << (number % 64));
        if logged[word] & bit == 0 {
            logged[word] |= bit;
            drop(logged);
            log::info!("system call {number} is not implemented (ENOSYS)");
        }
    }
    Err(Errno::ENOSYS.into())
}

/// The table's line for a number.
pub fn describe(number: usize) -> Option<&'static Description> {
    DESCRIPTIONS.binary_search_by_key(&number, |line| line.number).ok().map(|index| &DESCRIPTIONS[index])
}

// One line a call, so that the table reads as a table.
#[rustfmt::skip]
system_calls! {
    0 read(fd: Fd, buffer: BytesOut, count: Size) = io::read, waits io::read_wait;
    1 write(fd: Fd, buffer: BytesIn, count: Size) = io::write, waits io::write_wait;
    2 open(path: Path, flags: OpenFlags, mode: Mode) = open::open, waits open::open_wait;
    3 close(fd: Fd) = descriptors::close;
    4 stat(path: Path, buffer: Pointer) = status::stat;
    5 fstat(fd: Fd, buffer: Pointer) = status::fstat;
    6 lstat(path: Path, buffer: Pointer) = status::lstat;
    7 poll(fds: Pointer, count: Unsigned, timeout: Int) = poll::poll, waits poll::poll_wait;
    8 lseek(fd: Fd, offset: Size, whence: Unsigned) = io::lseek;
    9 mmap(address: Pointer, length: Size, protection: Protection, flags: MapFlags, fd: Fd, offset: Size) = memory::mmap;
    10 mprotect(address: Pointer, length: Size, protection: Protection) = memory::mprotect;
    11 munmap(address: Pointer, length: Size) = memory::munmap;
    12 brk(address: Pointer) = memory::brk;
    13 rt_sigaction(signal: Signal, action: Pointer, old: Pointer, size: Size) = signals::rt_sigaction;
    14 rt_sigprocmask(how: Int, set: Pointer, old: Pointer, size: Size) = signals::rt_sigprocmask;
    15 rt_sigreturn() = signals::rt_sigreturn;
    16 ioctl(fd: Fd, request: Flags, argument: Pointer) = descriptors::ioctl, waits descriptors::ioctl_wait;
    17 pread64(fd: Fd, buffer: BytesOut, count: Size, offset: Size) = io::pread64, waits io::pread64_wait;
    18 pwrite64(fd: Fd, buffer: BytesIn, count: Size, offset: Size) = io::pwrite64, waits io::pwrite64_wait;
    19 readv(fd: Fd, vector: Pointer, count: Size) = io::readv, waits io::readv_wait;
    20 writev(fd: Fd, vector: Pointer, count: Size) = io::writev, waits io::writev_wait;
    21 access(path: Path, mode: Mode) = status::access;
    22 pipe(fds: Pointer) = open::pipe;
    23 select(count: Int, read: Pointer, write: Pointer, except: Pointer, timeout: Pointer) = select::select, waits select::select_wait;
    24 sched_yield() = scheduling::sched_yield, waits scheduling::sched_yield_wait;
    25 mremap(address: Pointer, old_length: Size, new_length: Size, flags: Flags, new_address: Pointer) = memory::mremap;
    26 msync(address: Pointer, length: Size, flags: Flags) = memory::msync;
    27 mincore(address: Pointer, length: Size, vector: Pointer) = memory::mincore;
    28 madvise(address: Pointer, length: Size, advice: Int) = memory::madvise;
    32 dup(fd: Fd) = descriptors::dup;
    33 dup2(old: Fd, new: Fd) = descriptors::dup2;
    34 pause() = signals::pause, waits signals::pause_wait;
    35 nanosleep(request: TimespecIn, remaining: Pointer) = sleep::nanosleep, waits sleep::nanosleep_wait;
    36 getitimer(which: Int, value: Pointer) = timers::getitimer;
    37 alarm(seconds: Unsigned) = timers::alarm;
    38 setitimer(which: Int, new: Pointer, old: Pointer) = timers::setitimer;
    39 getpid() = identity::getpid;
    40 sendfile(out: Fd, input: Fd, offset: Pointer, count: Size) = transfer::sendfile, waits transfer::sendfile_wait;
    56 clone(flags: Pointer, stack: Pointer, parent_tid: Pointer, child_tid: Pointer, tls: Pointer) = processes::clone, waits processes::vfork_wait;
    57 fork() = processes::fork, waits processes::vfork_wait;
    58 vfork() = processes::vfork, waits processes::vfork_wait;
    59 execve(path: Path, arguments: Strings, environment: Pointer) = processes::execve, waits processes::execve_wait;
    60 exit(status: Int) = processes::exit;
    61 wait4(pid: Int, status: Pointer, options: Flags, usage: Pointer) = wait::wait4, waits wait::wait4_wait;
    62 kill(pid: Int, signal: Signal) = signals::kill;
    63 uname(buffer: Pointer) = system::uname;
    72 fcntl(fd: Fd, command: Int, argument: Pointer) = descriptors::fcntl, waits descriptors::fcntl_wait;
    73 flock(fd: Fd, operation: Int) = descriptors::flock, waits descriptors::flock_wait;
    74 fsync(fd: Fd) = io::fsync;
    75 fdatasync(fd: Fd) = io::fsync;
    76 truncate(path: Path, length: Size) = attributes::truncate;
    77 ftruncate(fd: Fd, length: Size) = attributes::ftruncate;
    78 getdents(fd: Fd, buffer: Pointer, count: Unsigned) = directories::getdents;
    79 getcwd(buffer: Pointer, size: Size) = directories::getcwd;
    80 chdir(path: Path) = directories::chdir;
    81 fchdir(fd: Fd) = directories::fchdir;
    82 rename(old: Path, new: Path) = names::rename;
    83 mkdir(path: Path, mode: Mode) = names::mkdir;
    84 rmdir(path: Path) = names::rmdir;
    85 creat(path: Path, mode: Mode) = open::creat, waits open::creat_wait;
    86 link(old: Path, new: Path) = names::link;
    87 unlink(path: Path) = names::unlink;
    88 symlink(target: Path, path: Path) = names::symlink;
    89 readlink(path: Path, buffer: BytesOut, size: Size) = names::readlink;
    90 chmod(path: Path, mode: Mode) = attributes::chmod;
    91 fchmod(fd: Fd, mode: Mode) = attributes::fchmod;
    92 chown(path: Path, uid: Int, gid: Int) = attributes::chown;
    93 fchown(fd: Fd, uid: Int, gid: Int) = attributes::fchown;
    94 lchown(path: Path, uid: Int, gid: Int) = attributes::lchown;
    95 umask(mask: Mode) = directories::umask;
    96 gettimeofday(time: Pointer, zone: Pointer) = clocks::gettimeofday;
    97 getrlimit(resource: Unsigned, limit: Pointer) = limits::getrlimit;
    98 getrusage(who: Int, usage: Pointer) = limits::getrusage;
    99 sysinfo(info: Pointer) = system::sysinfo;
    100 times(buffer: Pointer) = clocks::times;
    102 getuid() = identity::getuid;
    103 syslog(kind: Int, buffer: Pointer, length: Int) = system::syslog;
    104 getgid() = identity::getgid;
    105 setuid(uid: Unsigned) = credentials::setuid;
    106 setgid(gid: Unsigned) = credentials::setgid;
    107 geteuid() = identity::geteuid;
    108 getegid() = identity::getegid;
    109 setpgid(pid: Int, group: Int) = identity::setpgid;
    110 getppid() = identity::getppid;
    111 getpgrp() = identity::getpgrp;
    112 setsid() = identity::setsid;
    113 setreuid(real: Unsigned, effective: Unsigned) = credentials::setreuid;
    114 setregid(real: Unsigned, effective: Unsigned) = credentials::setregid;
    115 getgroups(count: Int, list: Pointer) = credentials::getgroups;
    116 setgroups(count: Size, list: Pointer) = credentials::setgroups;
    117 setresuid(real: Unsigned, effective: Unsigned, saved: Unsigned) = credentials::setresuid;
    118 getresuid(real: Pointer, effective: Pointer, saved: Pointer) = credentials::getresuid;
    119 setresgid(real: Unsigned, effective: Unsigned, saved: Unsigned) = credentials::setresgid;
    120 getresgid(real: Pointer, effective: Pointer, saved: Pointer) = credentials::getresgid;
    121 getpgid(pid: Int) = identity::getpgid;
    122 setfsuid(uid: Unsigned) = credentials::setfsuid;
    123 setfsgid(gid: Unsigned) = credentials::setfsgid;
    124 getsid(pid: Int) = identity::getsid;
    125 capget(header: Pointer, data: Pointer) = credentials::capget;
    126 capset(header: Pointer, data: Pointer) = credentials::capset;
    127 rt_sigpending(set: Pointer, size: Size) = signals::rt_sigpending;
    128 rt_sigtimedwait(set: Pointer, info: Pointer, timeout: TimespecIn, size: Size) = signals::rt_sigtimedwait, waits signals::rt_sigtimedwait_wait;
    129 rt_sigqueueinfo(pid: Int, signal: Signal, info: Pointer) = signals::rt_sigqueueinfo;
    130 rt_sigsuspend(set: Pointer, size: Size) = signals::rt_sigsuspend, waits signals::rt_sigsuspend_wait;
    131 sigaltstack(new: Pointer, old: Pointer) = signals::sigaltstack;
    132 utime(path: Path, times: Pointer) = attributes::utime;
    133 mknod(path: Path, mode: Mode, device: Unsigned) = names::mknod;
    135 personality(persona: Unsigned) = system::personality;
    137 statfs(path: Path, buffer: Pointer) = status::statfs;
    138 fstatfs(fd: Fd, buffer: Pointer) = status::fstatfs;
    140 getpriority(which: Int, who: Int) = scheduling::getpriority;
    141 setpriority(which: Int, who: Int, value: Int) = scheduling::setpriority;
    142 sched_setparam(pid: Int, parameters: Pointer) = scheduling::sched_setparam;
    143 sched_getparam(pid: Int, parameters: Pointer) = scheduling::sched_getparam;
    144 sched_setscheduler(pid: Int, policy: Int, parameters: Pointer) = scheduling::sched_setscheduler;
    145 sched_getscheduler(pid: Int) = scheduling::sched_getscheduler;
    146 sched_get_priority_max(policy: Int) = scheduling::sched_get_priority_max;
    147 sched_get_priority_min(policy: Int) = scheduling::sched_get_priority_min;
    148 sched_rr_get_interval(pid: Int, interval: Pointer) = scheduling::sched_rr_get_interval;
    149 mlock(address: Pointer, length: Size) = memory::mlock;
    150 munlock(address: Pointer, length: Size) = memory::munlock;
    151 mlockall(flags: Flags) = memory::mlockall;
    152 munlockall() = memory::munlockall;
    157 prctl(option: Int, second: Pointer, third: Pointer, fourth: Pointer, fifth: Pointer) = control::prctl;
    158 arch_prctl(option: Int, address: Pointer) = control::arch_prctl;
    160 setrlimit(resource: Unsigned, limit: Pointer) = limits::setrlimit;
    161 chroot(path: Path) = directories::chroot;
    162 sync() = io::sync;
    164 settimeofday(time: Pointer, zone: Pointer) = clocks::settimeofday;
    165 mount(source: Pointer, target: Path, kind: Pointer, flags: Pointer, data: Pointer) = mounts::mount;
    166 umount2(target: Path, flags: Flags) = mounts::umount2;
    169 reboot(magic: Flags, magic2: Flags, command: Flags, argument: Pointer) = system::reboot;
    170 sethostname(name: Pointer, length: Size) = system::sethostname;
    171 setdomainname(name: Pointer, length: Size) = system::setdomainname;
    186 gettid() = identity::gettid;
    187 readahead(fd: Fd, offset: Size, count: Size) = io::readahead;
    188 setxattr(path: Path, name: Path, value: Pointer, size: Size, flags: Flags) = attributes::set_xattr;
    189 lsetxattr(path: Path, name: Path, value: Pointer, size: Size, flags: Flags) = attributes::lset_xattr;
    190 fsetxattr(fd: Fd, name: Path, value: Pointer, size: Size, flags: Flags) = attributes::fset_xattr;
    191 getxattr(path: Path, name: Path, value: Pointer, size: Size) = attributes::get_xattr;
    192 lgetxattr(path: Path, name: Path, value: Pointer, size: Size) = attributes::lget_xattr;
    193 fgetxattr(fd: Fd, name: Path, value: Pointer, size: Size) = attributes::fget_xattr;
    194 listxattr(path: Path, list: Pointer, size: Size) = attributes::list_xattr;
    195 llistxattr(path: Path, list: Pointer, size: Size) = attributes::llist_xattr;
    196 flistxattr(fd: Fd, list: Pointer, size: Size) = attributes::flist_xattr;
    200 tkill(tid: Int, signal: Signal) = signals::tkill;
    201 time(result: Pointer) = clocks::time;
    202 futex(address: Pointer, operation: Int, value: Unsigned, timeout: Pointer, address2: Pointer, value3: Unsigned) = futex::futex, waits futex::futex_wait;
    203 sched_setaffinity(pid: Int, size: Size, mask: Pointer) = scheduling::sched_setaffinity;
    204 sched_getaffinity(pid: Int, size: Size, mask: Pointer) = scheduling::sched_getaffinity;
    213 epoll_create(size: Int) = epoll::epoll_create;
    217 getdents64(fd: Fd, buffer: Pointer, count: Unsigned) = directories::getdents64;
    218 set_tid_address(address: Pointer) = processes::set_tid_address;
    219 restart_syscall() = sleep::restart_syscall, waits sleep::restart_syscall_wait;
    221 fadvise64(fd: Fd, offset: Size, length: Size, advice: Int) = io::fadvise64;
    227 clock_settime(clock: Int, time: TimespecIn) = clocks::clock_settime;
    228 clock_gettime(clock: Int, time: Pointer) = clocks::clock_gettime;
    229 clock_getres(clock: Int, resolution: Pointer) = clocks::clock_getres;
    230 clock_nanosleep(clock: Int, flags: Flags, request: TimespecIn, remaining: Pointer) = sleep::clock_nanosleep, waits sleep::clock_nanosleep_wait;
    231 exit_group(status: Int) = processes::exit_group;
    232 epoll_wait(epoll: Fd, events: Pointer, most: Int, timeout: Int) = epoll::epoll_wait, waits epoll::epoll_wait_wait;
    233 epoll_ctl(epoll: Fd, operation: Int, fd: Fd, event: Pointer) = epoll::epoll_ctl;
    234 tgkill(group: Int, tid: Int, signal: Signal) = signals::tgkill;
    235 utimes(path: Path, times: Pointer) = attributes::utimes;
    247 waitid(kind: Int, id: Int, info: Pointer, options: Flags, usage: Pointer) = wait::waitid, waits wait::waitid_wait;
    257 openat(directory: DirFd, path: Path, flags: OpenFlags, mode: Mode) = open::openat, waits open::openat_wait;
    258 mkdirat(directory: DirFd, path: Path, mode: Mode) = names::mkdirat;
    259 mknodat(directory: DirFd, path: Path, mode: Mode, device: Unsigned) = names::mknodat;
    260 fchownat(directory: DirFd, path: Path, uid: Int, gid: Int, flags: Flags) = attributes::fchownat;
    261 futimesat(directory: DirFd, path: Path, times: Pointer) = attributes::futimesat;
    262 newfstatat(directory: DirFd, path: Path, buffer: Pointer, flags: Flags) = status::newfstatat;
    263 unlinkat(directory: DirFd, path: Path, flags: Flags) = names::unlinkat;
    264 renameat(old_directory: DirFd, old: Path, new_directory: DirFd, new: Path) = names::renameat;
    265 linkat(old_directory: DirFd, old: Path, new_directory: DirFd, new: Path, flags: Flags) = names::linkat;
    266 symlinkat(target: Path, directory: DirFd, path: Path) = names::symlinkat;
    267 readlinkat(directory: DirFd, path: Path, buffer: BytesOut, size: Size) = names::readlinkat;
    268 fchmodat(directory: DirFd, path: Path, mode: Mode) = attributes::fchmodat;
    269 faccessat(directory: DirFd, path: Path, mode: Mode) = status::faccessat;
    270 pselect6(count: Int, read: Pointer, write: Pointer, except: Pointer, timeout: TimespecIn, mask: Pointer) = select::pselect6, waits select::pselect6_wait;
    271 ppoll(fds: Pointer, count: Unsigned, timeout: TimespecIn, mask: Pointer, size: Size) = poll::ppoll, waits poll::ppoll_wait;
    273 set_robust_list(head: Pointer, size: Size) = processes::set_robust_list;
    274 get_robust_list(pid: Int, head: Pointer, size: Pointer) = processes::get_robust_list;
    277 sync_file_range(fd: Fd, offset: Size, count: Size, flags: Flags) = io::sync_file_range;
    280 utimensat(directory: DirFd, path: Path, times: Pointer, flags: Flags) = attributes::utimensat;
    281 epoll_pwait(epoll: Fd, events: Pointer, most: Int, timeout: Int, mask: Pointer, size: Size) = epoll::epoll_pwait, waits epoll::epoll_pwait_wait;
    282 signalfd(fd: Fd, mask: Pointer, size: Size) = events::signalfd;
    283 timerfd_create(clock: Int, flags: OpenFlags) = events::timerfd_create;
    284 eventfd(count: Unsigned) = events::eventfd;
    285 fallocate(fd: Fd, mode: Flags, offset: Size, length: Size) = attributes::fallocate;
    286 timerfd_settime(fd: Fd, flags: Flags, new: Pointer, old: Pointer) = events::timerfd_settime;
    287 timerfd_gettime(fd: Fd, current: Pointer) = events::timerfd_gettime;
    289 signalfd4(fd: Fd, mask: Pointer, size: Size, flags: OpenFlags) = events::signalfd4;
    290 eventfd2(count: Unsigned, flags: OpenFlags) = events::eventfd2;
    291 epoll_create1(flags: OpenFlags) = epoll::epoll_create1;
    292 dup3(old: Fd, new: Fd, flags: OpenFlags) = descriptors::dup3;
    293 pipe2(fds: Pointer, flags: OpenFlags) = open::pipe2;
    295 preadv(fd: Fd, vector: Pointer, count: Size, offset: Size) = io::preadv, waits io::preadv_wait;
    296 pwritev(fd: Fd, vector: Pointer, count: Size, offset: Size) = io::pwritev, waits io::pwritev_wait;
    297 rt_tgsigqueueinfo(group: Int, tid: Int, signal: Signal, info: Pointer) = signals::rt_tgsigqueueinfo;
    302 prlimit64(pid: Int, resource: Unsigned, new: Pointer, old: Pointer) = limits::prlimit64;
    306 syncfs(fd: Fd) = io::fsync;
    309 getcpu(cpu: Pointer, node: Pointer) = scheduling::getcpu;
    310 process_vm_readv(pid: Int, local: Pointer, local_count: Size, remote: Pointer, remote_count: Size, flags: Flags) = transfer::process_vm_readv;
    311 process_vm_writev(pid: Int, local: Pointer, local_count: Size, remote: Pointer, remote_count: Size, flags: Flags) = transfer::process_vm_writev;
    316 renameat2(old_directory: DirFd, old: Path, new_directory: DirFd, new: Path, flags: Flags) = names::renameat2;
    318 getrandom(buffer: Pointer, count: Size, flags: Flags) = system::getrandom;
    319 memfd_create(name: Path, flags: Flags) = open::memfd_create;
    322 execveat(directory: DirFd, path: Path, arguments: Strings, environment: Pointer, flags: Flags) = processes::execveat, waits processes::execveat_wait;
    325 mlock2(address: Pointer, length: Size, flags: Flags) = memory::mlock2;
    326 copy_file_range(input: Fd, input_offset: Pointer, output: Fd, output_offset: Pointer, count: Size, flags: Flags) = transfer::copy_file_range;
    327 preadv2(fd: Fd, vector: Pointer, count: Size, offset: Size, high: Size, flags: Flags) = io::preadv2, waits io::preadv2_wait;
    328 pwritev2(fd: Fd, vector: Pointer, count: Size, offset: Size, high: Size, flags: Flags) = io::pwritev2, waits io::pwritev2_wait;
    332 statx(directory: DirFd, path: Path, flags: Flags, mask: Flags, buffer: Pointer) = status::statx;
    435 clone3(arguments: Pointer, size: Size) = processes::clone3, waits processes::vfork_wait;
    436 close_range(first: Unsigned, last: Unsigned, flags: Flags) = descriptors::close_range;
    437 openat2(directory: DirFd, path: Path, how: Pointer, size: Size) = open::openat2, waits open::openat2_wait;
    439 faccessat2(directory: DirFd, path: Path, mode: Mode, flags: Flags) = status::faccessat2;
    441 epoll_pwait2(epoll: Fd, events: Pointer, most: Int, timeout: TimespecIn, mask: Pointer, size: Size) = epoll::epoll_pwait2, waits epoll::epoll_pwait2_wait;
    452 fchmodat2(directory: DirFd, path: Path, mode: Mode, flags: Flags) = attributes::fchmodat2;
}

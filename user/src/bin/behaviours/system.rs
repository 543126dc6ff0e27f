//! The system at large: limits, names, random numbers, processors, /dev's simple devices.

use user::child::{as_user, fork};
use user::files::*;
use user::memory::*;
use user::sys;
use user::sys::*;

table!("system":
    rlimits_get_and_set, rlimit_soft_above_hard_einval, rlimit_raise_hard_eperm, prlimit_of_child, rlimit_errors, uname_says_linux, sysinfo_plausible,
    getrandom_differs, getrandom_flags, getrandom_big, sched_yield_and_getcpu, affinity_mask, affinity_errors, process_name, prctl_errors, personality_query,
    null_device, zero_device, full_device, random_devices, device_numbers, devices_cannot_seek_wrong, null_and_zero_map, tty_without_terminal_enxio,
    umask_of_devices, fork_shares_random_state_not, scheduler_queries, membarrier_or_enosys,
);

fn limit(which: usize) -> [u64; 2] {
    let mut limit = [0u64; 2];
    assert_eq!(sys!(getrlimit, which, &mut limit), Ok(0));
    limit
}

fn rlimits_get_and_set() {
    let which = libc::RLIMIT_CORE.word();
    let before = limit(which);
    assert_eq!(sys!(setrlimit, which, &[0u64, before[1]]), Ok(0));
    assert_eq!(limit(which), [0, before[1]]);
    assert_eq!(sys!(setrlimit, which, &[0u64, 0]), Ok(0));
    assert_eq!(limit(which), [0, 0]);
}

fn rlimit_soft_above_hard_einval() {
    assert_eq!(sys!(setrlimit, libc::RLIMIT_NOFILE, &[100u64, 50]), Err(EINVAL));
}

fn rlimit_raise_hard_eperm() {
    as_user(1000, || {
        assert_eq!(sys!(setrlimit, libc::RLIMIT_NOFILE, &[10u64, 20]), Ok(0));
        assert_eq!(sys!(setrlimit, libc::RLIMIT_NOFILE, &[20u64, 20]), Ok(0), "soft up to hard");
        assert_eq!(sys!(setrlimit, libc::RLIMIT_NOFILE, &[20u64, 21]), Err(EPERM));
    })
    .passed();
}

fn prlimit_of_child() {
    let child = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    let mut old = [0u64; 2];
    assert_eq!(sys!(prlimit64, child.0, libc::RLIMIT_NOFILE, &[33u64, 44], &mut old), Ok(0));
    assert_eq!(old, limit(libc::RLIMIT_NOFILE.word()));
    assert_eq!(sys!(prlimit64, child.0, libc::RLIMIT_NOFILE, 0, &mut old), Ok(0));
    assert_eq!(old, [33, 44]);
    child.kill(libc::SIGKILL);
    child.wait();
}

fn rlimit_errors() {
    assert_eq!(sys!(getrlimit, 99, &mut [0u64; 2]), Err(EINVAL));
    assert_eq!(sys!(getrlimit, libc::RLIMIT_NOFILE, 8), Err(EFAULT));
    assert_eq!(sys!(setrlimit, libc::RLIMIT_NOFILE, 8), Err(EFAULT));
    assert_eq!(sys!(prlimit64, 4_000_000, libc::RLIMIT_NOFILE, 0, 0), Err(ESRCH));
}

fn uname_says_linux() {
    let mut name = [0u8; 390];
    assert_eq!(sys!(uname, &mut name), Ok(0));
    let field = |i: usize| String::from_utf8_lossy(&name[i * 65..(i + 1) * 65]).trim_end_matches('\0').to_owned();
    assert_eq!((field(0).as_str(), field(4).as_str()), ("Linux", "x86_64"));
    let major: u32 = field(2).split('.').next().unwrap().parse().unwrap();
    assert!(major >= 5, "programs look at the release: {}", field(2));
    assert_eq!(sys!(uname, 8), Err(EFAULT));
}

fn sysinfo_plausible() {
    let mut info = [0u64; 14];
    assert_eq!(sys!(sysinfo, &mut info), Ok(0));
    let (total, free, unit) = (info[4], info[5], info[13] & 0xffff_ffff);
    assert!(total > free && free > 0 && unit >= 1);
    assert!((info[10] & 0xffff) >= 1, "processes");
    assert_eq!(sys!(sysinfo, 8), Err(EFAULT));
}

fn getrandom_differs() {
    let (mut one, mut two) = ([0u8; 32], [0u8; 32]);
    assert_eq!(sys!(getrandom, &mut one, 32, 0), Ok(32));
    assert_eq!(sys!(getrandom, &mut two, 32, 0), Ok(32));
    assert!(one != two && one != [0; 32]);
}

fn getrandom_flags() {
    let mut bytes = [0u8; 8];
    assert_eq!(sys!(getrandom, &mut bytes, 8, libc::GRND_NONBLOCK), Ok(8));
    assert_eq!(sys!(getrandom, &mut bytes, 8, 0x100), Err(EINVAL));
    assert_eq!(sys!(getrandom, 8, 8, 0), Err(EFAULT));
    assert_eq!(sys!(getrandom, 0, 0, 0), Ok(0));
}

fn getrandom_big() {
    let start = pages(64);
    assert_eq!(sys!(getrandom, start, 64 * PAGE, 0), Ok(64 * PAGE));
    let mut counts = [0u32; 256];
    bytes(start, 64 * PAGE).iter().for_each(|&byte| counts[byte as usize] += 1);
    assert!(counts.iter().all(|&count| (700..1400).contains(&count)), "each byte value about 1024 times");
}

fn sched_yield_and_getcpu() {
    assert_eq!(sys!(sched_yield), Ok(0));
    let (mut cpu, mut node) = (u32::MAX, u32::MAX);
    assert_eq!(sys!(getcpu, &mut cpu, &mut node, 0), Ok(0));
    assert!(cpu < 1024 && node < 1024);
    assert_eq!(sys!(getcpu, 0, 0, 0), Ok(0));
}

fn affinity_mask() {
    let mut mask = [0u64; 128];
    let size = sys!(sched_getaffinity, 0, 1024, &mut mask).unwrap();
    assert!(size >= 8 && size % 8 == 0);
    assert!(mask.iter().any(|&word| word != 0));
    assert_eq!(sys!(sched_setaffinity, 0, size, &mask), Ok(0));
}

fn affinity_errors() {
    let mut mask = [0u64; 128];
    assert_eq!(sys!(sched_getaffinity, 0, 1, &mut mask), Err(EINVAL));
    assert_eq!(sys!(sched_getaffinity, 4_000_000, 1024, &mut mask), Err(ESRCH));
    assert_eq!(sys!(sched_setaffinity, 0, 1024, &[0u64; 128]), Err(EINVAL), "no processor at all");
    assert_eq!(sys!(sched_getaffinity, 0, 1024, 8), Err(EFAULT));
}

fn process_name() {
    let mut name = [0u8; 16];
    assert_eq!(sys!(prctl, libc::PR_SET_NAME, c"a-rather-long-name-of-a-process", 0, 0, 0), Ok(0));
    assert_eq!(sys!(prctl, libc::PR_GET_NAME, &mut name, 0, 0, 0), Ok(0));
    assert_eq!(&name, b"a-rather-long-n\0");
    assert_eq!(std::fs::read_to_string("/proc/self/comm").unwrap(), "a-rather-long-n\n");
}

fn prctl_errors() {
    assert_eq!(sys!(prctl, 999_999, 0, 0, 0, 0), Err(EINVAL));
    assert_eq!(sys!(prctl, libc::PR_GET_NAME, 8, 0, 0, 0), Err(EFAULT));
    assert_eq!(sys!(prctl, libc::PR_SET_PDEATHSIG, 65, 0, 0, 0), Err(EINVAL));
    assert_eq!(sys!(prctl, libc::PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0), Err(EINVAL));
    let mut signal = 9i32;
    assert_eq!(sys!(prctl, libc::PR_GET_PDEATHSIG, &mut signal, 0, 0, 0), Ok(0));
    assert_eq!(signal, 0);
}

fn personality_query() {
    assert_eq!(sys!(personality, u32::MAX), Ok(0));
}

fn null_device() {
    let fd = open("/dev/null", libc::O_RDWR).unwrap();
    assert_eq!(write(fd, &[1; 100_000]), Ok(100_000));
    assert_eq!(read_some(fd, 10).unwrap(), b"");
    assert_eq!(sys!(ftruncate, fd, 0), Err(EINVAL));
    assert!(open("/dev/null", libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC).is_ok());
}

fn zero_device() {
    let fd = open("/dev/zero", libc::O_RDWR).unwrap();
    let mut buffer = [9u8; 10_000];
    assert_eq!(read(fd, &mut buffer), Ok(10_000));
    assert!(buffer.iter().all(|&byte| byte == 0));
    assert_eq!(write(fd, b"gone"), Ok(4));
}

fn full_device() {
    let fd = open("/dev/full", libc::O_RDWR).unwrap();
    assert_eq!(write(fd, b"x"), Err(ENOSPC));
    assert_eq!(read_some(fd, 3).unwrap(), [0; 3]);
}

fn random_devices() {
    for path in ["/dev/urandom", "/dev/random"] {
        let fd = open(path, libc::O_RDONLY).unwrap();
        let (one, two) = (read_some(fd, 32).unwrap(), read_some(fd, 32).unwrap());
        assert!(one.len() == 32 && two.len() == 32 && one != two);
    }
    let fd = open("/dev/urandom", libc::O_WRONLY).unwrap();
    assert_eq!(write(fd, b"some entropy"), Ok(12));
}

fn device_numbers() {
    for (path, number) in [("null", 0x103), ("zero", 0x105), ("full", 0x107), ("random", 0x108), ("urandom", 0x109), ("tty", 0x500), ("ptmx", 0x502)] {
        let s = stat(&format!("/dev/{path}")).unwrap();
        assert_eq!((s.st_mode & libc::S_IFMT, s.st_rdev), (libc::S_IFCHR, number), "{path}");
    }
}

fn devices_cannot_seek_wrong() {
    let fd = open("/dev/zero", libc::O_RDONLY).unwrap();
    assert!(seek(fd, 100, libc::SEEK_SET).is_ok());
    assert_eq!(sys!(ioctl, fd, libc::TCGETS, pages(1)), Err(ENOTTY));
    assert_eq!(sys!(ioctl, create("f"), libc::TCGETS, pages(1)), Err(ENOTTY));
    assert_eq!(sys!(ioctl, 77, libc::TCGETS, 0), Err(EBADF));
}

fn null_and_zero_map() {
    let zero = open("/dev/zero", libc::O_RDWR).unwrap();
    let start = sys!(mmap, 0, 2 * PAGE, RW, libc::MAP_PRIVATE, zero, 0).unwrap();
    assert_eq!(peek(start), 0);
    poke(start, 1);
    assert_eq!(peek(start), 1);
    let null = open("/dev/null", libc::O_RDWR).unwrap();
    assert_eq!(sys!(mmap, 0, PAGE, RW, libc::MAP_PRIVATE, null, 0), Err(ENODEV));
}

fn tty_without_terminal_enxio() {
    fork(|| {
        sys!(setsid).unwrap();
        assert_eq!(open("/dev/tty", libc::O_RDWR), Err(ENXIO));
    })
    .passed();
}

fn umask_of_devices() {
    as_user(1000, || {
        for path in ["/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/ptmx"] {
            assert!(open(path, libc::O_RDWR).is_ok(), "{path} is everybody's");
        }
    })
    .passed();
}

fn fork_shares_random_state_not() {
    let shared = shared_pages(1);
    fork(|| assert_eq!(sys!(getrandom, shared, 16, 0), Ok(16))).passed();
    let mut own = [0u8; 16];
    sys!(getrandom, &mut own, 16, 0).unwrap();
    assert_ne!(bytes(shared, 16), own);
}

fn scheduler_queries() {
    assert_eq!(sys!(sched_getscheduler, 0), Ok(0), "SCHED_OTHER");
    assert_eq!(sys!(sched_getscheduler, 4_000_000), Err(ESRCH));
}

fn membarrier_or_enosys() {
    // MEMBARRIER_CMD_QUERY: programs look before they use it.
    let answer = call(324, [0; 6]);
    assert!(answer.is_ok() || answer == Err(ENOSYS), "{answer:?}");
}

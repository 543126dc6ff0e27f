//! /proc, as ps, top, free and lsof read it.

use user::child::{self, fork};
use user::exec::{SELF, execve};
use user::files::*;
use user::memory::*;
use user::sys;
use user::sys::*;

table!("procfs":
    stat_fields, stat_name_with_brackets, status_fields, cmdline_is_argv, maps_show_areas, maps_name_heap_and_stack, descriptor_links, descriptor_folder_lists,
    descriptor_link_opens_again, exe_link, cwd_link, root_link, self_is_a_link, other_process, gone_process, processes_are_listed, meminfo_numbers,
    uptime_and_loadavg, version_and_cpuinfo, mounts_and_filesystems, system_stat, statm_numbers, environ_of_process, task_folder, files_refuse_writing,
    limits_of_other_user, reading_in_pieces, comm_can_be_written, thread_self,
);

fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn me() -> i32 {
    std::process::id() as i32
}

/// The fields of a stat line behind the name, so that the state is at 0 (field 3 of the manual).
fn stat_of(pid: i32) -> Vec<String> {
    let line = text(&format!("/proc/{pid}/stat"));
    line.rsplit_once(") ").unwrap().1.split_whitespace().map(str::to_owned).collect()
}

fn stat_fields() {
    let fields = stat_of(me());
    assert!(fields.len() >= 42, "{}", fields.len());
    let number = |i: usize| fields[i].parse::<i64>().unwrap();
    assert_eq!(fields[0], "R");
    assert_eq!(number(1) as usize, sys!(getppid).unwrap());
    assert_eq!(number(2) as usize, sys!(getpgrp).unwrap());
    assert_eq!(number(3) as usize, sys!(getsid, 0).unwrap());
    assert_eq!(number(17), 1, "threads");
    assert!(number(20) > 100_000 && number(21) > 0, "virtual bytes, resident pages");
}

fn stat_name_with_brackets() {
    sys!(prctl, libc::PR_SET_NAME, c"a) (b", 0, 0, 0).unwrap();
    assert!(text("/proc/self/stat").starts_with(&format!("{} (a) (b) R ", me())));
}

fn status_fields() {
    let status = text("/proc/self/status");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("no {name}"));
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(field("Pid"), me().to_string());
    assert_eq!(field("Tgid"), me().to_string());
    assert_eq!(field("PPid"), sys!(getppid).unwrap().to_string());
    assert_eq!(field("Uid").split_whitespace().collect::<Vec<_>>(), ["0"; 4]);
    assert_eq!(field("Gid").split_whitespace().collect::<Vec<_>>(), ["0"; 4]);
    assert_eq!(field("Threads"), "1");
    assert!(field("State").starts_with('R'));
    assert!(field("VmRSS").ends_with("kB") && field("VmSize").ends_with("kB"));
    // Signals that the C library keeps for itself can't be reset, and whoever started the tests may ignore them.
    let ignored = || {
        let status = text("/proc/self/status");
        let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap().to_owned();
        u64::from_str_radix(&set, 16).unwrap()
    };
    let before = ignored();
    user::signals::ignore(libc::SIGUSR1);
    assert_eq!(ignored(), before | 0x200);
}

fn cmdline_is_argv() {
    let child = fork(|| panic!("{:?}", execve(SELF, &["shown name", "--child", "sleep", "", "last"], &[])));
    let wanted = "shown name\0--child\0sleep\0\0last\0";
    child::eventually("the command line", || text(&format!("/proc/{}/cmdline", child.0)) == wanted);
    child.kill(libc::SIGKILL);
    child.wait();
}

fn maps_show_areas() {
    let start = pages(3);
    protect(start + PAGE, PAGE, libc::PROT_READ).unwrap();
    let maps = text("/proc/self/maps");
    let (from, to) = (start + PAGE, start + 2 * PAGE);
    assert!(maps.contains(&format!("{from:x}-{to:x} r--p 00000000 00:00 0")), "{maps}");
    let ranges: Vec<(usize, usize)> = maps
        .lines()
        .map(|line| {
            let (from, to) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
            (usize::from_str_radix(from, 16).unwrap(), usize::from_str_radix(to, 16).unwrap())
        })
        .collect();
    assert!(ranges.iter().all(|(from, to)| from < to) && ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "sorted, apart");
}

fn maps_name_heap_and_stack() {
    let end = sys!(brk, 0).unwrap();
    sys!(brk, end + PAGE).unwrap();
    let maps = text("/proc/self/maps");
    assert!(maps.contains("[heap]") && maps.contains("[stack]"), "{maps}");
    assert!(maps.lines().any(|line| line.contains("r-xp") && line.contains('/')), "the program's own text");
}

fn link(path: &str) -> String {
    std::fs::read_link(path).unwrap_or_else(|error| panic!("{path}: {error}")).to_string_lossy().into_owned()
}

fn descriptor_links() {
    let fd = create("f");
    assert!(link(&format!("/proc/self/fd/{fd}")).ends_with("/f"));
    let (reader, _) = pipe(0);
    let inode = fstat(reader).unwrap().st_ino;
    assert_eq!(link(&format!("/proc/self/fd/{reader}")), format!("pipe:[{inode}]"));
    unlink("f").unwrap();
    assert!(link(&format!("/proc/self/fd/{fd}")).ends_with("/f (deleted)"));
}

fn descriptor_folder_lists() {
    let fd = create("f");
    let folder = open("/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY).unwrap();
    let listed = names(folder);
    for wanted in [fd, folder] {
        assert!(listed.iter().any(|(name, _)| *name == wanted.to_string()), "{listed:?}");
    }
    assert!(!listed.iter().any(|(name, _)| name == "77"));
}

fn descriptor_link_opens_again() {
    let fd = create("f");
    write(fd, b"content").unwrap();
    unlink("f").unwrap();
    assert_eq!(get(&format!("/proc/self/fd/{fd}")), b"content", "a fresh opening at offset 0, even of an unlinked file");
    let (reader, writer) = pipe(0);
    write(writer, b"by link").unwrap();
    let again = open(&format!("/proc/self/fd/{reader}"), libc::O_RDONLY).unwrap();
    assert_eq!(read_some(again, 100).unwrap(), b"by link");
}

fn exe_link() {
    std::fs::copy(SELF, "program").unwrap();
    chmod("program", 0o755).unwrap();
    let path = std::env::current_dir().unwrap().join("program");
    let child = fork(|| panic!("{:?}", execve("./program", &["x", "--child", "sleep"], &[])));
    child::eventually("the link", || link(&format!("/proc/{}/exe", child.0)) == path.to_string_lossy());
    child.kill(libc::SIGKILL);
    child.wait();
}

fn cwd_link() {
    mkdir("d");
    sys!(chdir, c"d").unwrap();
    assert_eq!(link("/proc/self/cwd"), std::env::current_dir().unwrap().to_string_lossy());
    put("/proc/self/cwd/f", b"by link");
    assert_eq!(get("f"), b"by link");
}

fn root_link() {
    assert_eq!(link("/proc/self/root"), "/");
}

fn self_is_a_link() {
    assert_eq!(link("/proc/self"), me().to_string());
    fork(|| assert_eq!(link("/proc/self"), me().to_string())).passed();
}

fn sleeper() -> child::Child {
    fork(|| {
        loop {
            let _ = sys!(pause);
        }
    })
}

fn other_process() {
    let child = sleeper();
    child::eventually("it sleeps", || stat_of(child.0)[0] == "S");
    assert_eq!(stat_of(child.0)[1], me().to_string());
    child.kill(libc::SIGSTOP);
    child::eventually("it is stopped", || stat_of(child.0)[0] == "T");
    child.kill(libc::SIGKILL);
    child::eventually("it is a zombie", || stat_of(child.0)[0] == "Z");
    assert_eq!(text(&format!("/proc/{}/cmdline", child.0)), "");
    child.wait();
}

fn gone_process() {
    let child = sleeper();
    let held = open(&format!("/proc/{}/stat", child.0), libc::O_RDONLY).unwrap();
    let path = format!("/proc/{}", child.0);
    child.kill(libc::SIGKILL);
    child.wait();
    assert_eq!(stat(&path).err(), Some(ENOENT));
    assert_eq!(read_some(held, 100), Err(ESRCH));
    assert_eq!(stat("/proc/4000000").err(), Some(ENOENT));
    assert_eq!(stat("/proc/0").err(), Some(ENOENT));
}

fn processes_are_listed() {
    let child = sleeper();
    let folder = open("/proc", libc::O_RDONLY).unwrap();
    let listed = names(folder);
    for wanted in [me().to_string(), child.0.to_string(), "self".into(), "meminfo".into(), "uptime".into()] {
        assert!(listed.iter().any(|(name, _)| *name == wanted), "{wanted}");
    }
    child.kill(libc::SIGKILL);
    child.wait();
}

fn meminfo_numbers() {
    let field = |name| user::proc::field("/proc/meminfo", name).unwrap_or_else(|| panic!("no {name}"));
    let (total, free, available) = (field("MemTotal"), field("MemFree"), field("MemAvailable"));
    assert!(total >= free && free > 0 && available > 0 && available <= total);
    field("Buffers");
    field("Cached");
    field("SwapTotal");
    let mut info = [0u64; 14];
    sys!(sysinfo, &mut info).unwrap();
    assert_eq!(info[4] * (info[13] & 0xffff_ffff) / 1024, total);
}

fn uptime_and_loadavg() {
    let uptime = || text("/proc/uptime").split_whitespace().next().unwrap().parse::<f64>().unwrap();
    let before = uptime();
    child::pause_ms(50);
    assert!(uptime() > before);
    let load = text("/proc/loadavg");
    let fields: Vec<&str> = load.split_whitespace().collect();
    assert_eq!(fields.len(), 5);
    assert!(fields[..3].iter().all(|field| field.parse::<f64>().is_ok()) && fields[3].contains('/'), "{load}");
}

fn version_and_cpuinfo() {
    assert!(text("/proc/version").starts_with("Linux version "));
    let cpu = text("/proc/cpuinfo");
    assert!(cpu.starts_with("processor\t: 0\n") && cpu.contains("vendor_id\t: ") && cpu.contains("flags\t\t: "), "{cpu}");
}

fn mounts_and_filesystems() {
    let mounts = text("/proc/mounts");
    assert!(mounts.lines().any(|line| line.split(' ').nth(1) == Some("/proc") && line.split(' ').nth(2) == Some("proc")), "{mounts}");
    assert!(mounts.lines().all(|line| line.split(' ').count() == 6));
    assert!(text("/proc/filesystems").lines().any(|line| line == "nodev\tproc"));
}

fn system_stat() {
    let stat = text("/proc/stat");
    let cpu: Vec<&str> = stat.lines().next().unwrap().split_whitespace().collect();
    assert!(cpu[0] == "cpu" && cpu.len() >= 8 && cpu[1..].iter().all(|field| field.parse::<u64>().is_ok()), "{stat}");
    assert!(["cpu0 ", "ctxt ", "btime ", "processes "].iter().all(|name| stat.lines().any(|line| line.starts_with(name))), "{stat}");
}

fn statm_numbers() {
    let read = || text("/proc/self/statm").split_whitespace().map(|word| word.parse::<u64>().unwrap()).collect::<Vec<_>>();
    let before = read();
    assert_eq!(before.len(), 7);
    let start = pages(1000);
    assert!(read()[0] >= before[0] + 1000);
    (0..1000).for_each(|page| poke(start + page * PAGE, 1));
    assert!(read()[1] >= before[1] + 900, "resident pages follow the touch");
}

fn environ_of_process() {
    let child = fork(|| panic!("{:?}", execve(SELF, &["x", "--child", "sleep"], &["A=1", "B=2"])));
    child::eventually("the environment", || text(&format!("/proc/{}/environ", child.0)) == "A=1\0B=2\0");
    child.kill(libc::SIGKILL);
    child.wait();
}

fn task_folder() {
    let count = || std::fs::read_dir("/proc/self/task").unwrap().count();
    assert_eq!(count(), 1);
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || receiver.recv());
    assert_eq!(count(), 2);
    assert_eq!(user::proc::field("/proc/self/status", "Threads"), Some(2));
    drop(sender);
    let _ = thread.join();
}

fn files_refuse_writing() {
    assert_eq!(sys!(mkdir, c"/proc/folder", 0o755), Err(ENOENT));
    assert_eq!(unlink("/proc/meminfo"), Err(EPERM));
    let fd = open("/proc/uptime", libc::O_RDONLY).unwrap();
    assert_eq!(write(fd, b"x"), Err(EBADF));
}

fn limits_of_other_user() {
    let path = format!("/proc/{}", me());
    child::as_user(1000, || {
        assert!(open(&format!("{path}/stat"), libc::O_RDONLY).is_ok(), "everybody sees who runs");
        assert_eq!(open(&format!("{path}/environ"), libc::O_RDONLY), Err(EACCES));
        assert_eq!(open(&format!("{path}/fd"), libc::O_RDONLY), Err(EACCES));
        assert_eq!(std::fs::read_link(format!("{path}/exe")).unwrap_err().raw_os_error(), Some(libc::EACCES));
    })
    .passed();
}

fn reading_in_pieces() {
    let whole = text("/proc/self/maps");
    let fd = open("/proc/self/maps", libc::O_RDONLY).unwrap();
    let mut pieces = Vec::new();
    loop {
        let piece = read_some(fd, 7).unwrap();
        if piece.is_empty() {
            break;
        }
        pieces.extend(piece);
    }
    // Areas may have changed meanwhile (the buffer above grew): the beginning agrees.
    assert_eq!(String::from_utf8_lossy(&pieces)[..50], whole[..50]);
    assert_eq!(fstat(fd).unwrap().st_size, 0, "files of /proc have no size");
}

fn comm_can_be_written() {
    let fd = open("/proc/self/comm", libc::O_WRONLY).unwrap();
    assert_eq!(write(fd, b"renamed"), Ok(7));
    assert_eq!(text("/proc/self/comm"), "renamed\n");
}

fn thread_self() {
    let tid = sys!(gettid).unwrap();
    assert_eq!(link("/proc/thread-self"), format!("{}/task/{tid}", me()));
}

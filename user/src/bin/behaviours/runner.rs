//! Runs behaviours, each in a child that starts from a known state.

use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use user::child::{self, Child, Status};
use user::sys::EINTR;
use user::{files, signals, sys};

pub struct Behaviour {
    pub name: &'static str,
    pub run: fn(),
}

/// Seconds that one behaviour may take; generous, for emulated and loaded machines.
const LIMIT: u32 = 120;

/// The process group of the running behaviour, for the alarm handler; 0 while none runs.
static RUNNING: AtomicI32 = AtomicI32::new(0);
static TIMED_OUT: AtomicI32 = AtomicI32::new(0);

extern "C" fn time_is_over(_: i32, _: *mut libc::siginfo_t, _: *mut core::ffi::c_void) {
    let group = RUNNING.load(SeqCst);
    if group > 0 {
        TIMED_OUT.store(group, SeqCst);
        let _ = sys!(kill, -group, libc::SIGKILL);
        let _ = sys!(kill, group, libc::SIGKILL);
    }
}

pub fn main(families: &[&[Behaviour]], words: &[String]) -> i32 {
    let all = || families.iter().flat_map(|family| family.iter());
    let chosen: Vec<&Behaviour> = match words {
        [word] if word == "--list" => {
            all().for_each(|behaviour| println!("{}", behaviour.name));
            return 0;
        }
        [word] if word == "--all" => all().collect(),
        [] => {
            eprintln!("usage: behaviours --list | --all | NAME…");
            return 2;
        }
        words => all().filter(|behaviour| words.iter().any(|word| matches(behaviour.name, word))).collect(),
    };
    if chosen.is_empty() {
        eprintln!("behaviours: no behaviour of that name");
        return 2;
    }
    child::fail_by_status();
    // A descendant that outlives its behaviour becomes this process's child, and is reaped below.
    let _ = sys!(prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    signals::handle(libc::SIGALRM, time_is_over, 0);
    let _ = sys!(mkdir, c"/tmp", 0o1777);
    let quiet = chosen.len() == 1 && words[0] != "--all";
    let mut failed = Vec::new();
    for behaviour in &chosen {
        let verdict = run(behaviour);
        let passed = verdict.is_ok();
        match verdict {
            Ok(()) if quiet => {}
            Ok(()) => println!("{} ok", behaviour.name),
            Err(why) => {
                println!("{} FAILED", behaviour.name);
                eprintln!("{}: {why}", behaviour.name);
            }
        }
        if !passed {
            failed.push(behaviour.name);
        }
    }
    if !quiet {
        println!("behaviours: {} ok, {} failed{}", chosen.len() - failed.len(), failed.len(), if failed.is_empty() { "" } else { ":" });
        failed.iter().for_each(|name| println!("    {name}"));
    }
    if failed.is_empty() { 0 } else { 101 }
}

/// A word chooses the behaviour of that name, or a whole family by `family::`.
fn matches(name: &str, word: &str) -> bool {
    name == word || (word.ends_with("::") && name.starts_with(word))
}

fn run(behaviour: &Behaviour) -> Result<(), String> {
    let folder = format!("/tmp/behaviours-{}", std::process::id());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
    let pid = child::raw_fork().map_err(|error| format!("fork: {error:?}"))?;
    if pid == 0 {
        prepare(&folder);
        (behaviour.run)();
        child::exit(0);
    }
    let _ = sys!(setpgid, pid, pid);
    RUNNING.store(pid, SeqCst);
    sys!(alarm, LIMIT).map_err(|error| format!("alarm: {error:?}"))?;
    let status = Child(pid).wait();
    RUNNING.store(0, SeqCst);
    let _ = sys!(alarm, 0);
    clear_up(pid);
    let _ = std::fs::remove_dir_all(&folder);
    if TIMED_OUT.swap(0, SeqCst) == pid {
        return Err(format!("not done after {LIMIT} seconds"));
    }
    if status == Status(0) { Ok(()) } else { Err(format!("{status:?}")) }
}

/// The known state that every behaviour starts from.
fn prepare(folder: &str) {
    let _ = sys!(setpgid, 0, 0);
    signals::reset();
    for fd in 3..256 {
        let _ = sys!(close, fd);
    }
    let _ = sys!(umask, 0o022);
    assert_eq!(sys!(chdir, files::c(folder).as_c_str()), Ok(0), "chdir to the scratch folder");
}

/// Ends and reaps what the behaviour left behind: its group, and orphans in other groups that came to this process.
fn clear_up(group: i32) {
    let _ = sys!(kill, -group, libc::SIGKILL);
    for round in 0..400 {
        match sys!(wait4, -1, 0, libc::WNOHANG, 0) {
            Ok(0) => {
                if round >= 10 {
                    children().into_iter().for_each(|pid| {
                        let _ = sys!(kill, pid, libc::SIGKILL);
                    });
                }
                child::pause_ms(5);
            }
            Ok(_) | Err(EINTR) => {}
            Err(_) => return,
        }
    }
}

/// The processes whose parent this one is.
fn children() -> Vec<i32> {
    let me = std::process::id().to_string();
    let listed = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(&me)
        })
        .collect()
}

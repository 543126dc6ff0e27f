//! User and group ids: who may become whom.

use user::child::{as_user, fork};
use user::sys;
use user::sys::*;

table!("credentials":
    root_is_all_zero, setuid_by_root_changes_all, setuid_by_user_only_back, setuid_user_to_other_eperm, setresuid_rules, setreuid_rules, setresgid_rules,
    setgid_by_user, setgroups_and_getgroups, setgroups_by_user_eperm, seteuid_round_trip, group_list_errors, getresuid_bad_pointer, setfsuid_answers_old,
    credentials_inherited_by_fork, credentials_per_thread_in_kernel, dumpable_and_keepcaps, nice_values,
);

/// Real, effective and saved user id.
fn uids() -> [u32; 3] {
    let (mut real, mut effective, mut saved) = (9u32, 9u32, 9u32);
    assert_eq!(sys!(getresuid, &mut real, &mut effective, &mut saved), Ok(0));
    [real, effective, saved]
}

fn gids() -> [u32; 3] {
    let (mut real, mut effective, mut saved) = (9u32, 9u32, 9u32);
    assert_eq!(sys!(getresgid, &mut real, &mut effective, &mut saved), Ok(0));
    [real, effective, saved]
}

fn root_is_all_zero() {
    assert_eq!((uids(), gids()), ([0; 3], [0; 3]));
    assert_eq!([sys!(getuid), sys!(geteuid), sys!(getgid), sys!(getegid)], [Ok(0); 4]);
}

fn setuid_by_root_changes_all() {
    fork(|| {
        assert_eq!(sys!(setuid, 1000), Ok(0));
        assert_eq!(uids(), [1000; 3]);
        assert_eq!(sys!(setuid, 0), Err(EPERM));
    })
    .passed();
}

fn setuid_by_user_only_back() {
    fork(|| {
        assert_eq!(sys!(setresuid, 1000, 1001, 1002), Ok(0));
        assert_eq!(sys!(setuid, 1002), Ok(0));
        assert_eq!(uids(), [1000, 1002, 1002]);
        assert_eq!(sys!(setuid, 1000), Ok(0));
        assert_eq!(uids(), [1000, 1000, 1002]);
        assert_eq!(sys!(setuid, 1001), Err(EPERM));
    })
    .passed();
}

fn setuid_user_to_other_eperm() {
    as_user(1000, || {
        assert_eq!(sys!(setuid, 1001), Err(EPERM));
        assert_eq!(sys!(setuid, 1000), Ok(0));
        assert_eq!(sys!(setuid, u32::MAX), Err(EINVAL));
    })
    .passed();
}

fn setresuid_rules() {
    fork(|| {
        assert_eq!(sys!(setresuid, 1, 2, 3), Ok(0));
        assert_eq!(uids(), [1, 2, 3]);
        assert_eq!(sys!(setresuid, -1, -1, -1), Ok(0));
        assert_eq!(sys!(setresuid, 3, 1, 2), Ok(0), "any of the three, in any order");
        assert_eq!(sys!(setresuid, 4, -1, -1), Err(EPERM));
        assert_eq!(uids(), [3, 1, 2]);
    })
    .passed();
}

fn setreuid_rules() {
    fork(|| {
        assert_eq!(sys!(setreuid, 1000, -1), Ok(0));
        assert_eq!(uids(), [1000, 0, 0]);
        assert_eq!(sys!(setreuid, -1, 1000), Ok(0));
        assert_eq!(uids(), [1000, 1000, 0], "the saved id follows only when the real one is set, or the effective leaves the real");
    })
    .passed();
    fork(|| {
        assert_eq!(sys!(setreuid, 1000, 2000), Ok(0));
        assert_eq!(uids(), [1000, 2000, 2000]);
        assert_eq!(sys!(setreuid, 2000, 1000), Ok(0));
        assert_eq!(uids(), [2000, 1000, 1000]);
        assert_eq!(sys!(setreuid, 3000, -1), Err(EPERM));
    })
    .passed();
}

fn setresgid_rules() {
    fork(|| {
        assert_eq!(sys!(setresgid, 10, 20, 30), Ok(0));
        assert_eq!(gids(), [10, 20, 30]);
        assert_eq!(sys!(setresuid, 1000, 1000, 1000), Ok(0));
        assert_eq!(sys!(setresgid, 30, 10, 20), Ok(0));
        assert_eq!(sys!(setresgid, 40, -1, -1), Err(EPERM));
        assert_eq!(sys!(setregid, -1, 30), Ok(0));
        assert_eq!(gids()[1], 30);
    })
    .passed();
}

fn setgid_by_user() {
    fork(|| {
        assert_eq!(sys!(setgid, 50), Ok(0));
        assert_eq!(gids(), [50; 3]);
        sys!(setresuid, 1000, 1000, 1000).unwrap();
        assert_eq!(sys!(setgid, 51), Err(EPERM));
        assert_eq!(sys!(setgid, 50), Ok(0));
    })
    .passed();
}

fn setgroups_and_getgroups() {
    fork(|| {
        assert_eq!(sys!(setgroups, 3, &[30u32, 10, 20]), Ok(0));
        let mut list = [0u32; 5];
        assert_eq!(sys!(getgroups, 0, 0), Ok(3));
        assert_eq!(sys!(getgroups, 5, &mut list), Ok(3));
        assert_eq!(list[..3], [10, 20, 30], "kept in order");
        assert_eq!(sys!(getgroups, 2, &mut list), Err(EINVAL));
        assert_eq!(sys!(setgroups, 0, 0), Ok(0));
        assert_eq!(sys!(getgroups, 0, 0), Ok(0));
    })
    .passed();
}

fn setgroups_by_user_eperm() {
    as_user(1000, || assert_eq!(sys!(setgroups, 0, 0), Err(EPERM))).passed();
}

fn seteuid_round_trip() {
    fork(|| {
        assert_eq!(sys!(setresuid, -1, 1000, -1), Ok(0));
        assert_eq!(uids(), [0, 1000, 0]);
        assert_eq!(sys!(setgroups, 0, 0), Err(EPERM), "the effective id rules");
        assert_eq!(sys!(setresuid, -1, 0, -1), Ok(0));
        assert_eq!(sys!(setgroups, 0, 0), Ok(0));
    })
    .passed();
}

fn group_list_errors() {
    assert_eq!(sys!(setgroups, 70_000, 0), Err(EINVAL));
    assert_eq!(sys!(setgroups, 2, 8), Err(EFAULT));
    assert_eq!(sys!(getgroups, -1, 0), Err(EINVAL));
    fork(|| {
        sys!(setgroups, 1, &[5u32]).unwrap();
        assert_eq!(sys!(getgroups, 1, 8), Err(EFAULT));
    })
    .passed();
}

fn getresuid_bad_pointer() {
    assert_eq!(sys!(getresuid, 8, 8, 8), Err(EFAULT));
}

fn setfsuid_answers_old() {
    fork(|| {
        assert_eq!(sys!(setfsuid, 1000), Ok(0));
        assert_eq!(sys!(setfsuid, -1), Ok(1000), "no error is ever told: asking is the way to see");
    })
    .passed();
    fork(|| {
        user::files::chmod(".", 0o777).unwrap();
        assert_eq!(sys!(setfsgid, 77), Ok(0));
        assert_eq!(sys!(setfsuid, 1000), Ok(0));
        user::files::put("mine", b"");
        let s = user::files::stat("mine").unwrap();
        assert_eq!((s.st_uid, s.st_gid), (1000, 77), "files are made with the file system ids");
    })
    .passed();
}

fn credentials_inherited_by_fork() {
    fork(|| {
        sys!(setresuid, 1, 2, 3).unwrap();
        fork(|| assert_eq!(uids(), [1, 2, 3])).passed();
    })
    .passed();
}

/// The C library makes them one for the process; for the kernel each thread has its own.
fn credentials_per_thread_in_kernel() {
    std::thread::spawn(|| {
        assert_eq!(sys!(setresuid, 1000, 1000, 1000), Ok(0));
        assert_eq!(uids(), [1000; 3]);
    })
    .join()
    .unwrap();
    assert_eq!(uids(), [0; 3]);
}

fn dumpable_and_keepcaps() {
    assert_eq!(sys!(prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0), Ok(1));
    assert_eq!(sys!(prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0), Ok(0));
    assert_eq!(sys!(prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0), Ok(0));
    assert_eq!(sys!(prctl, libc::PR_SET_DUMPABLE, 7, 0, 0, 0), Err(EINVAL));
}

fn nice_values() {
    fork(|| {
        assert_eq!(sys!(getpriority, libc::PRIO_PROCESS, 0), Ok(20), "20 minus the nice value");
        assert_eq!(sys!(setpriority, libc::PRIO_PROCESS, 0, 5), Ok(0));
        assert_eq!(sys!(getpriority, libc::PRIO_PROCESS, 0), Ok(15));
        assert_eq!(sys!(setpriority, libc::PRIO_PROCESS, 0, 100), Ok(0));
        assert_eq!(sys!(getpriority, libc::PRIO_PROCESS, 0), Ok(1), "capped at 19");
        assert_eq!(sys!(setpriority, 77, 0, 0), Err(EINVAL));
        assert_eq!(sys!(setpriority, libc::PRIO_PROCESS, 4_000_000, 0), Err(ESRCH));
    })
    .passed();
}

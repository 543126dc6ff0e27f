//! Beginning and end: fork, exit, wait, threads, orphans; and that nothing is left behind.

use abi::Signal;
use abi::process::WaitStatus;
use abi::siginfo::SigAction;

use super::machine::{Program, World, take_log};
use crate::{accounts, futex, tree};

const CLONE_THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000;

#[test]
fn a_program_ends_with_its_status() {
    let world = World::new();
    let mut program = Program::new(1);
    program.call(39, [0; 3]).show("pid").call(231, [7, 0, 0]);
    world.install(program);
    let process = world.start(1);
    let pid = process.pid();
    assert_eq!(process.parent_pid(), 1);
    assert_eq!(process.main_thread().unwrap().name(), b"p1");
    assert_eq!(world.finish(&process), WaitStatus::exited(7));
    assert_eq!(take_log(), [format!("pid {pid}")]);
    assert!(tree::find_process(pid).is_none());
}

#[test]
fn a_child_is_waited_for() {
    let world = World::new();
    let mut program = Program::new(1);
    let (status, child) = (program.data(0), program.here() + 20 * 2);
    program.call(57, [0; 3]).child_to(child);
    program.call(61, [u64::MAX, status, 0]).show("waited");
    program.act(move |_| super::machine::log(format!("status {}", memory::user::load_u32(status as usize).unwrap())));
    program.call(61, [u64::MAX, 0, 0]).show("none left");
    program.call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    program.call(231, [3, 0, 0]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(0));
    let log = take_log();
    assert!(log[0].starts_with("waited ") && log[0] != "waited 0", "{log:?}");
    assert_eq!(log[1..], ["status 768", "none left -10"]);
}

#[test]
fn thousands_of_rounds_leave_nothing() {
    let world = World::new();
    let mut program = Program::new(1);
    let child = program.here() + 16 * 2;
    let again = program.here();
    program.call(57, [0; 3]).child_to(child);
    program.call(61, [u64::MAX, 0, 0]);
    program.act(|context| context.registers_mut().r12 += 1);
    program.jump(move |context| (context.registers().r12 < 300).then_some(again));
    program.call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    // The child touches its memory, so that there is something to give back.
    program.act(|context| {
        let _ = memory::UserPtr::<u64>::new(context.registers().rsp as usize).write(&1);
    });
    program.call(231, [0; 3]);
    world.install(program);
    world.run(1);
    let before = (memory::frames::stats().free, tree::counts());
    for _ in 0..3 {
        assert_eq!(world.run(1), WaitStatus::exited(0));
    }
    world.settle();
    assert_eq!((memory::frames::stats().free, tree::counts()), before);
    assert_eq!(accounts::threads_of(0), 0);
}

/// A program whose main thread starts `count` threads that all wait for a futex, and then does what comes next.
fn with_sleepers(program: &mut Program, count: u64) {
    let word = program.data(64);
    let sleeper = program.here() + 10 * 2;
    let again = program.here();
    program.call_with(56, |context| [CLONE_THREAD, context.registers().rsp - 4096, 0]).child_to(sleeper);
    program.act(|context| context.registers_mut().r12 += 1);
    program.jump(move |context| (context.registers().r12 < count).then_some(again));
    let behind = sleeper + 6 * 2;
    program.jump(move |_| Some(behind));
    while program.here() < sleeper {
        program.act(|_| {});
    }
    program.call(1000, [word, 0, 0]).say("woken").call(60, [0; 3]);
    while program.here() < behind {
        program.act(|_| {});
    }
}

#[test]
fn exit_group_wakes_every_sleeper() {
    let world = World::new();
    let mut program = Program::new(1);
    with_sleepers(&mut program, 500);
    program.call(24, [0; 3]).call(24, [0; 3]);
    program.act(|_| super::machine::log(format!("{} waiting", futex::waiting())));
    program.call(231, [9, 0, 0]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(9));
    assert_eq!(take_log(), ["500 waiting"]);
    assert_eq!(futex::waiting(), 0);
    assert_eq!(accounts::threads_of(0), 0);
}

#[test]
fn a_kill_from_outside_ends_all_threads() {
    let world = World::new();
    let mut program = Program::new(1);
    with_sleepers(&mut program, 20);
    program.call(34, [0; 3]).say("never").call(231, [0; 3]);
    world.install(program);
    let process = world.start(1);
    world.settle();
    assert_eq!(process.thread_count(), 21);
    crate::signal::signal_process(process.pid(), Signal::SIGKILL).unwrap();
    assert_eq!(world.finish(&process), WaitStatus::killed(Signal::SIGKILL, false));
    assert_eq!(process.thread_count(), 0);
    assert!(take_log().is_empty());
}

#[test]
fn the_main_thread_may_end_first() {
    let world = World::new();
    let mut program = Program::new(1);
    let other = program.here() + 12 * 2;
    program.call_with(56, |context| [CLONE_THREAD, context.registers().rsp - 4096, 0]).child_to(other);
    program.call(60, [5, 0, 0]);
    while program.here() < other {
        program.act(|_| {});
    }
    program.call(24, [0; 3]).call(24, [0; 3]).say("still here").call(60, [6, 0, 0]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(5));
    assert_eq!(take_log(), ["still here"]);
}

/// Main process: forks a child, which forks a grandchild and ends. The grandchild shows its parent.
fn orphan(subreaper: bool) -> Program {
    let mut program = Program::new(1);
    let start = program.here();
    let (child, grandchild) = (start + 40, start + 80);
    program.call(157, [subreaper.into(), 0, 0]);
    program.call(57, [0; 3]).child_to(child);
    program.call(61, [u64::MAX, 0, 0]);
    program.call(24, [0; 3]).call(61, [u64::MAX, 0, 0]).show("second").call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    program.call(57, [0; 3]).child_to(grandchild).call(231, [0; 3]);
    while program.here() < grandchild {
        program.act(|_| {});
    }
    program.call(24, [0; 3]).call(24, [0; 3]).call(24, [0; 3]).call(110, [0; 3]).show("parent").call(231, [0; 3]);
    program
}

#[test]
fn orphans_go_to_init() {
    let world = World::new();
    world.install(orphan(false));
    world.run(1);
    world.settle();
    let mut log = take_log();
    log.sort();
    assert_eq!(log, ["parent 1", "second -10"]);
    assert_eq!(tree::counts(), (1, 0));
}

#[test]
fn a_subreaper_collects_orphans() {
    let world = World::new();
    world.install(orphan(true));
    let process = world.start(1);
    let pid = process.pid();
    world.finish(&process);
    let log = take_log();
    assert_eq!(log[0], format!("parent {pid}"));
    assert!(log[1].starts_with("second ") && log[1] != "second -10", "{log:?}");
}

#[test]
fn who_ignores_sigchld_has_no_zombies() {
    let world = World::new();
    let mut program = Program::new(1);
    let child = program.here() + 20 * 2;
    program.call(13, [Signal::SIGCHLD.number().into(), SigAction::IGNORE, 0]);
    program.call(57, [0; 3]).child_to(child);
    program.call(61, [u64::MAX, 0, 0]).show("wait").call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    program.call(24, [0; 3]).call(231, [1, 0, 0]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["wait -10"]);
}

#[test]
fn vfork_waits_for_exit_and_shares_memory() {
    let world = World::new();
    let mut program = Program::new(1);
    let word = program.data(128) as usize;
    let child = program.here() + 16 * 2;
    program.call(58, [0; 3]).child_to(child);
    program.act(move |_| super::machine::log(format!("parent sees {}", memory::user::load_u32(word).unwrap())));
    program.call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    program.call(24, [0; 3]).act(move |_| memory::user::store_u32(word, 42).unwrap());
    program.say("child").call(231, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["child", "parent sees 42"]);
}

#[test]
fn numbers_are_used_again() {
    let _world = World::new();
    let mut tree = tree::lock();
    let first = tree.allocate().unwrap();
    let mut highest = first;
    let mut wrapped = false;
    for _ in 0..tree::PID_MAX {
        let number = tree.allocate().unwrap();
        wrapped |= number < highest;
        highest = highest.max(number);
        assert_ne!(number, first);
        tree.cancel(number);
    }
    assert!(wrapped && highest == tree::PID_MAX - 1);
    tree.cancel(first);
}

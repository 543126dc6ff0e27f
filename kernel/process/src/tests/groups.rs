//! Process groups and sessions.

use abi::Signal;
use abi::process::WaitStatus;

use super::machine::{Program, World, take_log};
use crate::{identity, tree};

#[test]
fn setpgid_and_setsid() {
    let world = World::new();
    let mut program = Program::new(1);
    let child = program.here() + 80;
    // A session leader may do neither.
    program.call(112, [0; 3]).show("setsid").call(109, [0; 3]).show("setpgid");
    program.call(57, [0; 3]).child_to(child);
    program.act(|context| context.registers_mut().r13 = context.registers().rax);
    program.call_with(109, |context| [context.registers().r13, context.registers().r13, 0]).show("child's");
    program.call_with(109, |context| [context.registers().r13, 1, 0]).show("other session");
    program.call(109, [1, 0, 0]).show("stranger").call(109, [0, u64::MAX, 0]).show("negative");
    program.call_with(62, |context| [0u64.wrapping_sub(context.registers().r13), 15, 0]).show("kill group");
    program.call(61, [u64::MAX, 0, 0]).call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    program.call(34, [0; 3]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(0));
    assert_eq!(take_log(), ["setsid -1", "setpgid -1", "child's 0", "other session -1", "stranger -3", "negative -22", "kill group 0"]);
}

#[test]
fn an_orphaned_stopped_group_is_hung_up() {
    let world = World::new();
    let mut program = Program::new(1);
    let (child, grandchild) = (program.here() + 40, program.here() + 80);
    program.call(57, [0; 3]).child_to(child);
    program.call(61, [u64::MAX, 0, 0]);
    for _ in 0..5 {
        program.call(24, [0; 3]);
    }
    program.call(231, [0; 3]);
    while program.here() < child {
        program.act(|_| {});
    }
    // The grandchild gets a group of its own and stops; then its parent, the only tie to the session, ends.
    program.call(57, [0; 3]).child_to(grandchild);
    program.call(24, [0; 3]).call(24, [0; 3]).call(231, [0; 3]);
    while program.here() < grandchild {
        program.act(|_| {});
    }
    program.call(109, [0; 3]).call(39, [0; 3]).call_with(62, |context| [context.registers().rax, 19, 0]).say("went on").call(231, [0; 3]);
    world.install(program);
    world.run(1);
    world.settle();
    assert!(take_log().is_empty());
    assert_eq!(tree::counts(), (1, 0));
}

#[test]
fn signals_reach_a_group_and_sessions_are_known() {
    let world = World::new();
    let mut program = Program::new(1);
    program.call(34, [0; 3]);
    world.install(program);
    let process = world.start(1);
    world.settle();
    let pid = process.pid();
    assert_eq!(identity::session_of_group(pid), Some(pid));
    assert!(process.leads_session() && identity::is_orphaned(pid));
    assert!(crate::signal::signal_group(pid + 1000, Signal::SIGHUP).is_err());
    crate::signal::signal_group(pid, Signal::SIGHUP).unwrap();
    assert_eq!(world.finish(&process), WaitStatus::killed(Signal::SIGHUP, false));
    assert_eq!(identity::session_of_group(pid), None);
}

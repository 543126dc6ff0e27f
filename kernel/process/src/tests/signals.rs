//! Signals: handlers, masks, restarts, stops, faults.

use abi::process::WaitStatus;
use abi::siginfo::{RtSigFrame, SigAction};
use abi::{Signal, SignalSet};
use arch::user::{Access, Trap};
use memory::UserPtr;

use super::machine::{Program, World, log, take_log};

const USR1: u64 = 10;
const MILLISECOND: u64 = 1_000_000;

/// Pads to an address.
fn until(program: &mut Program, address: u64) {
    while program.here() < address {
        program.act(|_| {});
    }
    assert_eq!(program.here(), address);
}

/// A handler at `address` that logs "handler N".
fn handler(program: &mut Program, address: u64) {
    until(program, address);
    program.act(|context| log(format!("handler {}", context.registers().rdi)));
    program.handler_end();
}

fn signal(process: &crate::Process, signal: Signal) {
    crate::signal::signal_process(process.pid(), signal).unwrap();
}

#[test]
fn a_handler_runs_and_everything_is_restored() {
    let world = World::new();
    let mut program = Program::new(1);
    let at = program.here() + 60;
    program.call(13, [USR1, at, 0]);
    program.act(|context| {
        let r = context.registers_mut();
        (r.rbx, r.r12, r.rbp) = (11, 12, 13);
    });
    program.call_with(62, |_| [super::super::current().unwrap().process().pid().into(), USR1, 0]).show("kill");
    program.act(|context| {
        let r = context.registers();
        log(format!("{} {} {}", r.rbx, r.r12, r.rbp));
    });
    program.call(231, [0; 3]);
    until(&mut program, at);
    program.act(|context| {
        let r = context.registers_mut();
        let frame = UserPtr::<RtSigFrame>::new(r.rsp as usize).read().unwrap();
        assert_eq!(r.rsp % 16, 8);
        assert_eq!(r.rsi, r.rsp + 8 + 304);
        assert_eq!((frame.info.info.signal, frame.info.info.code), (10, 0));
        assert_eq!((frame.context.registers.rbx, frame.context.registers.rax), (11, 0));
        assert_eq!(super::super::current().unwrap().mask(), SignalSet::of(Signal::SIGUSR1));
        log(format!("handler {}", r.rdi));
        (r.rbx, r.r12, r.rbp) = (0, 0, 0);
    });
    program.handler_end();
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(0));
    assert_eq!(take_log(), ["handler 10", "kill 0", "11 12 13"]);
}

/// A program that waits in a call, with a handler for SIGUSR1 that has these flags; the signal comes while it waits.
fn interrupted(number: u64, arguments: [u64; 3], flags: u64) -> Vec<String> {
    let world = World::new();
    let mut program = Program::new(1);
    let at = program.here() + 60;
    program.call(13, [USR1, at, flags]);
    program.call(number, arguments).show("result").call(231, [0; 3]);
    handler(&mut program, at);
    world.install(program);
    let process = world.start(1);
    world.settle();
    assert!(take_log().is_empty());
    signal(&process, Signal::SIGUSR1);
    world.settle();
    let mut log = take_log();
    if !process.has_ended() {
        log.push("waits again".into());
        crate::exit::end_process(&process, WaitStatus::exited(0));
    }
    world.finish(&process);
    log
}

#[test]
fn restart_rules() {
    let word = 0x10_0000 + super::machine::DATA + 64;
    assert_eq!(interrupted(1000, [word, 0, 0], SigAction::RESTART), ["handler 10", "waits again"]);
    assert_eq!(interrupted(1000, [word, 0, 0], 0), ["handler 10", "result -4"]);
    // pause: never restarted after a handler.
    assert_eq!(interrupted(34, [0; 3], SigAction::RESTART), ["handler 10", "result -4"]);
    // nanosleep: neither.
    assert_eq!(interrupted(35, [1000 * MILLISECOND, 0, 0], SigAction::RESTART), ["handler 10", "result -4"]);
    // sigsuspend shows the signal that its mask lets through.
    assert_eq!(interrupted(130, [0; 3], 0), ["handler 10", "result -4"]);
}

#[test]
fn a_stop_lets_a_sleep_go_on_with_the_rest() {
    let world = World::new();
    let mut program = Program::new(1);
    program.call(35, [1000 * MILLISECOND, 0, 0]).show("slept").call(231, [0; 3]);
    world.install(program);
    let process = world.start(1);
    world.settle();
    signal(&process, Signal::SIGSTOP);
    world.settle();
    assert!(process.is_stopped());
    arch::hosted::advance_clock(600 * MILLISECOND);
    signal(&process, Signal::SIGCONT);
    world.settle();
    assert!(!process.is_stopped() && take_log().is_empty());
    arch::hosted::advance_clock(500 * MILLISECOND);
    world.settle();
    assert_eq!(take_log(), ["slept 0"]);
    assert!(process.has_ended());
}

#[test]
fn a_stopped_process_dies_of_sigkill() {
    let world = World::new();
    let mut program = Program::new(1);
    program.call(34, [0; 3]);
    world.install(program);
    let process = world.start(1);
    world.settle();
    signal(&process, Signal::SIGSTOP);
    world.settle();
    signal(&process, Signal::SIGTERM);
    world.settle();
    assert!(!process.has_ended());
    signal(&process, Signal::SIGKILL);
    assert_eq!(world.finish(&process), WaitStatus::killed(Signal::SIGKILL, false));
}

#[test]
fn the_parent_hears_of_stop_and_continue() {
    let world = World::new();
    let mut program = Program::new(1);
    let status = program.data(0);
    let child = program.here() + 100;
    let show = move |program: &mut Program| {
        program.act(move |_| log(format!("{:#x}", memory::user::load_u32(status as usize).unwrap())));
    };
    program.call(57, [0; 3]).child_to(child);
    program.act(|context| context.registers_mut().r13 = context.registers().rax);
    // WUNTRACED | WCONTINUED
    program.call(61, [u64::MAX, status, 10]);
    show(&mut program);
    program.call_with(62, |context| [context.registers().r13, 18, 0]);
    program.call(61, [u64::MAX, status, 10]);
    show(&mut program);
    program.call_with(62, |context| [context.registers().r13, 15, 0]);
    program.call(61, [u64::MAX, status, 10]);
    show(&mut program);
    program.call(231, [0; 3]);
    until(&mut program, child);
    program.call(39, [0; 3]).call_with(62, |context| [context.registers().rax, 19, 0]);
    program.call(34, [0; 3]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(0));
    assert_eq!(take_log(), ["0x137f", "0xffff", "0xf"]);
}

#[test]
fn blocked_signals_wait() {
    let world = World::new();
    let mut program = Program::new(1);
    let at = program.here() + 80;
    let set = SignalSet::of(Signal::SIGUSR1).0;
    program.call(13, [USR1, at, 0]).call(14, [0, set, 0]);
    program.call(39, [0; 3]).call_with(62, |context| [context.registers().rax, USR1, 0]);
    program.call(127, [0; 3]).show("pending");
    program.call(14, [1, set, 0]).show("unblocked");
    program.call(231, [0; 3]);
    handler(&mut program, at);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["pending 512", "handler 10", "unblocked 512"]);
}

#[test]
fn timed_wait_takes_signals() {
    let world = World::new();
    let mut program = Program::new(1);
    let set = SignalSet::of(Signal::SIGUSR1).0;
    program.call(14, [0, set, 0]).call(128, [set, 5 * MILLISECOND, 0]).show("timeout");
    program.call(128, [set, 0, 0]).show("signal").call(231, [0; 3]);
    world.install(program);
    let process = world.start(1);
    world.settle();
    arch::hosted::advance_clock(6 * MILLISECOND);
    world.settle();
    signal(&process, Signal::SIGUSR1);
    world.finish(&process);
    assert_eq!(take_log(), ["timeout -11", "signal 10"]);
}

#[test]
fn faults_end_in_their_signals() {
    let cases = [
        (Trap::PageFault { address: 0x10, access: Access::Read }, Signal::SIGSEGV),
        (Trap::PageFault { address: 0x10_0000, access: Access::Write }, Signal::SIGSEGV),
        (Trap::PageFault { address: 0xffff_8000_0000_0000, access: Access::Read }, Signal::SIGSEGV),
        (Trap::Exception { vector: 0, error: 0 }, Signal::SIGFPE),
        (Trap::Exception { vector: 6, error: 0 }, Signal::SIGILL),
        (Trap::Exception { vector: 13, error: 0 }, Signal::SIGSEGV),
        (Trap::Exception { vector: 3, error: 0 }, Signal::SIGTRAP),
        (Trap::Exception { vector: 17, error: 0 }, Signal::SIGBUS),
    ];
    let world = World::new();
    for (trap, signal) in cases {
        let mut program = Program::new(1);
        // Neither blocking nor ignoring helps against one's own faults.
        program.call(13, [signal.number().into(), SigAction::IGNORE, 0]).call(14, [0, SignalSet::of(signal).0, 0]);
        program.trap(trap).say("went on").call(231, [0; 3]);
        world.install(program);
        assert_eq!(world.run(1), WaitStatus::killed(signal, false), "{trap:?}");
        assert!(take_log().is_empty());
    }
}

#[test]
fn a_fault_handler_sees_the_address() {
    let world = World::new();
    let mut program = Program::new(1);
    let at = program.here() + 40;
    program.call(13, [11, at, SigAction::SIGINFO]).trap(Trap::PageFault { address: 0x1234, access: Access::Write });
    until(&mut program, at);
    program.act(|context| {
        let frame = UserPtr::<RtSigFrame>::new(context.registers().rsp as usize).read().unwrap();
        let saved = frame.context.registers;
        log(format!("{} {:#x} {:#x} {} {}", frame.info.info.code, frame.info.info.address(), saved.cr2, saved.trap, saved.error));
    });
    program.call(231, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["1 0x1234 0x1234 14 6"]);
}

#[test]
fn a_bad_stack_ends_in_sigsegv() {
    let world = World::new();
    let mut program = Program::new(1);
    let at = program.here() + 40;
    program.call(13, [USR1, at, 0]).act(|context| context.registers_mut().rsp = 0x1000);
    program.call(39, [0; 3]).call_with(62, |context| [context.registers().rax, USR1, 0]);
    handler(&mut program, at);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::killed(Signal::SIGSEGV, false));
    // And a frame that isn't one.
    let mut program = Program::new(1);
    program.act(|context| context.registers_mut().rsp = 0x1000).call(15, [0; 3]).say("went on");
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::killed(Signal::SIGSEGV, false));
    assert!(take_log().is_empty());
}

#[test]
fn the_alternate_stack_is_used() {
    let world = World::new();
    let mut program = Program::new(1);
    let (at, stack) = (program.here() + 60, program.data(0x1800));
    // The second page of data has 2 KiB: too small for Linux's minimum by nothing.
    let base = program.data(0);
    program.call(131, [base, 0x1000, 0]).show("set").call(131, [base, 100, 0]).show("small");
    program.call(13, [USR1, at, SigAction::ONSTACK]);
    program.call(39, [0; 3]).call_with(62, |context| [context.registers().rax, USR1, 0]).call(231, [0; 3]);
    until(&mut program, at);
    program.act(move |context| log(format!("on it {}", (base..stack).contains(&context.registers().rsp))));
    program.call(131, [base, 0x1000, 0]).show("busy").handler_end();
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["set 2", "small -12", "on it true", "busy -1"]);
}

#[test]
fn alarm_and_real_time_queueing() {
    let world = World::new();
    let mut program = Program::new(1);
    let at = program.here() + 80;
    program.call(13, [14, at, 0]).call(13, [34, at, 0]);
    program.call(37, [2, 0, 0]).show("alarm").call(37, [1, 0, 0]).show("again").call(34, [0; 3]);
    let set = SignalSet::of(Signal::new(34).unwrap()).0;
    program.call(14, [0, set, 0]);
    for _ in 0..3 {
        program.call(39, [0; 3]).call_with(62, |context| [context.registers().rax, 34, 0]);
    }
    program.jump(move |_| Some(at + 20));
    handler(&mut program, at);
    until(&mut program, at + 20);
    program.call(14, [1, set, 0]).call(231, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["alarm 0", "again 2", "handler 14", "handler 34", "handler 34", "handler 34"]);
}

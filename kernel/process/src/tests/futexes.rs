//! Futexes, robust lists and the tid word.

use abi::process::WaitStatus;

use super::machine::{Program, World, log, take_log};
use crate::futex;

const CLONE_THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000;
const MILLISECOND: u64 = 1_000_000;

fn until(program: &mut Program, address: u64) {
    while program.here() < address {
        program.act(|_| {});
    }
    assert_eq!(program.here(), address);
}

/// `count` threads wait for `word`; then the main thread goes on at what is added next.
fn waiters(program: &mut Program, word: u64, count: u64) {
    let again = program.here();
    let waiter = again + 20;
    program.call_with(56, |context| [CLONE_THREAD, context.registers().rsp - 4096, 0]).child_to(waiter);
    program.act(|context| context.registers_mut().r12 += 1);
    program.jump(move |context| (context.registers().r12 < count).then_some(again));
    program.jump(move |_| Some(waiter + 12));
    until(program, waiter);
    program.call(1000, [word, 0, 0]).show("woken").call(60, [0; 3]);
    until(program, waiter + 12);
    program.call(24, [0; 3]).call(24, [0; 3]);
}

#[test]
fn wait_compares_and_times_out() {
    let world = World::new();
    let mut program = Program::new(1);
    let word = program.data(64);
    program.call(1000, [word, 5, 0]).show("other value");
    program.call(1000, [word + 1, 0, 0]).show("unaligned");
    program.call(1000, [0x10, 0, 0]).show("unmapped");
    program.call(1000, [word, 0, 5 * MILLISECOND]).show("timeout");
    program.call(231, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["other value -11", "unaligned -22", "unmapped -14", "timeout -110"]);
}

#[test]
fn wake_and_requeue() {
    let world = World::new();
    let mut program = Program::new(1);
    let (first, second) = (program.data(64), program.data(128));
    waiters(&mut program, first, 5);
    program.call(1001, [first, 2, 0]).show("wake").call(24, [0; 3]).call(24, [0; 3]);
    program.call(1002, [first, second, 10]).show("requeue").call(24, [0; 3]).call(24, [0; 3]);
    program.call(1001, [first, 10, 0]).show("first").call(1001, [second, 10, 0]).show("second");
    program.call(24, [0; 3]).call(24, [0; 3]).call(231, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["wake 2", "woken 0", "woken 0", "requeue 3", "woken 0", "first 0", "second 2", "woken 0", "woken 0"]);
    assert_eq!(futex::waiting(), 0);
}

#[test]
fn wake_operation() {
    let world = World::new();
    let mut program = Program::new(1);
    let (first, second) = (program.data(64), program.data(128));
    waiters(&mut program, first, 1);
    // *second += 3; wake the second too if it was 0.
    program.call(1003, [first, second, (1 << 28) | (3 << 12)]).show("wake");
    program.act(move |_| log(format!("word {}", memory::user::load_u32(second as usize).unwrap())));
    program.call(1003, [first, second, 7 << 28]).show("unknown");
    program.call(24, [0; 3]).call(24, [0; 3]).call(231, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["wake 1", "word 3", "unknown -38", "woken 0"]);
}

#[test]
fn ten_thousand_wait_and_go() {
    let world = World::new();
    let mut program = Program::new(1);
    let word = program.data(64);
    waiters(&mut program, word, 2000);
    program.act(|_| log(format!("{} waiting", futex::waiting())));
    program.call(231, [0; 3]);
    world.install(program);
    assert_eq!(world.run(1), WaitStatus::exited(0));
    assert_eq!(take_log(), ["2000 waiting"]);
    assert_eq!(futex::waiting(), 0);
}

#[test]
fn a_robust_mutex_outlives_its_owner() {
    let world = World::new();
    let mut program = Program::new(1);
    let (head, entry) = (program.data(0x100) as usize, program.data(0x200) as usize);
    let other = program.here() + 40;
    program.call_with(56, |context| [CLONE_THREAD, context.registers().rsp - 4096, 0]).child_to(other);
    program.call(24, [0; 3]).call(24, [0; 3]).call(24, [0; 3]);
    program.act(move |_| log(format!("{:#x}", memory::user::load_u32(entry + 16).unwrap())));
    program.call(231, [0; 3]);
    until(&mut program, other);
    program.act(move |_| {
        let tid = crate::current().unwrap().tid();
        let write = |address: usize, value: u64| memory::UserPtr::new(address).write(&value).unwrap();
        write(head, entry as u64);
        write(head + 8, 16);
        write(head + 16, 0);
        write(entry, head as u64);
        memory::user::store_u32(entry + 16, tid | 0x8000_0000).unwrap();
    });
    program.call(273, [head as u64, 0, 0]).call(60, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["0xc0000000"]);
}

#[test]
fn the_tid_word_is_cleared() {
    let world = World::new();
    let mut program = Program::new(1);
    let word = program.data(64);
    let other = program.here() + 40;
    // CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
    program.call_with(56, move |context| [CLONE_THREAD | 0x120_0000, context.registers().rsp - 4096, word]).child_to(other);
    program.act(move |context| {
        assert_eq!(u64::from(memory::user::load_u32(word as usize).unwrap()), context.registers().rax);
    });
    program.call_with(1000, move |context| [word, context.registers().rax, 0]).show("joined");
    program.act(move |_| assert_eq!(memory::user::load_u32(word as usize).unwrap(), 0));
    program.call(231, [0; 3]);
    until(&mut program, other);
    program.call(24, [0; 3]).say("ends").call(60, [0; 3]);
    world.install(program);
    world.run(1);
    assert_eq!(take_log(), ["ends", "joined 0"]);
}

//! What a blocked thread costs.

use super::machine::{Program, World};
use super::table::Table;
use crate::{Thread, thread_loop};

/// Bytes for a thread, its future without the system calls' own, and their headers; the FPU area comes on top of it.
const BUDGET: usize = 1536;

#[test]
fn a_thread_is_small() {
    let world = World::new();
    let mut program = Program::new(1);
    program.call(34, [0; 3]);
    world.install(program);
    let process = world.start(1);
    let thread = process.main_thread().unwrap();
    let context = arch::user::UserContext::new(0, 0);
    let future = size_of_val(&thread_loop::<Table>(thread.clone(), context));
    let thread_size = size_of::<Thread>();
    println!("thread {thread_size} B, future {future} B (of which registers {} B)", size_of::<arch::user::UserContext>());
    assert!(thread_size + future <= BUDGET, "{thread_size} + {future} B");
    crate::exit::end_process(&process, abi::process::WaitStatus::exited(0));
    world.finish(&process);
}

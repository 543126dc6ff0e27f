//! User mode of the host: a script in Rust stands for the program.

use std::cell::RefCell;

use crate::context::UserContext;
use crate::types::Trap;

type Script = Box<dyn FnMut(&mut UserContext) -> Trap>;

thread_local! {
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}

/// Sets what this thread's `run` does: the script changes the registers as the program would and says by which trap it
/// left. Fields that the machine would set at a system call (`orig_rax`) are the script's to set.
pub fn script(script: impl FnMut(&mut UserContext) -> Trap + 'static) {
    SCRIPT.set(Some(Box::new(script)));
}

/// Runs the program until its next trap, unless `busy` says that something else is to be done first. Without a script the trap is an
/// invalid instruction.
pub fn run(context: &mut UserContext, busy: impl Fn() -> bool) -> Option<Trap> {
    if busy() {
        return None;
    }
    let Some(mut script) = SCRIPT.take() else { return Some(Trap::Exception { vector: 6, error: 0 }) };
    let trap = script(context);
    SCRIPT.with_borrow_mut(|slot| {
        slot.get_or_insert(script);
    });
    Some(trap)
}

//! Keeping interrupts off for a stretch of code.

use core::marker::PhantomData;

use crate::machine::interrupts;

/// Interrupts are off on this CPU while this lives; dropping it restores what was before. It can't be sent to another
/// CPU, so a future that holds one across an await isn't `Send` and the compiler refuses to spawn it.
#[must_use = "interrupts are on again as soon as this is dropped"]
#[derive(Debug)]
pub struct Hold {
    were_enabled: bool,
    not_send: PhantomData<*mut ()>,
}

/// Switches interrupts off on this CPU until the guard is dropped. May be nested.
#[inline]
pub fn hold() -> Hold {
    let were_enabled = interrupts::enabled();
    if were_enabled {
        interrupts::disable();
    }
    Hold { were_enabled, not_send: PhantomData }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        if self.were_enabled {
            interrupts::enable();
        }
    }
}

//! FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_WAKE_OP and their relatives.

use abi::{Errno, Result};

use super::{Key, table};
use crate::Thread;

/// FUTEX_WAKE and FUTEX_WAKE_BITSET: wakes up to `count` waiters; answers how many. EINVAL, EFAULT.
pub fn wake(thread: &Thread, address: usize, private: bool, count: usize, bitset: u32) -> Result<usize> {
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(thread, address, private)?;
    Ok(table::lock(table::index(&key)).wake(&key, count, bitset))
}

/// FUTEX_REQUEUE, and with `expected` FUTEX_CMP_REQUEUE: wakes `wake` waiters of the first word and has `move_` others wait for the
/// second. Answers how many were woken or moved: Linux counts both
/// for both operations, whatever the manual says. EAGAIN when the first word isn't `expected`.
pub fn requeue(thread: &Thread, from: usize, to: usize, private: bool, wake: usize, move_: usize, expected: Option<u32>) -> Result<usize> {
    let (source, target) = (Key::of(thread, from, private)?, Key::of(thread, to, private)?);
    let (first, second) = (table::index(&source), table::index(&target));
    loop {
        let (mut bucket, other) = table::lock_both(first, second);
        if let Some(expected) = expected {
            match arch::user::load_u32(from) {
                Ok(value) if value == expected => {}
                Ok(_) => return Err(Errno::EAGAIN),
                Err(_) => {
                    drop((bucket, other));
                    memory::user::load_u32(from)?;
                    continue;
                }
            }
        }
        let woken = bucket.wake(&source, wake, u32::MAX);
        let moved = match other {
            None => bucket.rename(&source, target, move_),
            Some(mut other) => {
                let mut moved = 0;
                while moved < move_ && bucket.move_first(&source, &mut other, second, target) {
                    moved += 1;
                }
                moved
            }
        };
        return Ok(woken + moved);
    }
}

/// FUTEX_WAKE_OP: changes the second word as `operation` says, wakes `count` waiters of the first word, and if the old second word compares as
/// `operation` says, `second_count` waiters of the second. Answers how many. ENOSYS for an unknown operation.
pub fn wake_operation(
    thread: &Thread,
    first: usize,
    second: usize,
    private: bool,
    count: usize,
    second_count: usize,
    operation: u32,
) -> Result<usize> {
    let (one, two) = (Key::of(thread, first, private)?, Key::of(thread, second, private)?);
    let operation = Operation::decode(operation)?;
    let (first_index, second_index) = (table::index(&one), table::index(&two));
    loop {
        let (mut bucket, mut other) = table::lock_both(first_index, second_index);
        match operation.apply(second) {
            Ok(old) => {
                let mut woken = bucket.wake(&one, count, u32::MAX);
                if operation.compares(old) {
                    woken += other.as_mut().unwrap_or(&mut bucket).wake(&two, second_count, u32::MAX);
                }
                return Ok(woken);
            }
            Err(_) => {
                drop((bucket, other));
                // Changes nothing, but makes the page writable.
                let value = memory::user::load_u32(second)?;
                let _written = memory::user::compare_exchange_u32(second, value, value)?;
            }
        }
    }
}

/// The fourth argument of FUTEX_WAKE_OP, taken apart.
struct Operation {
    kind: u32,
    comparison: u32,
    argument: u32,
    against: i32,
}

/// In `kind`: the argument is the number of a bit.
const SHIFT: u32 = 8;

impl Operation {
    fn decode(word: u32) -> Result<Operation> {
        let signed = |field: u32| ((field << 20) as i32) >> 20;
        let (kind, comparison) = (word >> 28 & 7, word >> 24 & 15);
        let raw = signed(word >> 12 & 0xfff) as u32;
        // Linux takes bit numbers modulo 32 since it once warned about others.
        let argument = if word >> 28 & SHIFT != 0 { 1u32.wrapping_shl(raw) } else { raw };
        if kind > 4 || comparison > 5 {
            return Err(Errno::ENOSYS);
        }
        Ok(Operation { kind, comparison, argument, against: signed(word & 0xfff) })
    }

    /// Changes the word in one step; answers the old value. Fails when the page isn't there or not writable.
    fn apply(&self, address: usize) -> Result<u32, arch::user::CopyFault> {
        let mut old = arch::user::load_u32(address)?;
        loop {
            let new = match self.kind {
                0 => self.argument,
                1 => old.wrapping_add(self.argument),
                2 => old | self.argument,
                3 => old & !self.argument,
                _ => old ^ self.argument,
            };
            match arch::user::compare_exchange_u32(address, old, new)? {
                Ok(_) => return Ok(old),
                Err(found) => old = found,
            }
        }
    }

    fn compares(&self, old: u32) -> bool {
        let old = old as i32;
        match self.comparison {
            0 => old == self.against,
            1 => old != self.against,
            2 => old < self.against,
            3 => old <= self.against,
            4 => old > self.against,
            _ => old >= self.against,
        }
    }
}

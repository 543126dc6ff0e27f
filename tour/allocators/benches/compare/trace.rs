//! A recorded sequence of requests to a heap, as a compact file.
//!
//! Blocks are numbered in the order in which they were allocated. The file is a sequence of numbers, each written in groups of seven bits from the
//! lowest on, with the top bit of a byte saying that another follows. The lowest two bits of an entry's first number tell what it is:
//!
//! * 0: an allocation of `number >> 2` bytes, aligned to 8;
//! * 1: the same, aligned to two to the power of the next byte;
//! * 2: a release of the block that was allocated `number >> 2` blocks before the last one;
//! * 3: a change of size of such a block, to what the next number says.

/// One request. A block is named by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Allocate { size: usize, align: usize },
    Release { block: usize },
    Resize { block: usize, size: usize },
}

fn get(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The events of a file; `None` if it is damaged.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<Event>> {
    let (mut events, mut blocks) = (Vec::new(), 0_usize);
    while !bytes.is_empty() {
        let number = get(&mut bytes)?;
        let value = number >> 2;
        let block = || blocks.checked_sub(1)?.checked_sub(value);
        events.push(match number & 3 {
            2 => Event::Release { block: block()? },
            3 => Event::Resize { block: block()?, size: get(&mut bytes)? },
            aligned => {
                let align = if aligned == 0 { 8 } else { 1_usize.checked_shl(get(&mut bytes)? as u32)? };
                blocks += 1;
                Event::Allocate { size: value, align }
            }
        });
    }
    Some(events)
}

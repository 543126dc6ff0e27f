//! Makes the file of a recorded trace: reads what `heap.trace` makes the kernel report on standard input and writes to standard output. From the
//! top of the sources:
//!
//! ```sh
//! cargo run -q -- run --log --append heap.trace -- sh -c "$(cat tour/allocators/traces/workload.sh)" 2>&1 >/dev/null |
//!     cargo run -q -p tour-allocators --example pack-trace > tour/allocators/traces/kernel.trace
//! ```

#[path = "../benches/compare/trace.rs"]
mod trace;

use std::collections::HashMap;
use std::io::{Write, stdin, stdout};
use trace::Event;

fn put(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The file for a sequence of events.
fn encode(events: &[Event]) -> Vec<u8> {
    let (mut bytes, mut blocks) = (Vec::new(), 0);
    for event in events {
        match *event {
            Event::Allocate { size, align } => {
                put(&mut bytes, size << 2 | usize::from(align != 8));
                if align != 8 {
                    bytes.push(align.trailing_zeros() as u8);
                }
                blocks += 1;
            }
            Event::Release { block } => put(&mut bytes, (blocks - 1 - block) << 2 | 2),
            Event::Resize { block, size } => {
                put(&mut bytes, (blocks - 1 - block) << 2 | 3);
                put(&mut bytes, size);
            }
        }
    }
    bytes
}

/// What a line of the report says; `None` for any other line.
fn event(line: &str, live: &mut HashMap<u64, usize>, blocks: &mut usize) -> Option<Event> {
    let words: Vec<&str> = line.strip_prefix("heap ")?.split_whitespace().collect();
    let address = |text: &str| u64::from_str_radix(text, 16).ok();
    match words[..] {
        ["a", size, align, block] => {
            live.insert(address(block)?, *blocks);
            *blocks += 1;
            Some(Event::Allocate { size: size.parse().ok()?, align: align.parse().ok()? })
        }
        ["f", block] => Some(Event::Release { block: live.remove(&address(block)?)? }),
        ["r", old, size, new] => {
            let block = live.remove(&address(old)?)?;
            live.insert(address(new)?, block);
            Some(Event::Resize { block, size: size.parse().ok()? })
        }
        _ => None,
    }
}

fn main() -> std::io::Result<()> {
    let (mut live, mut blocks) = (HashMap::new(), 0);
    let mut events = Vec::new();
    let mut line = String::new();
    while stdin().read_line(&mut line)? > 0 {
        match event(line.trim_end(), &mut live, &mut blocks) {
            Some(event) => events.push(event),
            None if line.starts_with("heap ") => eprintln!("not understood: {}", line.trim_end()),
            None => {}
        }
        line.clear();
    }
    let bytes = encode(&events);
    assert_eq!(trace::decode(&bytes).as_ref(), Some(&events), "the file reads back");
    eprintln!("{} events, {blocks} blocks, {} of them live at the end, {} bytes", events.len(), live.len(), bytes.len());
    stdout().write_all(&bytes)
}

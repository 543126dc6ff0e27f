//! The sequences that are replayed: one that was recorded, and three that are made.

use crate::trace::{self, Event};

/// The kernel's requests while it booted and a shell worked; see examples/pack-trace.rs.
const RECORDED: &[u8] = include_bytes!("../../traces/kernel.trace");

/// A named sequence.
pub struct Trace {
    pub name: &'static str,
    pub events: Vec<Event>,
    /// The largest number of bytes that were asked for and live at once.
    pub peak: usize,
    pub blocks: usize,
}

impl Trace {
    fn new(name: &'static str, events: Vec<Event>) -> Trace {
        let (mut sizes, mut live, mut peak) = (Vec::new(), 0, 0);
        for event in &events {
            match *event {
                Event::Allocate { size, .. } => {
                    sizes.push(size);
                    live += size;
                }
                Event::Release { block } => live -= sizes[block],
                Event::Resize { block, size } => {
                    live = live + size - sizes[block];
                    sizes[block] = size;
                }
            }
            peak = peak.max(live);
        }
        Trace { name, events, peak, blocks: sizes.len() }
    }
}

/// All of them.
pub fn all() -> Vec<Trace> {
    let recorded = trace::decode(RECORDED).expect("the recorded trace is whole");
    vec![
        Trace::new("recorded", recorded),
        Trace::new("random", made(|live, random| random.below(live))),
        Trace::new("LIFO", made(|live, _| live - 1)),
        Trace::new("FIFO", made(|_, _| 0)),
    ]
}

/// A sequence of 60,000 requests, with up to 2000 blocks live; `choose` picks the one to release by its age among them.
fn made(choose: impl Fn(usize, &mut Random) -> usize) -> Vec<Event> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut events, mut live, mut blocks) = (Vec::new(), std::collections::VecDeque::new(), 0);
    // Long stretches of growing and of shrinking, so that more than the edge of the heap is used.
    let mut growing = true;
    while events.len() < 60_000 {
        growing = if live.len() >= 2000 { false } else { live.is_empty() || growing ^ (random.below(500) == 0) };
        if live.is_empty() || random.below(10) < if growing { 7 } else { 3 } {
            // As many sizes between 8 and 16 as between 1024 and 2048, and now and then a large one.
            let large = random.below(50) == 0;
            let below = if large { 28 * 1024 } else { 8 << random.below(9) };
            let size = if large { 4096 } else { 8 } + random.below(below);
            events.push(Event::Allocate { size, align: 8 });
            live.push_back(blocks);
            blocks += 1;
        } else if let Some(block) = live.remove(choose(live.len(), &mut random)) {
            events.push(Event::Release { block });
        }
    }
    events
}

/// xorshift64*: the same numbers in every run.
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize) % bound
    }
}

//! Each processor's stock of single frames.
//!
//! Most allocations are single frames that come and go: a page fault here, an exit there. Through the buddy allocator each of them would split a
//! block in up to eleven steps and merge it again a moment later, under a lock that all processors share. The stock takes and gives back half
//! of its size at a time instead. Frames in stock count as free.

use super::{Buddy, Kind, info, with_buddy};
use arch::MAX_CPUS;
use arch::cpu::PerCpu;
use sync::SpinLock;

/// Frames that a stock holds at most.
const SIZE: usize = 64;
/// Frames that go in or out at a time.
const HALF: usize = SIZE / 2;

/// Numbers of free frames.
struct Stock {
    count: usize,
    numbers: [u32; SIZE],
}

/// The lock is taken by other processors only when memory runs out.
static STOCK: PerCpu<SpinLock<Stock>> = PerCpu::new([const { SpinLock::new(Stock { count: 0, numbers: [0; SIZE] }) }; MAX_CPUS]);

/// A frame from this processor's stock, which is filled up if it is empty.
pub(super) fn take() -> Option<u32> {
    let number = STOCK.get().lock().pop();
    number.or_else(|| {
        // Other processors may have the last frames in stock.
        give_back_all();
        STOCK.get().lock().pop()
    })
}

/// Puts a frame into this processor's stock. False if it is free already, or no frame.
pub(super) fn put(number: u32) -> bool {
    let Some(info) = info(u64::from(number)) else { return false };
    if matches!(info.kind(), Kind::Free | Kind::Stock | Kind::Reserved) {
        return false;
    }
    info.set_kind(Kind::Stock);
    let mut stock = STOCK.get().lock();
    if stock.count == SIZE {
        with_buddy(|buddy| stock.give_back(HALF, buddy));
    }
    let count = stock.count;
    stock.numbers[count % SIZE] = number;
    stock.count = count + 1;
    true
}

/// Empties the stock of all processors.
#[cold]
pub(super) fn give_back_all() {
    for stock in STOCK.iter() {
        let mut stock = stock.lock();
        let count = stock.count;
        with_buddy(|buddy| stock.give_back(count, buddy));
    }
}

impl Stock {
    #[inline]
    fn pop(&mut self) -> Option<u32> {
        if self.count == 0 {
            self.fill();
        }
        self.count = self.count.checked_sub(1)?;
        let number = self.numbers[self.count % SIZE];
        if let Some(info) = info(u64::from(number)) {
            info.set_kind(Kind::Used);
        }
        Some(number)
    }

    fn fill(&mut self) {
        with_buddy(|buddy| {
            while self.count < HALF {
                let Some(number) = buddy.allocate(0) else { break };
                if let Some(info) = info(u64::from(number)) {
                    info.set_kind(Kind::Stock);
                }
                self.numbers[self.count] = number;
                self.count += 1;
            }
        });
    }

    /// Gives the `count` frames that came first back; the later ones are still in the processor's cache.
    fn give_back(&mut self, count: usize, buddy: &mut Buddy) {
        let count = count.min(self.count);
        for number in &self.numbers[..count] {
            if !buddy.free(*number, 0) {
                log::error!("frame {number:#x} was in stock but free");
            }
        }
        self.numbers.copy_within(count..self.count, 0);
        self.count -= count;
    }
}

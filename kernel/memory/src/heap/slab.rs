//! One size class: its slabs and the objects in them.
//!
//! Everything about a slab is in the description of its first frame: objects in use, objects ever carved, the first free object, and links in the
//! list of slabs with room. A free object holds the place of the next free one in its first two bytes. A new slab has no list yet: objects are
//! carved off one after the other, so making a slab costs nothing for the objects that are never used.

use super::classes::{Shape, UNIT};
use crate::frames::{self, FrameInfo, Kind, NONE};
use arch::{Frame, phys_to_virt};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::Relaxed;

/// "No free object" in a slab's list.
const NO_OBJECT: u16 = u16::MAX;

/// The slabs of one size.
pub(super) struct Class {
    /// First slab that has room and is in use.
    partial: u32,
    /// One empty slab in stock.
    spare: u32,
    objects: usize,
    slabs: usize,
}

impl Class {
    pub const fn new() -> Class {
        Class { partial: NONE, spare: NONE, objects: 0, slabs: 0 }
    }

    /// Objects that are not in slabs: live ones, and those in magazines.
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// Slabs, the spare one included.
    pub fn slabs(&self) -> usize {
        self.slabs
    }

    /// Takes up to `wanted` free objects: a chain, in which each object holds the place of the next in its first word and the last one null,
    /// and its length. Slabs with room are used up before a new one is made, so the chain may be shorter, and empty when memory has run out.
    pub fn take(&mut self, class: usize, shape: &Shape, wanted: u32) -> (*mut u8, u32) {
        let mut chain = Chain::new();
        while chain.count < wanted {
            if self.partial == NONE {
                if chain.count > 0 {
                    break;
                }
                self.add_slab(class, shape);
            }
            let Some(info) = info(self.partial) else { break };
            self.take_from(self.partial, info, shape, wanted, &mut chain);
        }
        self.objects += chain.count as usize;
        chain.finish()
    }

    /// Moves free objects of a slab to the chain, until that is long enough or the slab is used up.
    fn take_from(&mut self, number: u32, info: &FrameInfo, shape: &Shape, wanted: u32, chain: &mut Chain) {
        let (base, capacity) = (base(number), shape.capacity());
        let (mut used, mut carved) = counts(info);
        let mut first = info.free_object.load(Relaxed);
        while chain.count < wanted && used < capacity {
            // SAFETY: `first` names a free object of this slab, whose first two bytes hold the next one, written in `release`. Without one,
            // fewer objects than the slab has room for are carved, and the next lies inside the slab.
            let object = unsafe {
                if first != NO_OBJECT {
                    let object = base.add(usize::from(first) * UNIT);
                    first = object.cast::<u16>().read();
                    object
                } else {
                    carved += 1;
                    base.add((carved - 1) as usize * usize::from(shape.size))
                }
            };
            used += 1;
            // SAFETY: the object is free, and from here on the chain's.
            unsafe { chain.push(object) };
        }
        info.free_object.store(first, Relaxed);
        set_counts(info, used, carved);
        if used == capacity {
            self.unlink(info);
        }
    }

    /// Takes a chain of objects back.
    ///
    /// # Safety
    /// They must come from `take` of this class and not be used any more, and each must hold the place of the next, or null, in its first word.
    pub unsafe fn put(&mut self, chain: *mut u8, shape: &Shape) {
        let mut object = chain;
        while !object.is_null() {
            // SAFETY: promised by the caller; the link is read before the object is changed.
            unsafe {
                let next = object.cast::<*mut u8>().read();
                self.release(object, shape);
                object = next;
            }
        }
    }

    /// Takes one object back.
    ///
    /// # Safety
    /// As for `put`.
    unsafe fn release(&mut self, object: *mut u8, shape: &Shape) {
        let inside = frames::frame_of(object).number() as u32;
        // A block of frames is aligned to its size, so the slab's first frame follows from the number.
        let number = inside & !((1 << shape.order) - 1);
        let Some(info) = info(number) else { return };
        let (used, carved) = counts(info);
        if info.kind() != Kind::Slab || used == 0 {
            log::error!("the heap got back {object:p}, which it never gave");
            return;
        }
        let offset = object.addr() - base(number).addr();
        // SAFETY: the object is at least 16 bytes of this slab and its owner gave it up.
        unsafe { object.cast::<u16>().write(info.free_object.load(Relaxed)) };
        info.free_object.store((offset / UNIT) as u16, Relaxed);
        set_counts(info, used - 1, carved);
        self.objects -= 1;
        if used == shape.capacity() {
            self.link(number, info);
        }
        if used == 1 {
            self.unlink(info);
            if self.spare == NONE {
                reset(info);
                self.spare = number;
            } else {
                self.give_back(number, info, shape);
            }
        }
    }

    /// Gives the spare slab back.
    pub fn trim(&mut self, shape: &Shape) {
        if let Some(info) = info(self.spare) {
            let number = self.spare;
            self.spare = NONE;
            self.give_back(number, info, shape);
        }
    }

    fn add_slab(&mut self, class: usize, shape: &Shape) {
        let number = if self.spare != NONE {
            core::mem::replace(&mut self.spare, NONE)
        } else {
            let Some(frame) = frames::allocate(usize::from(shape.order)) else { return };
            self.slabs += 1;
            frame.number() as u32
        };
        if let Some(info) = info(number) {
            info.set_kind(Kind::Slab);
            info.order.store(class as u8, Relaxed);
            reset(info);
            self.link(number, info);
        }
    }

    fn give_back(&mut self, number: u32, info: &FrameInfo, shape: &Shape) {
        info.set_kind(Kind::Used);
        info.count.store(0, Relaxed);
        self.slabs -= 1;
        frames::free(Frame::from_number(u64::from(number)), usize::from(shape.order));
    }

    fn link(&mut self, number: u32, slab: &FrameInfo) {
        slab.next.store(self.partial, Relaxed);
        slab.previous.store(NONE, Relaxed);
        if let Some(first) = info(self.partial) {
            first.previous.store(number, Relaxed);
        }
        self.partial = number;
    }

    fn unlink(&mut self, slab: &FrameInfo) {
        let (next, previous) = (slab.next.load(Relaxed), slab.previous.load(Relaxed));
        if let Some(next) = info(next) {
            next.previous.store(previous, Relaxed);
        }
        match info(previous) {
            Some(previous) => previous.next.store(next, Relaxed),
            None => self.partial = next,
        }
    }
}

/// Objects on their way out, in the order in which they will be handed out.
struct Chain {
    first: *mut u8,
    last: *mut u8,
    count: u32,
}

impl Chain {
    fn new() -> Chain {
        Chain { first: null_mut(), last: null_mut(), count: 0 }
    }

    /// # Safety
    /// The object must be free, and from here on belongs to the chain.
    unsafe fn push(&mut self, object: *mut u8) {
        if self.first.is_null() {
            self.first = object;
        } else {
            // SAFETY: the last object is the chain's, 16 bytes at least and aligned to that.
            unsafe { self.last.cast::<*mut u8>().write(object) };
        }
        self.last = object;
        self.count += 1;
    }

    /// The first object and the number of all.
    fn finish(self) -> (*mut u8, u32) {
        if !self.last.is_null() {
            // SAFETY: as in `push`.
            unsafe { self.last.cast::<*mut u8>().write(null_mut()) };
        }
        (self.first, self.count)
    }
}

/// The description of a frame; `None` for [`NONE`].
fn info(number: u32) -> Option<&'static FrameInfo> {
    if number == NONE { None } else { frames::info(u64::from(number)) }
}

fn base(number: u32) -> *mut u8 {
    phys_to_virt(Frame::from_number(u64::from(number)).address())
}

/// Objects in use, and objects ever carved.
fn counts(info: &FrameInfo) -> (u32, u32) {
    let packed = info.count.load(Relaxed);
    (packed & 0xffff, packed >> 16)
}

fn set_counts(info: &FrameInfo, used: u32, carved: u32) {
    info.count.store(used | carved << 16, Relaxed);
}

fn reset(info: &FrameInfo) {
    set_counts(info, 0, 0);
    info.free_object.store(NO_OBJECT, Relaxed);
}

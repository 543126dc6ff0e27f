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

    /// Live objects.
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// Slabs, the spare one included.
    pub fn slabs(&self) -> usize {
        self.slabs
    }

    /// A free object, or null.
    pub fn allocate(&mut self, class: usize, shape: &Shape) -> *mut u8 {
        if self.partial == NONE {
            self.add_slab(class, shape);
        }
        let number = self.partial;
        let Some(info) = info(number) else { return null_mut() };
        let base = base(number);
        let (used, carved) = counts(info);
        let first = info.free_object.load(Relaxed);
        let (object, carved) = if first != NO_OBJECT {
            // SAFETY: `first` names a free object of this slab; its first two bytes hold the next one, written in `release`.
            unsafe {
                let object = base.add(usize::from(first) * UNIT);
                info.free_object.store(object.cast::<u16>().read(), Relaxed);
                (object, carved)
            }
        } else {
            // SAFETY: a slab in the list has room; with no free object in its list, fewer than its capacity are carved.
            (unsafe { base.add(carved as usize * usize::from(shape.size)) }, carved + 1)
        };
        set_counts(info, used + 1, carved);
        self.objects += 1;
        if used + 1 == shape.capacity() {
            self.unlink(info);
        }
        object
    }

    /// Takes an object back.
    ///
    /// # Safety
    /// It must come from `allocate` of this class and not be used any more.
    pub unsafe fn release(&mut self, object: *mut u8, shape: &Shape) {
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

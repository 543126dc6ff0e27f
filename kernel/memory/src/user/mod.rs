//! User memory: typed pointers that copy with fault recovery.
//!
//! A user address is only a number. Every access copies, through `arch`'s user copies, which survive a page fault; a fault is then handed to
//! the current [`AddressSpace`](crate::AddressSpace) and has one of three results: *resolved* (go on), *denied* (EFAULT), or *deferred* (the
//! page comes from a disk). In the last case the copy fails with [`Errno::ERESTARTNOINTR`] and leaves the wait behind for
//! [`take_deferred`]: the system call is run again once the page is there, and it then finds it.
//!
//! All of this acts on the address space that is active on this CPU: that of the thread whose system call is being served.

mod copy;
mod text;

pub use copy::{compare_exchange_u32, load_u32, store_u32, take_deferred};
pub(crate) use copy::{copy_in, copy_out, fill_out};
pub use text::{read_c_string, read_c_string_into};

use abi::{Errno, Result};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The address of a `T` in user memory. Nothing is checked until it is used; it need not be aligned.
pub struct UserPtr<T> {
    address: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T> UserPtr<T> {
    /// A pointer to `address`, which may be anything.
    pub const fn new(address: usize) -> UserPtr<T> {
        UserPtr { address, kind: PhantomData }
    }

    /// The address as the program gave it.
    pub const fn address(self) -> usize {
        self.address
    }

    /// Whether the program passed a null pointer.
    pub const fn is_null(self) -> bool {
        self.address == 0
    }

    /// `Some` unless null: for optional arguments.
    pub const fn non_null(self) -> Option<UserPtr<T>> {
        if self.address == 0 { None } else { Some(self) }
    }

    /// The pointer to the element `count` further on. Wraps like the program's own arithmetic would; the use then fails.
    pub const fn offset(self, count: usize) -> UserPtr<T> {
        UserPtr::new(self.address.wrapping_add(count.wrapping_mul(size_of::<T>())))
    }

    /// The same address, seen as another type.
    pub const fn cast<U>(self) -> UserPtr<U> {
        UserPtr::new(self.address)
    }
}

impl<T: FromBytes> UserPtr<T> {
    /// Copies the value in. EFAULT when any of its bytes can't be read.
    #[inline]
    pub fn read(self) -> Result<T> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the destination is a local of exactly this size. On success all of its bytes were written, and `FromBytes` says that any
        // bytes make a valid `T`.
        unsafe {
            copy_in(value.as_mut_ptr().cast(), self.address, size_of::<T>()).map_err(|stop| stop.error)?;
            Ok(value.assume_init())
        }
    }

    /// Copies `count` consecutive values in. ENOMEM when the kernel has no room for so many.
    pub fn read_many(self, count: usize) -> Result<Vec<T>> {
        let bytes = count.checked_mul(size_of::<T>()).filter(|bytes| *bytes <= arch::USER_END).ok_or(Errno::EFAULT)?;
        crate::frames::admit_many(bytes / crate::PAGE_SIZE)?;
        let mut values: Vec<T> = Vec::new();
        values.try_reserve_exact(count).map_err(|_| Errno::ENOMEM)?;
        // SAFETY: the vector has room for `count` values; on success all of their bytes were written, and `FromBytes` accepts any bytes.
        unsafe {
            copy_in(values.as_mut_ptr().cast(), self.address, bytes).map_err(|stop| stop.error)?;
            values.set_len(count);
        }
        Ok(values)
    }
}

impl<T: IntoBytes + Immutable> UserPtr<T> {
    /// Copies the value out. EFAULT when any of its bytes can't be written; some of them may have been.
    #[inline]
    pub fn write(self, value: &T) -> Result<()> {
        // SAFETY: `value` is readable for its size, and `IntoBytes` says that all of its bytes are initialised.
        unsafe { copy_out(self.address, (&raw const *value).cast(), size_of::<T>()) }.map_err(|stop| stop.error)
    }

    /// Copies consecutive values out.
    pub fn write_many(self, values: &[T]) -> Result<()> {
        // SAFETY: as in `write`, for the whole slice.
        unsafe { copy_out(self.address, values.as_ptr().cast(), size_of_val(values)) }.map_err(|stop| stop.error)
    }
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> core::fmt::Debug for UserPtr<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x}", self.address)
    }
}

/// A stretch of bytes in user memory: a buffer argument and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSlice {
    /// First byte.
    pub address: usize,
    /// Number of bytes.
    pub len: usize,
}

impl UserSlice {
    /// The stretch of `len` bytes at `address`; nothing is checked yet.
    pub const fn new(address: usize, len: usize) -> UserSlice {
        UserSlice { address, len }
    }

    /// Copies bytes in from the start of the stretch. EFAULT when they can't all be read, or when the stretch is shorter than `bytes`.
    pub fn read(self, bytes: &mut [u8]) -> Result<()> {
        if bytes.len() > self.len {
            return Err(Errno::EFAULT);
        }
        // SAFETY: `bytes` is writable for its length.
        unsafe { copy_in(bytes.as_mut_ptr(), self.address, bytes.len()) }.map_err(|stop| stop.error)
    }

    /// Copies bytes out to the start of the stretch. EFAULT when they can't all be written, or when the stretch is shorter than `bytes`.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.len {
            return Err(Errno::EFAULT);
        }
        // SAFETY: `bytes` is readable for its length.
        unsafe { copy_out(self.address, bytes.as_ptr(), bytes.len()) }.map_err(|stop| stop.error)
    }

    /// Copies the whole stretch into a new vector.
    pub fn to_vec(self) -> Result<Vec<u8>> {
        UserPtr::<u8>::new(self.address).read_many(self.len)
    }

    /// Sets all bytes of the stretch to zero.
    pub fn clear(self) -> Result<()> {
        fill_out(self.address, 0, self.len).map_err(|stop| stop.error)
    }
}

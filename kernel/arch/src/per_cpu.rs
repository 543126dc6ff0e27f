//! One value for each processor.

use crate::{MAX_CPUS, machine};

/// A value that each CPU has its own copy of. Another CPU's copy can be reached too, so `T` must be `Sync`: what saves
/// time is that nobody else usually touches it, not that nobody can.
#[derive(Debug)]
pub struct PerCpu<T> {
    values: [T; MAX_CPUS],
}

impl<T> PerCpu<T> {
    /// Takes one value for each CPU; `PerCpu::new([const { Thing::new() }; MAX_CPUS])` in a static.
    pub const fn new(values: [T; MAX_CPUS]) -> PerCpu<T> {
        PerCpu { values }
    }

    /// This CPU's value.
    #[inline]
    pub fn get(&self) -> &T {
        // The remainder costs one `and` and spares a branch to a panic: an id is always below MAX_CPUS.
        &self.values[machine::cpu::id() % MAX_CPUS]
    }

    /// The value of CPU number `cpu`.
    pub fn of(&self, cpu: usize) -> Option<&T> {
        self.values.get(cpu)
    }

    /// All values, in the order of CPU numbers, those of absent CPUs included.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.values.iter()
    }
}

//! Counts system calls.

use std::collections::BTreeMap;
use std::fmt;

/// How often each call was made.
#[derive(Default)]
pub struct Meter(BTreeMap<&'static str, u32>);

impl Meter {
    /// Makes a call and counts it.
    pub fn count<T>(&mut self, name: &'static str, call: impl FnOnce() -> T) -> T {
        *self.0.entry(name).or_default() += 1;
        call()
    }

    /// Adds what another thread has counted.
    pub fn add(&mut self, other: Meter) {
        other.0.into_iter().for_each(|(name, count)| *self.0.entry(name).or_default() += count);
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u32 = self.0.values().sum();
        write!(f, "{total} calls:")?;
        self.0.iter().try_for_each(|(name, count)| write!(f, " {name} {count}"))
    }
}

/// `counted!(meter, read, fd, …)`: the raw call, counted.
macro_rules! counted {
    ($meter:expr, $name:ident $(, $argument:expr)*) => {
        $meter.count(stringify!($name), || user::sys!($name $(, $argument)*))
    };
}
pub(crate) use counted;

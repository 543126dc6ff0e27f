//! A pretended device: some turns of the world after it was made it has a value.

/// Something that will have a value to read, once.
pub struct Device {
    /// Turns until then.
    left: u32,
    value: Option<u32>,
}

impl Device {
    pub fn new(turns: u32, value: u32) -> Device {
        Device { left: turns, value: Some(value) }
    }

    /// Lets a turn pass.
    pub fn turn(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub fn has_data(&self) -> bool {
        self.left == 0 && self.value.is_some()
    }

    pub fn take(&mut self) -> Option<u32> {
        if self.left == 0 { self.value.take() } else { None }
    }
}

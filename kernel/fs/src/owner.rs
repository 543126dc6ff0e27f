//! Whom signal-driven I/O concerns (F_SETOWN of fcntl(2)). The room above sends the signals.

/// What kind of number names the owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerKind {
    Thread,
    Process,
    Group,
}

/// The owner of an open-file description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    pub kind: OwnerKind,
    /// 0: nobody.
    pub id: u32,
    /// The real and effective user who named the owner: their rights decide whom the signals reach.
    pub uid: u32,
    pub euid: u32,
    /// The signal that is sent (F_SETSIG); 0 for SIGIO without particulars.
    pub signal: u8,
}

impl Default for Owner {
    fn default() -> Owner {
        Owner { kind: OwnerKind::Process, id: 0, uid: 0, euid: 0, signal: 0 }
    }
}

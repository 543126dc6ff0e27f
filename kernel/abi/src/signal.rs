//! Signal numbers and sets (signal(7)).

/// A signal number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Signal(u8);

macro_rules! signals {
    ($($name:ident = $number:literal),* $(,)?) => {
        impl Signal {
            $(pub const $name: Signal = Signal($number);)*

            /// The symbolic name; real-time signals are all "SIGRT".
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "SIGRT",
                }
            }
        }
    };
}

signals! {
    SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9,
    SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGSTKFLT = 16, SIGCHLD = 17,
    SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22, SIGURG = 23, SIGXCPU = 24, SIGXFSZ = 25,
    SIGVTALRM = 26, SIGPROF = 27, SIGWINCH = 28, SIGIO = 29, SIGPWR = 30, SIGSYS = 31,
}

impl Signal {
    /// How many signals there are; numbers run from 1 to this.
    pub const COUNT: usize = 64;
    /// The first real-time signal as the kernel counts (the C library keeps the first two or three for itself).
    pub const RT_MIN: u8 = 32;

    /// The signal with this number, unless it is 0 or above 64.
    pub const fn new(number: u64) -> Option<Signal> {
        if number >= 1 && number <= Self::COUNT as u64 { Some(Signal(number as u8)) } else { None }
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    /// Sent for what the program itself did: its positive codes say what.
    pub const fn is_fault(self) -> bool {
        matches!(self, Signal::SIGILL | Signal::SIGTRAP | Signal::SIGBUS | Signal::SIGFPE | Signal::SIGSEGV | Signal::SIGSYS)
    }

    /// Real-time signals queue; the others are merged while pending.
    pub const fn is_realtime(self) -> bool {
        self.0 >= Self::RT_MIN
    }
}

/// A set of signals: bit n − 1 stands for signal n, as in the kernel's `sigset_t`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SignalSet(pub u64);

impl SignalSet {
    pub const EMPTY: SignalSet = SignalSet(0);
    pub const ALL: SignalSet = SignalSet(u64::MAX);

    pub const fn of(signal: Signal) -> SignalSet {
        SignalSet(1 << (signal.0 - 1))
    }

    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::of(signal).0 != 0
    }

    pub const fn with(self, signal: Signal) -> SignalSet {
        SignalSet(self.0 | Self::of(signal).0)
    }

    pub const fn without(self, signal: Signal) -> SignalSet {
        SignalSet(self.0 & !Self::of(signal).0)
    }

    pub const fn union(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 | other.0)
    }

    /// The signals of `self` that are not in `other`.
    pub const fn minus(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & !other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The member with the lowest number.
    pub const fn first(self) -> Option<Signal> {
        if self.0 == 0 { None } else { Some(Signal(self.0.trailing_zeros() as u8 + 1)) }
    }
}

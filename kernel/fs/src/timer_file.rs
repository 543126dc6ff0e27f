//! timerfd_create(2): a timer that is read.
//!
//! Nothing happens at each period. The executor's timer only wakes the readers once; how many periods have passed is computed when somebody
//! asks. So a period of a nanosecond costs no more than one of a second.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use abi::{Errno, Result};
use executor::timer::Timer;
use memory::IoSink;
use sync::{SpinLock, WaitQueue};

use crate::file::{File, Io, OpenFlags, PollEvents, SeekKind, Side};
use crate::open_file::OpenFile;
use crate::wall_clock;

/// What a timer shows or is set to, in nanoseconds: time left (or, absolute, a time of its clock; 0 is off) and period (0: once).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Setting {
    pub value: u64,
    pub interval: u64,
}

/// How timerfd_settime(2) reads a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// `value` is a time of the clock, not from now (TFD_TIMER_ABSTIME).
    pub absolute: bool,
    /// Setting the wall clock makes reads fail with ECANCELED (TFD_TIMER_CANCEL_ON_SET); only with an absolute time of the wall clock.
    pub cancel_on_set: bool,
}

#[derive(Default)]
struct State {
    /// When the timer next fires, on the monotone clock.
    deadline: Option<u64>,
    interval: u64,
    /// Periods that have passed and were not read.
    expired: u64,
    options: Options,
    /// The wall clock was set since the timer was.
    canceled: bool,
}

impl State {
    /// Counts the periods that have passed. Says when the next one ends, if the timer still runs.
    fn settle(&mut self, now: u64) -> Option<u64> {
        let deadline = self.deadline?;
        if now < deadline {
            return Some(deadline);
        }
        let periods = (now - deadline).checked_div(self.interval).unwrap_or(0).saturating_add(1);
        self.expired = self.expired.saturating_add(periods);
        self.deadline = (self.interval > 0).then(|| deadline.saturating_add(self.interval.saturating_mul(periods)));
        self.deadline
    }

    fn is_due(&self, now: u64) -> bool {
        self.canceled || self.expired > 0 || self.deadline.is_some_and(|deadline| now >= deadline)
    }
}

/// The file of a timer.
pub struct TimerFile {
    /// Counts time of the wall clock: an absolute deadline moves when that is set.
    is_wall: bool,
    state: SpinLock<State>,
    readers: Arc<WaitQueue>,
    /// Wakes the readers at the deadline; armed and disarmed under the lock of `state`.
    timer: Timer,
}

/// The timers of the wall clock.
static WALL_TIMERS: SpinLock<Vec<Weak<TimerFile>>> = SpinLock::new(Vec::new());

/// timerfd_create(2): a timer that is off, of the wall clock or the monotone one. Of `flags`, O_NONBLOCK counts here. ENOMEM.
pub fn create(is_wall: bool, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    memory::frames::admit()?;
    let readers = Arc::new(WaitQueue::new());
    let woken = readers.clone();
    let timer = Timer::new("timerfd", move || {
        woken.wake_all();
        None
    });
    let timer = timer.map_err(|_| Errno::ENOMEM)?;
    let file = Arc::new(TimerFile { is_wall, state: SpinLock::default(), readers, timer });
    if is_wall {
        let mut timers = WALL_TIMERS.lock();
        timers.retain(|timer| timer.strong_count() > 0);
        timers.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        timers.push(Arc::downgrade(&file));
    }
    OpenFile::anonymous("anon_inode:[timerfd]", file, flags | OpenFlags::RDWR)
}

/// The timer behind a description; EINVAL for other files.
pub fn of(file: &OpenFile) -> Result<&TimerFile> {
    file.file().as_any().downcast_ref::<TimerFile>().ok_or(Errno::EINVAL)
}

/// The wall clock was set `forward` nanoseconds ahead (or back): timers that wait for a time of it fire earlier or later.
pub(crate) fn wall_clock_was_set(forward: i64) {
    let timers: Vec<Arc<TimerFile>> = WALL_TIMERS.lock().iter().filter_map(Weak::upgrade).collect();
    timers.iter().for_each(|timer| timer.wall_clock_was_set(forward));
}

impl TimerFile {
    /// timerfd_gettime(2): the time left, and the period.
    pub fn setting(&self) -> Setting {
        let mut state = self.state.lock();
        self.settled(&mut state)
    }

    /// timerfd_settime(2): sets the timer, or switches it off with a value of 0; answers what it was set to.
    pub fn set(&self, new: Setting, options: Options) -> Setting {
        let mut state = self.state.lock();
        let old = self.settled(&mut state);
        let now = executor::timer::now();
        let deadline = match options.absolute {
            false => now.saturating_add(new.value),
            true if self.is_wall => new.value.saturating_sub(wall_clock::now_nanos().wrapping_sub(now)),
            true => new.value,
        };
        *state = State { deadline: (new.value > 0).then_some(deadline), interval: new.interval, options, ..State::default() };
        self.arm(&state);
        old
    }

    /// Brings the state up to date and shows it.
    fn settled(&self, state: &mut State) -> Setting {
        let now = executor::timer::now();
        let next = state.settle(now);
        self.arm(state);
        Setting { value: next.map_or(0, |next| next.saturating_sub(now).max(1)), interval: state.interval }
    }

    fn arm(&self, state: &State) {
        match state.deadline {
            Some(deadline) => self.timer.arm(deadline),
            None => self.timer.disarm(),
        }
    }

    fn wall_clock_was_set(&self, forward: i64) {
        {
            let mut state = self.state.lock();
            let Some(deadline) = state.deadline.filter(|_| state.options.absolute) else { return };
            state.deadline = Some(deadline.saturating_add_signed(forward.saturating_neg()));
            state.canceled |= state.options.cancel_on_set;
            self.arm(&state);
        }
        self.readers.wake_all();
    }
}

impl File for TimerFile {
    /// The number of periods that have passed, as eight bytes; EAGAIN while there is none; EINVAL for a shorter buffer; ECANCELED once
    /// after the wall clock was set, for those who asked for it.
    fn try_read(&self, _: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        if sink.remaining() < size_of::<u64>() {
            return Err(Errno::EINVAL);
        }
        let expired = {
            let mut state = self.state.lock();
            self.settled(&mut state);
            let expired = core::mem::take(&mut state.expired);
            // As on Linux, what has expired is forgotten then.
            if core::mem::take(&mut state.canceled) {
                return Err(Errno::ECANCELED);
            }
            expired
        };
        if expired == 0 {
            return Err(Errno::EAGAIN);
        }
        sink.put(&expired.to_ne_bytes())
    }

    fn poll(&self) -> PollEvents {
        if self.state.lock().is_due(executor::timer::now()) { PollEvents::IN | PollEvents::RDNORM } else { PollEvents::empty() }
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        (side == Side::Read).then_some(&*self.readers)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Ignored
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periodic(deadline: u64, interval: u64) -> State {
        State { deadline: Some(deadline), interval, ..State::default() }
    }

    #[test]
    fn periods_are_counted_when_somebody_asks() {
        let mut state = periodic(100, 10);
        assert_eq!((state.settle(99), state.expired), (Some(100), 0));
        assert_eq!((state.settle(100), state.expired), (Some(110), 1));
        assert_eq!((state.settle(139), state.expired), (Some(140), 4));
        assert!(state.is_due(139) && !periodic(100, 10).is_due(99));
    }

    #[test]
    fn one_shot_ends() {
        let mut state = periodic(100, 0);
        assert_eq!((state.settle(u64::MAX), state.expired), (None, 1));
        assert_eq!((state.settle(u64::MAX), state.expired), (None, 1));
    }

    #[test]
    fn absurd_periods_do_not_overflow() {
        let mut state = periodic(0, 1);
        assert_eq!((state.settle(u64::MAX), state.expired), (Some(u64::MAX), u64::MAX));
        let mut state = periodic(5, u64::MAX);
        assert_eq!((state.settle(6), state.expired), (Some(u64::MAX), 1));
    }

    #[test]
    fn setting_the_wall_clock_moves_and_cancels_absolute_timers() {
        use crate::testing::{error, memory, read};
        const HOUR: u64 = 3600 * abi::time::NANOS_PER_SECOND;
        memory();
        let files = [true, false].map(|is_wall| create(is_wall, OpenFlags::empty()).unwrap());
        let [wall, monotone] = files.each_ref().map(|file| of(file).unwrap());
        let in_two_hours = |now: u64| Setting { value: now + 2 * HOUR, interval: 0 };
        wall.set(in_two_hours(wall_clock::now_nanos()), Options { absolute: true, cancel_on_set: true });
        monotone.set(in_two_hours(executor::timer::now()), Options { absolute: true, cancel_on_set: false });
        wall_clock_was_set(HOUR.cast_signed());
        assert!(wall.setting().value <= HOUR && monotone.setting().value > HOUR);
        assert!(files[0].poll().contains(PollEvents::IN));
        assert_eq!(error(read(&files[0], 8)), Errno::ECANCELED);
        assert_eq!(error(read(&files[0], 8)), Errno::EAGAIN, "it is told once");
        wall.set(in_two_hours(wall_clock::now_nanos()), Options { absolute: true, cancel_on_set: false });
        wall_clock_was_set(2 * HOUR.cast_signed());
        assert_eq!(read(&files[0], 8).unwrap(), 1u64.to_ne_bytes(), "its time is over now");
        assert_eq!(error(read(&files[1], 8)), Errno::EAGAIN);
    }
}

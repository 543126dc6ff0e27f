//! A single-threaded executor: who can go on is polled; when nobody can, the reactor sleeps.
//!
//! A task is a boxed future with a number. Its waker puts the number into a queue. That queue is all that wakers touch, so it alone is
//! behind a lock: wakers have to be `Send`, the tasks need not.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::reactor;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The number of the task that `block_on` was called with.
const MAIN: usize = 0;

thread_local! {
    static TASKS: RefCell<HashMap<usize, Task>> = RefCell::default();
    static NEXT: Cell<usize> = const { Cell::new(MAIN + 1) };
    static READY: Arc<Ready> = Arc::default();
}

/// The tasks that can go on, in the order in which they were woken.
#[derive(Default)]
struct Ready(Mutex<VecDeque<usize>>);

impl Ready {
    fn push(&self, task: usize) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !queue.contains(&task) {
            queue.push_back(task);
        }
    }

    fn pop(&self) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

struct TaskWaker {
    task: usize,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.task);
    }
}

fn waker(task: usize) -> Waker {
    Arc::new(TaskWaker { task, ready: READY.with(Arc::clone) }).into()
}

/// Runs `main` to its end, and the other tasks as long as that takes.
pub fn block_on<T>(main: impl Future<Output = T>) -> T {
    let mut main = pin!(main);
    let ready = READY.with(Arc::clone);
    ready.push(MAIN);
    loop {
        while let Some(number) = ready.pop() {
            let waker = waker(number);
            let mut context = Context::from_waker(&waker);
            if number == MAIN {
                if let Poll::Ready(value) = main.as_mut().poll(&mut context) {
                    return value;
                }
                continue;
            }
            // Out of the table while it runs, as it may start others. A number that isn't there belongs to a task that has ended.
            let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.remove(&number)) else { continue };
            if task.as_mut().poll(&mut context).is_pending() {
                TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
            }
        }
        reactor::wait();
    }
}

/// What becomes of a task.
struct Outcome<T> {
    number: usize,
    value: Option<T>,
    waiting: Option<Waker>,
}

/// A task's end, to be awaited. Dropping it lets the task run on.
pub struct JoinHandle<T>(Rc<RefCell<Outcome<T>>>);

impl<T> JoinHandle<T> {
    /// Whether the task has ended and its value was not taken.
    pub fn is_finished(&self) -> bool {
        self.0.borrow().value.is_some()
    }

    /// Drops the task, unless it has ended, and lets it end with `value`.
    pub fn cancel(&self, value: T) {
        let number = self.0.borrow().number;
        let dropped = TASKS.with_borrow_mut(|tasks| tasks.remove(&number));
        if dropped.is_some() {
            self.0.borrow_mut().finish(value);
        }
    }
}

impl<T> Outcome<T> {
    fn finish(&mut self, value: T) {
        self.value = Some(value);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut outcome = self.0.borrow_mut();
        match outcome.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                outcome.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Starts a task.
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let number = NEXT.replace(NEXT.get() + 1);
    let outcome = Rc::new(RefCell::new(Outcome { number, value: None, waiting: None }));
    let told = outcome.clone();
    let task: Task = Box::pin(async move {
        let value = future.await;
        told.borrow_mut().finish(value);
    });
    TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
    READY.with(|ready| ready.push(number));
    JoinHandle(outcome)
}

/// Lets all others who can go on go first.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Which of two futures came first.
pub enum Either<A, B> {
    First(A),
    Second(B),
}

/// Waits for the first of two; the other one is dropped, which cancels it.
pub async fn race<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if let Poll::Ready(value) = first.as_mut().poll(context) {
            return Poll::Ready(Either::First(value));
        }
        second.as_mut().poll(context).map(Either::Second)
    })
    .await
}

//! What Lambda does with an invocation: it has so much time and so much memory, and is killed when it
//! takes more. Nothing more of it happens then: its future is dropped, whatever it was about.
//!
//! Its batch comes again when the queue's visibility timeout is over, and with it the receive count
//! rises, until the message lands in the dead-letter queue.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use cloud::aws::lanes::Concurrency;
use jiff::SignedDuration;

use crate::held;

/// What the deployed functions have, and how long their queues keep a message invisible.
#[derive(Clone, Copy, Debug)]
pub struct Lifecycle {
    /// Deadline of one invocation of the processor, the notifier and the timekeeper.
    pub processor: Duration,
    pub notifier: Duration,
    pub timekeeper: Duration,
    /// How long a message that was received stays invisible.
    pub visibility: SignedDuration,
    /// What one environment may hold; none where nobody counts it.
    pub memory: Option<Memory>,
}

/// The memory of an environment, and how the test that has an allocator that counts measures it.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Most memory that an invocation may hold at any moment.
    pub bytes: u64,
    /// Runs a piece of work and says what it allocated.
    pub measure: fn(&mut dyn FnMut()) -> Allocated,
    /// Runs work that is AWS's and not the function's.
    pub leave_out: fn(&mut dyn FnMut()),
}

/// What a piece of work allocated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocated {
    /// Still held at its end; less than nothing if it gave back what others had allocated.
    pub held: i64,
    /// Held at most, while it went on.
    pub most: u64,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes)", self.bytes)
    }
}

/// As in the template; a test of the template holds the two against each other.
pub const DEPLOYED: Lifecycle = Lifecycle {
    processor: Duration::from_secs(60),
    notifier: Duration::from_secs(60),
    timekeeper: Duration::from_secs(55),
    visibility: SignedDuration::from_secs(crate::names::VISIBILITY_SECONDS),
    memory: None,
};

/// Invocations that run side by side for each queue: what docs/deploying.md advises for an account that
/// may run 1,000, so that what shares places there shares them here.
pub const CONCURRENCY: Concurrency = Concurrency {
    high: 50,
    medium: 20,
    low: 5,
    replies: 20,
};

/// What an environment of 256 MB leaves to its invocations: the process itself takes some 10 MB, the
/// runtime, its connections and what the allocator does not give back about as much again.
pub const ENVIRONMENT_BYTES: u64 = 224_000_000;

/// Why an invocation was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// It took longer than its deadline.
    AtDeadline,
    /// It held more than its environment has.
    OutOfMemory { bytes: u64 },
    /// The plan of faults says so: as if the process had been aborted.
    Aborted,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the invocation was killed: {self:?}")
    }
}

impl std::error::Error for Killed {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Running,
    /// Hanging: it does nothing more, and is not killed yet.
    Hung,
    Aborted,
}

/// One invocation, as the requests that it makes see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    state: Arc<Mutex<State>>,
    memory: Option<Memory>,
}

tokio::task_local! {
    static INVOCATION: Invocation;
}

impl Invocation {
    /// The invocation that makes this request, if any.
    pub(crate) fn current() -> Option<Self> {
        INVOCATION.try_with(Clone::clone).ok()
    }

    pub(crate) fn hang(&self) {
        *held(&self.state) = State::Hung;
    }

    pub(crate) fn abort(&self) {
        *held(&self.state) = State::Aborted;
    }

    /// Whether it has been killed.
    pub(crate) fn is_over(&self) -> bool {
        self.state() != State::Running
    }

    fn state(&self) -> State {
        *held(&self.state)
    }

    /// Keeps AWS's side of a request out of the count; none where nothing is counted.
    pub(crate) fn leave_out(&self) -> Option<fn(&mut dyn FnMut())> {
        self.memory.map(|memory| memory.leave_out)
    }
}

/// What AWS does on its side of a request: none of it is counted as the function's.
pub(crate) struct Unmetered<F> {
    leave_out: fn(&mut dyn FnMut()),
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Unmetered<F> {
    pub(crate) fn new(leave_out: fn(&mut dyn FnMut()), make: impl FnOnce() -> F) -> Self {
        let (mut make, mut future) = (Some(make), None);
        leave_out(&mut || future = make.take().map(|make| Box::pin(make())));
        Self { leave_out, future }
    }
}

impl<F: Future> Future for Unmetered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let (leave_out, mut polled) = (self.leave_out, Poll::Pending);
        if let Some(future) = &mut self.future {
            leave_out(&mut || polled = future.as_mut().poll(context));
        }
        polled
    }
}

impl<F> Drop for Unmetered<F> {
    fn drop(&mut self) {
        let leave_out = self.leave_out;
        leave_out(&mut || self.future = None);
    }
}

/// Runs an invocation until it ends or is killed.
pub async fn invoke<F: Future>(
    time: Duration,
    memory: Option<Memory>,
    invocation: F,
) -> Result<F::Output, Killed> {
    let this = Invocation {
        state: Arc::default(),
        memory,
    };
    // Boxed, so that it can be dropped in the middle, and what it holds be counted as given back.
    let mut running = Some(Box::pin(INVOCATION.scope(this.clone(), invocation)));
    let mut deadline = pin!(tokio::time::sleep(time));
    let mut held: i64 = 0;
    poll_fn(|context| {
        if deadline.as_mut().poll(context).is_ready() {
            running = None;
            return Poll::Ready(Err(Killed::AtDeadline));
        }
        let Some(future) = running.as_mut().filter(|_| this.state() == State::Running) else {
            return Poll::Pending;
        };
        let mut polled = Poll::Pending;
        let mut poll = || polled = future.as_mut().poll(context);
        let allocated = match memory {
            Some(memory) => (memory.measure)(&mut poll),
            None => {
                poll();
                Allocated::default()
            }
        };
        let most = held.saturating_add_unsigned(allocated.most);
        held += allocated.held;
        let killed = match (memory, this.state()) {
            (_, State::Aborted) => Some(Killed::Aborted),
            (Some(memory), _) if most > i64::try_from(memory.bytes).unwrap_or(i64::MAX) => {
                let bytes = u64::try_from(most).unwrap_or(0);
                Some(Killed::OutOfMemory { bytes })
            }
            (_, State::Running | State::Hung) => None,
        };
        if let Some(killed) = killed {
            running = None;
            return Poll::Ready(Err(killed));
        }
        polled.map(Ok)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_ends_in_time_has_its_own_end() {
        let invocation = async {
            tokio::time::sleep(59 * SECOND).await;
            7
        };
        assert_eq!(invoke(60 * SECOND, None, invocation).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_more_happens_after_the_deadline() {
        let steps = Arc::new(Mutex::new(0));
        let counting = steps.clone();
        let invocation = async move {
            loop {
                *held(&counting) += 1;
                tokio::time::sleep(SECOND).await;
            }
        };
        let began = tokio::time::Instant::now();
        let killed = invoke::<_>(10 * SECOND, None, invocation).await;
        let killed: Result<(), Killed> = killed;
        assert_eq!(killed, Err(Killed::AtDeadline));
        assert_eq!(began.elapsed(), 10 * SECOND);
        let done = *held(&steps);
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!((*held(&steps), done), (10, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_killed_at_its_deadline_and_what_aborts_at_once() {
        let began = tokio::time::Instant::now();
        let hangs = async {
            Invocation::current().expect("inside").hang();
            tokio::task::yield_now().await;
            panic!("it hangs");
        };
        let hung: Result<(), Killed> = invoke(10 * SECOND, None, hangs).await;
        assert_eq!(hung, Err(Killed::AtDeadline));
        let aborts = async {
            Invocation::current().expect("inside").abort();
            tokio::task::yield_now().await;
            panic!("it is gone");
        };
        let aborted: Result<(), Killed> = invoke(10 * SECOND, None, aborts).await;
        assert_eq!(aborted, Err(Killed::Aborted));
        assert_eq!(began.elapsed(), 10 * SECOND);
        assert!(Invocation::current().is_none());
    }

    /// Says that each piece of work leaves 10 bytes, and took 50 in between.
    fn ten_of_fifty(work: &mut dyn FnMut()) -> Allocated {
        work();
        Allocated { held: 10, most: 50 }
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_more_than_there_is_is_killed() {
        let memory = Memory {
            bytes: 100,
            measure: ten_of_fifty,
            leave_out: |work| work(),
        };
        let steps = |steps| async move {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
        };
        // The sixth piece begins with 50 bytes in hand.
        assert_eq!(invoke(SECOND, Some(memory), steps(5)).await, Ok(()));
        let killed = invoke(SECOND, Some(memory), steps(6)).await;
        assert_eq!(killed, Err(Killed::OutOfMemory { bytes: 110 }));
    }
}

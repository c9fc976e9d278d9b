//! Planned faults: lost requests and answers, throttling, conflicts, and crashes after any request.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;

use crate::aws_request::{AwsRequest, Service};
use crate::held;

/// Most entries in the journal: a server that runs for days must not fill up with them.
const JOURNAL_MAX: usize = 100_000;

/// The fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum InjectedFault {
    /// It is never made; the caller sees its connection fail.
    LoseRequest,
    /// It happens, but the caller's connection fails before the answer comes.
    LoseAnswer,
    /// The service says that there is too much.
    Throttle,
    /// The service answers with this status and does nothing.
    Refuse(u16),
    /// DynamoDB says that another transaction holds an item, and does nothing.
    Conflict,
    /// It happens this much later.
    Delay(Duration),
    /// The caller dies before it is made; so does every request until the restart.
    CrashBefore,
    /// It happens, and the caller dies before it hears of it; so does every request until the
    /// restart.
    CrashAfter,
    /// The invocation that makes it hangs from here on, until it is killed at its deadline.
    Hang,
    /// The process of the invocation that makes it is gone before it is made; others live on.
    AbortBefore,
    /// It happens, and the process of the invocation is gone.
    AbortAfter,
}

/// One request in the journal.
#[derive(Clone, Debug, Serialize)]
pub struct JournalEntry {
    pub number: u64,
    pub service: Service,
    pub operation: String,
    pub resource: String,
    pub key: String,
    pub fault: Option<InjectedFault>,
    /// The caller was dead already, so that it was not made.
    pub crashed: bool,
}

impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            service,
            operation,
            resource,
            key,
            fault,
            crashed,
        } = self;
        write!(f, "{number} {service} {operation} {resource} {key}")?;
        if let Some(fault) = fault {
            write!(f, " [{fault:?}]")?;
        }
        if *crashed {
            f.write_str(" [crashed]")
        } else {
            Ok(())
        }
    }
}

type Decider = Box<dyn FnMut(u64, &AwsRequest) -> Option<InjectedFault> + Send>;

/// The planned faults. Clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    by_number: BTreeMap<u64, InjectedFault>,
    deciders: Vec<Decider>,
    requests_made: u64,
    crashed: bool,
    journal: VecDeque<JournalEntry>,
}

impl Faults {
    /// Plans a fault for the request with this number; the first one ever has number 1.
    pub fn at(&self, number: u64, fault: InjectedFault) {
        held(&self.0).by_number.insert(number, fault);
    }

    /// Plans a fault for the next request.
    pub fn next(&self, fault: InjectedFault) {
        let mut plan = held(&self.0);
        let number = plan.requests_made + 1;
        plan.by_number.insert(number, fault);
    }

    /// Plans a fault for every request that matches.
    pub fn when(
        &self,
        is_like: impl Fn(&AwsRequest) -> bool + Send + 'static,
        fault: InjectedFault,
    ) {
        self.by(move |_, aws_request| is_like(aws_request).then_some(fault));
    }

    /// Plans a fault for the first request that matches.
    pub fn once(
        &self,
        is_like: impl Fn(&AwsRequest) -> bool + Send + 'static,
        fault: InjectedFault,
    ) {
        let mut still = Some(fault);
        self.by(move |_, aws_request| {
            if is_like(aws_request) {
                still.take()
            } else {
                None
            }
        });
    }

    /// Plans the faults that this function returns, by the request's number and content.
    pub fn by(
        &self,
        decide: impl FnMut(u64, &AwsRequest) -> Option<InjectedFault> + Send + 'static,
    ) {
        held(&self.0).deciders.push(Box::new(decide));
    }

    /// The caller dies after its `n`th request, counted from now on, without getting the answer.
    pub fn crash_after(&self, n: u64) {
        self.after_now(n, InjectedFault::CrashAfter);
    }

    fn after_now(&self, n: u64, fault: InjectedFault) {
        let mut plan = held(&self.0);
        let number = plan.requests_made + n;
        plan.by_number.insert(number, fault);
    }

    /// The caller lives again; nothing else changes.
    pub fn restart(&self) {
        held(&self.0).crashed = false;
    }

    pub fn crashed(&self) -> bool {
        held(&self.0).crashed
    }

    /// Removes all planned faults; a caller that has died stays dead.
    pub fn clear(&self) {
        let mut plan = held(&self.0);
        plan.by_number.clear();
        plan.deciders.clear();
    }

    /// How many requests were made while the caller lived.
    pub fn requests_made(&self) -> u64 {
        held(&self.0).requests_made
    }

    /// The requests in their order, the last hundred thousand of them.
    pub fn journal(&self) -> Vec<JournalEntry> {
        held(&self.0).journal.iter().cloned().collect()
    }

    /// Numbers a request and returns its fault.
    pub(crate) fn decide(&self, aws_request: &AwsRequest) -> Option<InjectedFault> {
        let mut plan = held(&self.0);
        let crashed = plan.crashed;
        if !crashed {
            plan.requests_made += 1;
        }
        let number = plan.requests_made;
        let fault = match crashed {
            true => None,
            false => plan.fault(number, aws_request),
        };
        if plan.journal.len() == JOURNAL_MAX {
            plan.journal.pop_front();
        }
        plan.journal.push_back(JournalEntry {
            number,
            service: aws_request.service,
            operation: aws_request.operation.clone(),
            resource: aws_request.resource.clone(),
            key: aws_request.key.clone(),
            fault,
            crashed,
        });
        if matches!(
            fault,
            Some(InjectedFault::CrashBefore | InjectedFault::CrashAfter)
        ) {
            plan.crashed = true;
        }
        if crashed {
            Some(InjectedFault::CrashBefore)
        } else {
            fault
        }
    }
}

impl Plan {
    fn fault(&mut self, number: u64, aws_request: &AwsRequest) -> Option<InjectedFault> {
        let planned = self.by_number.remove(&number);
        planned.or_else(|| {
            self.deciders
                .iter_mut()
                .find_map(|decide| decide(number, aws_request))
        })
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = held(&self.0);
        write!(
            f,
            "Faults({} requests, {:?} planned)",
            plan.requests_made, plan.by_number
        )
    }
}

//! The behaviours that CPython's own tests of asyncio state (`Lib/test/test_asyncio` of 3.13), as tests of this crate.
//!
//! Each test says in its comment which of CPython's it mirrors, one to a line: `Mirrors CPython
//! LockTests.test_acquire.` `page.rs` counts these comments and compares them with `docs/parity.md` and with
//! `names.txt`, the names of all tests of the classes that are ported. What looks inside of an object there
//! (`lock._waiters`) looks at what can be seen here.

mod as_completed;
mod barriers;
mod base_events;
mod conditions;
mod events;
mod futures;
mod gathers;
#[path = "../harness/mod.rs"]
mod harness;
mod hops;
mod locks;
mod messages;
#[path = "../harness/oracle.rs"]
mod oracle;
mod page;
mod printed;
mod queues;
mod runners;
mod scenarios;
mod semaphores;
mod shields;
mod streams;
mod taskgroups;
mod tasks;
mod timeouts;
mod wait_for;
mod waits;

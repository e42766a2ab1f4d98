//! Waiting for several things, or under a condition: what asyncio builds of futures and their done-callbacks.
//!
//! Job: one combinator a file. Neighbours: `any_future.rs`, what they take and give; `future.rs`, `cancel.rs`.
//! Invariant: gather, wait, as_completed and shield don't poll what they wait for. Each watches it by done-callbacks and
//! settles a future of its own, so two turns go by from an end to the step of the task that awaits the combinator, as
//! in asyncio. `timeout`, `wait_for` and `TaskGroup` have a body, which is polled in the task that awaits them.
//!
//! | here | in asyncio | in .NET |
//! |---|---|---|
//! | `gather(tasks).await?` | `await gather(*tasks)` | `await Task.WhenAll(tasks)`, which waits for all |
//! | `gather_tuple((a(), b())).await?` | `await gather(a(), b())` | `WhenAll`, for one type |
//! | `gather_return_exceptions(tasks).await?` | `await gather(*tasks, return_exceptions=True)` | `WhenAll`, then each task |
//! | `wait(&tasks, ReturnWhen::FirstCompleted, None).await?` | `await wait(tasks, return_when=FIRST_COMPLETED)` | `await Task.WhenAny(tasks)` |
//! | `for next in as_completed(tasks, None) { next.await? }` | `for next in as_completed(tasks): await next` | `await foreach (var t in Task.WhenEach(tasks))` |
//! | `shield(task).await?` | `await shield(task)` | `await task` |
//! | `wait_for(delay, future).await?` | `await wait_for(future, delay)` | `await task.WaitAsync(delay)`, which cancels nothing |
//! | `timeout(delay, async \|limit\| { .. }).await?` | `async with timeout(delay) as limit:` | `CancelAfter` on a linked source |
//! | `TaskGroup::scope(async \|group\| { .. }).await?` | `async with TaskGroup() as group:` | by hand |

mod as_completed;
mod gather;
mod gather_tuple;
mod scope;
mod shield;
mod taskgroups;
mod timeouts;
mod wait;
mod wait_for;

pub use as_completed::{AsCompleted, NextCompleted, as_completed};
pub use gather::{gather, gather_return_exceptions};
pub use gather_tuple::{GatherTuple, gather_tuple, gather_tuple_return_exceptions};
pub use shield::shield;
pub use taskgroups::TaskGroup;
pub use timeouts::{LoopError, Timeout, timeout, timeout_at};
pub use wait::{ReturnWhen, Waitable, wait};
pub use wait_for::{Started, wait_for};

//! Locks and queues.

use std::rc::Rc;

use oneloop::{BoundedSemaphorePermit, Result};
use serde_json::Value;

use super::{World, name, none, number};

impl World {
    pub(super) async fn lock(self: Rc<World>, me: usize, op: Value, at: String) -> Result<String> {
        let which = number(&op["which"]);
        match name(&op["op"]) {
            "lock" => {
                let _guard = self.locks[which].acquire().await?;
                self.say(format_args!("{at} holds"));
                self.inside(me, &op["body"], format!("{at}b")).await.map(none)
            }
            "semaphore" => {
                let _permit = self.semaphores[which].acquire().await?;
                self.say(format_args!("{at} holds"));
                self.inside(me, &op["body"], format!("{at}b")).await.map(none)
            }
            "acquire" => self.bounded[which].acquire().await.map(BoundedSemaphorePermit::forget).map(none),
            "release" => self.bounded[which].release().map(none),
            "event" => self.events[which].wait().await.map(none),
            "event_set" => {
                self.events[which].set();
                Ok(none(()))
            }
            "event_clear" => {
                self.events[which].clear();
                Ok(none(()))
            }
            "condition" => {
                let _guard = self.conditions[which].acquire().await?;
                self.say(format_args!("{at} holds"));
                self.conditions[which].wait().await?;
                self.say(format_args!("{at} is notified"));
                self.inside(me, &op["body"], format!("{at}b")).await.map(none)
            }
            "notify" => {
                let _guard = self.conditions[which].acquire().await?;
                self.conditions[which].notify(number(&op["count"]))?;
                self.inside(me, &op["body"], format!("{at}b")).await.map(none)
            }
            "barrier" => self.barriers[which].wait().await.map(|index| index.to_string()),
            "barrier_reset" => self.barriers[which].reset().await.map(none),
            other => panic!("no operation {other}"),
        }
    }

    pub(super) async fn queue(self: Rc<World>, op: Value, at: String) -> Result<String> {
        let queue = &self.queues[number(&op["which"])];
        match name(&op["op"]) {
            "put" => queue.put(at).await.map(none),
            "get" => queue.get().await,
            "put_nowait" => queue.put_nowait(at).map(none),
            "get_nowait" => queue.get_nowait(),
            "task_done" => queue.task_done().map(none),
            "join" => queue.join().await.map(none),
            "shutdown" => {
                queue.shutdown(op["immediate"] == true);
                Ok(none(()))
            }
            other => panic!("no operation {other}"),
        }
    }
}

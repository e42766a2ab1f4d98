//! Scopes, and what waits for several tasks.

use std::rc::Rc;

use oneloop::{
    Result, ReturnWhen, TaskGroup, Timeout, as_completed, gather, gather_return_exceptions, shield, wait, wait_for,
};
use serde_json::Value;

use super::{Outer, World, absent, kind, name, none, number, time, word};

impl World {
    pub(super) async fn scope(self: Rc<World>, me: usize, op: Value, at: String) -> Result<String> {
        let numbers = || op["tasks"].as_array().expect("a list").iter().map(number);
        let spawned = || numbers().map(|number| self.spawn(number)).collect::<Vec<_>>();
        let found = || numbers().filter_map(|number| self.find(number)).collect::<Vec<_>>();
        match name(&op["op"]) {
            "try" => {
                if let Err(error) = self.inside(me, &op["body"], format!("{at}b")).await {
                    if op["only_cancelled"] != error.is_cancelled() {
                        return Err(error);
                    }
                    self.say(format_args!("{at} catches {}", kind(&error)));
                    self.inside(me, &op["handler"], format!("{at}h")).await?;
                }
                Ok(none(()))
            }
            "finally" => {
                let result = self.inside(me, &op["body"], format!("{at}b")).await;
                self.inside(me, &op["handler"], format!("{at}h")).await?;
                result.map(none)
            }
            "timeout" => {
                let scope = Timeout::new(Some(self.event_loop.time() + time(&op["time"])));
                self.scopes.borrow_mut().entry(me).or_default().push(scope.clone());
                let result = scope.enter(self.inside(me, &op["body"], format!("{at}b"))).await;
                self.scopes.borrow_mut().entry(me).or_default().pop();
                self.say(format_args!("{at} expired {}", word(scope.expired())));
                result.map(none)
            }
            "reschedule" => {
                let scope = self.scopes.borrow().get(&me).and_then(|scopes| scopes.last().cloned());
                let when = op["time"].as_u64().map(|_| self.event_loop.time() + time(&op["time"]));
                scope.map_or_else(absent, |scope| scope.reschedule(when).map(none))
            }
            "wait_for_task" => match self.find(number(&op["task"])) {
                Some(task) => wait_for(time(&op["time"]), &task).await.map(|number| number.to_string()),
                None => absent(),
            },
            "make_gather" => {
                let (first, outer) = (numbers().min().expect("a task"), Outer::Gather(gather(&spawned())));
                self.outers.borrow_mut().insert(number(&op["slot"]), (first, outer));
                Ok(none(()))
            }
            "make_shield" => self.find(number(&op["task"])).map_or_else(absent, |task| {
                let outer = (number(&op["task"]), Outer::Shield(shield(&task)));
                self.outers.borrow_mut().insert(number(&op["slot"]), outer);
                Ok(none(()))
            }),
            "await_outer" => {
                let outer = self.outers.borrow().get(&number(&op["slot"])).cloned();
                match outer.filter(|(first, _)| me < *first) {
                    Some((_, Outer::Gather(outer))) => (&outer).await.map(|results| format!("{results:?}")),
                    Some((_, Outer::Shield(outer))) => (&outer).await.map(|number| number.to_string()),
                    None => absent(),
                }
            }
            "cancel_outer" => {
                let outer = self.outers.borrow().get(&number(&op["slot"])).cloned();
                outer.map_or_else(absent, |(_, outer)| match outer {
                    Outer::Gather(outer) => Ok(word(outer.cancel())),
                    Outer::Shield(outer) => Ok(word(outer.cancel())),
                })
            }
            "wait_for" => wait_for(time(&op["time"]), self.inside(me, &op["body"], format!("{at}b"))).await.map(none),
            "gather" => gather(&spawned()).await.map(|results| format!("{results:?}")),
            "gather_all" => {
                let results = gather_return_exceptions(&spawned()).await?;
                let words = results.iter().map(|result| match result {
                    Ok(number) => format!("'{number}'"),
                    Err(error) => format!("'{}'", kind(error)),
                });
                Ok(format!("[{}]", words.collect::<Vec<_>>().join(", ")))
            }
            "group" => {
                let body = async |group: TaskGroup| {
                    for number in numbers() {
                        self.keep(number, &group.create_task(self.clone().body(number))?);
                    }
                    self.inside(me, &op["body"], format!("{at}b")).await
                };
                TaskGroup::scope(body).await.map(none)
            }
            "shield" => match self.find(number(&op["task"])) {
                Some(task) => shield(&task).await.map(|number| number.to_string()),
                None => absent(),
            },
            "wait" if found().is_empty() => absent(),
            "wait" => {
                let when = [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted]
                    [number(&op["when"])];
                let (done, _) = wait(found(), when, time(&op["time"])).await?;
                let done = numbers().filter(|number| self.find(*number).is_some_and(|task| done.contains(&task)));
                Ok(format!("{:?}", done.collect::<Vec<_>>()))
            }
            "as_completed" => {
                for ended in as_completed(&found(), None) {
                    self.say(format_args!("{at} completed {}", ended.await?));
                }
                Ok(none(()))
            }
            other => panic!("no operation {other}"),
        }
    }
}

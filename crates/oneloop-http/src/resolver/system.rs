//! The system's own resolver (`getaddrinfo`), on a thread of its own: `--resolver system`.
//!
//! The [stub resolver](super) knows hosts file and name servers. Where names come from elsewhere too (LDAP, mDNS, a
//! VPN's split view, whatever nsswitch.conf says), only libc knows them, and its call blocks. So one thread, named
//! `getaddrinfo`, makes one call at a time; it is started by the first lookup and ends with the last clone of the
//! resolver. A call cannot be cancelled: a caller that goes away leaves it to run out, and later ones wait for that.
//!
//! Neighbours: the connector, through [`Resolve`]; `call_soon_threadsafe` of the loop brings the answers home.
//! Counterparts: asyncio's `loop.getaddrinfo` and .NET's `Dns.GetHostAddressesAsync`, on pools of many threads.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};

use oneloop::{LoopHandle, SettableFuture};

use super::{Family, Resolved, of_family};
use crate::connector::{LocalBoxFuture, Resolve};
use crate::error::{Error, ErrorKind, Result};

/// The name of the thread, as `ps -L`, debuggers and our own tests show it.
const THREAD: &str = "getaddrinfo";

/// Looks names up with the system's `getaddrinfo`, on one thread. Clones share it.
///
/// ```
/// use oneloop_http::{ClientSession, resolver::SystemResolver};
/// let resolver = SystemResolver::new();
/// let session = ClientSession::builder().resolver(resolver.clone()).build()?;
/// assert_eq!(resolver.threads(), 0, "none before the first lookup");
/// # drop(session); Ok::<(), oneloop_http::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SystemResolver {
    questions: Rc<RefCell<Option<Sender<Question>>>>,
}

/// A name for the thread to look up.
struct Question {
    host: String,
    /// Who waits for it: a key of [`WAITING`].
    number: u64,
    home: LoopHandle,
}

type Answer = io::Result<Vec<IpAddr>>;

thread_local! {
    /// The lookups of this thread's loops that wait for an answer. Futures can't leave their thread, numbers can.
    static WAITING: RefCell<HashMap<u64, SettableFuture<Rc<Answer>>>> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Takes a lookup out of [`WAITING`] when its future goes, however it goes.
struct Waiting(u64);

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| waiting.remove(&self.0));
    }
}

impl SystemResolver {
    /// A resolver whose thread is not started yet.
    pub fn new() -> SystemResolver {
        SystemResolver::default()
    }

    /// How many threads it has: none before the first lookup, then one.
    pub fn threads(&self) -> usize {
        usize::from(self.questions.borrow().is_some())
    }

    /// The addresses of `host`, as the system orders them within each family, IPv6 first.
    async fn look_up(&self, host: &str, family: Family) -> Result<Vec<IpAddr>> {
        let event_loop = oneloop::get_running_loop()?;
        let number = NEXT.get();
        NEXT.set(number.wrapping_add(1));
        let answered = event_loop.create_future();
        WAITING.with_borrow_mut(|waiting| waiting.insert(number, answered.clone()));
        let _waiting = Waiting(number);
        self.ask(Question { host: host.to_owned(), number, home: event_loop.handle() })?;
        let answer = answered.await?;
        match &*answer {
            Ok(addresses) => {
                let addresses = of_family(addresses, family);
                if addresses.is_empty() {
                    let message = format!("the system knows no address of the wanted family for {host}");
                    return Err(Error::new(ErrorKind::Resolve, message).with_detail("no-data"));
                }
                Ok(addresses)
            }
            Err(error) => {
                // std gives getaddrinfo's codes as text only.
                let message = format!("the system knows no address for {host}: {error}");
                Err(Error::new(ErrorKind::Resolve, message).with_detail("getaddrinfo"))
            }
        }
    }

    fn ask(&self, question: Question) -> Result<()> {
        let mut questions = self.questions.borrow_mut();
        let sender = match &*questions {
            Some(sender) => sender,
            None => {
                let (sender, receiver) = channel();
                std::thread::Builder::new().name(THREAD.into()).spawn(move || answer_all(&receiver)).map_err(
                    |error| Error::new(ErrorKind::Local, format!("cannot start the thread for getaddrinfo: {error}")),
                )?;
                questions.insert(sender)
            }
        };
        sender.send(question).map_err(|_| Error::new(ErrorKind::Local, "the thread for getaddrinfo has ended"))
    }
}

/// What the thread does until the resolver is gone.
fn answer_all(questions: &Receiver<Question>) {
    while let Ok(Question { host, number, home }) = questions.recv() {
        let answer =
            (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        // A loop that has closed meanwhile waits for nothing.
        let _ = home.call_soon_threadsafe(move || deliver(number, answer));
    }
}

/// Back on the loop's thread.
fn deliver(number: u64, answer: Answer) {
    if let Some(waiting) = WAITING.with_borrow_mut(|waiting| waiting.remove(&number)) {
        drop(waiting.set_result(Rc::new(answer.map(without_repeats))));
    }
}

/// getaddrinfo names each address once for every type of socket.
fn without_repeats(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut distinct = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Resolved>> {
        Box::pin(async move { Ok(self.look_up(host, family).await?.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_on_one_thread_and_cancelling_leaves_nothing() {
        oneloop::run(async {
            let resolver = SystemResolver::new();
            let tasks: Vec<_> = (0..5)
                .map(|_| {
                    let resolver = resolver.clone();
                    oneloop::create_task(async move { Ok(resolver.resolve("localhost", Family::Any).await) })
                })
                .collect();
            for task in tasks {
                let addresses = task.await?.unwrap().addresses;
                assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty());
            }
            assert_eq!(resolver.threads(), 1);
            let error = resolver.resolve("no such name", Family::Any).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Resolve, "{error}");

            let lookup = resolver.clone();
            let task = oneloop::create_task(async move { Ok(lookup.resolve("localhost", Family::V4).await.map(drop)) });
            oneloop::yield_now().await?;
            task.cancel();
            match task.await {
                Ok(outcome) => assert!(outcome.unwrap_err().is_cancelled()),
                Err(error) => assert!(error.is_cancelled()),
            }
            WAITING.with_borrow(|waiting| assert!(waiting.is_empty()));
            Ok(())
        })
        .unwrap();
    }
}

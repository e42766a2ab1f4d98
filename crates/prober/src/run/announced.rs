//! The demo, judged: did every endpoint behave as its site had announced?
//!
//! Neighbours: `demo` announces, `settle` hands in each outcome, the parent module asks for the verdict in the end.
//! Without the demo nothing is announced, and nothing here has anything to say.

use std::cell::RefCell;
use std::time::Duration;

use oneloop_http::ErrorKind;

use crate::demo::Endpoint;
use crate::exit::Ending;
use crate::report::Outcome;
use crate::stderr::warn;
use crate::target::Target;

/// What was announced of each URL of the list, in its order, and what came out otherwise.
#[derive(Debug)]
pub(super) struct Announced {
    endpoints: Vec<Endpoint>,
    surprises: RefCell<Vec<String>>,
}

impl Announced {
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Announced {
        Announced { endpoints, surprises: RefCell::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Notes it when `outcome` is not what was announced.
    pub(super) fn compare(&self, target: &Target, outcome: &Outcome) {
        let Some(endpoint) = self.endpoint(target) else { return };
        let kind = outcome.kind().map(ErrorKind::as_str);
        if !endpoint.expected.is_met_by(outcome.status(), kind) {
            let Endpoint { name, does, expected, .. } = endpoint;
            let ended = kind.unwrap_or("no error");
            let surprise = format!("the endpoint '{name}', which {does}, ended with {ended}, not with {expected}");
            self.surprises.borrow_mut().push(surprise);
        }
    }

    /// The time that this URL gets, where it has one of its own.
    pub(super) fn timeout(&self, target: &Target) -> Option<Duration> {
        self.endpoint(target)?.timeout
    }

    /// What the demo announced of this URL.
    fn endpoint(&self, target: &Target) -> Option<&Endpoint> {
        self.endpoints.get(usize::try_from(target.index).ok()?)
    }

    /// Says on stderr whether the demo went as announced; gives the number of endpoints that did not.
    pub(super) fn judge(&self, ending: &Ending) -> u64 {
        let surprises = self.surprises.borrow();
        for surprise in surprises.iter() {
            warn(surprise);
        }
        if surprises.is_empty() && *ending == Ending::Complete {
            warn(&format!(
                "all {} endpoints of the demo behaved as announced, red ones included",
                self.endpoints.len()
            ));
        }
        surprises.len() as u64
    }
}

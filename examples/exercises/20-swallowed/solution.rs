//! Exercise 20, solved: a cancellation is passed on before anything is tried again.

use std::rc::Rc;

use oneloop::{Error, Result};

use super::check::Server;

/// Asks until there is an answer.
pub async fn retry(server: Rc<Server>) -> Result<u32> {
    loop {
        match server.ask().await {
            Ok(answer) => return Ok(answer),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(_) => continue,
        }
    }
}

//! The peer that most people would write: reqwest on tokio's current-thread runtime.

use peers::{Lines, Options, Outcome, tls};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let mut options = Options::from_args();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("reqwest-probe")
        .timeout(options.max_time);
    // Without a CA nothing is trusted, so that no root store is read either.
    let config = match &options.cacert {
        Some(ca) => tls::client_config(&options.provider, ca)?,
        None => rustls::ClientConfig::builder_with_provider(tls::provider(&options.provider)?)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
    };
    builder = builder.tls_backend_preconfigured(config);
    if !options.keepalive {
        builder = builder.pool_max_idle_per_host(0);
    }
    let client = builder.build()?;
    let keepalive = options.keepalive;
    let urls = Rc::new(RefCell::new(std::mem::take(&mut options.urls).into_iter()));
    let lines = Rc::new(Lines::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let workers: Vec<_> = (0..options.parallel)
            .map(|_| {
                let (client, urls, lines) = (client.clone(), urls.clone(), lines.clone());
                tokio::task::spawn_local(async move {
                    loop {
                        let Some(url) = urls.borrow_mut().next() else {
                            return;
                        };
                        let outcome: Outcome = probe(&client, &url, keepalive).await.map_err(|e| e.to_string());
                        lines.print(&url, &outcome);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await?;
        }
        Ok::<(), tokio::task::JoinError>(())
    })?;
    drop(set);
    match Rc::into_inner(lines) {
        Some(lines) => lines.finish(),
        None => Err("a worker is left".into()),
    }
}

async fn probe(client: &reqwest::Client, url: &str, keepalive: bool) -> Result<(u16, Duration), reqwest::Error> {
    let start = Instant::now();
    let mut request = client.get(url);
    if !keepalive {
        request = request.header("connection", "close");
    }
    let mut response = request.send().await?;
    let took = start.elapsed();
    while response.chunk().await?.is_some() {}
    Ok((response.status().as_u16(), took))
}

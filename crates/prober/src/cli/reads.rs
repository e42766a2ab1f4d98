//! What the options read: files behind an `@`, and standard input for `@-`. The files are told, so that none of them is
//! written over.

use std::io::Read;
use std::path::PathBuf;

use super::options::Cli;

/// What each is, in words, and its path. Standard input is no file.
pub(super) fn of(cli: &Cli) -> Vec<(&'static str, PathBuf)> {
    let named = [
        ("the modules in", &cli.module.config_file),
        ("the authorities in", &cli.tls.cacert),
        ("the revocation lists in", &cli.tls.crlfile),
        ("the client certificate in", &cli.tls.cert),
        ("the key in", &cli.tls.key),
    ];
    let mut reads: Vec<_> = named.into_iter().filter_map(|(what, path)| Some((what, path.clone()?))).collect();
    let mut behind_at = |what, value: &String| match value.strip_prefix('@') {
        None | Some("-") => {}
        Some(path) => reads.push((what, path.into())),
    };
    cli.request.data.iter().for_each(|value| behind_at("the body in", value));
    cli.request.header.iter().for_each(|value| behind_at("the headers in", value));
    cli.output.write_out.iter().for_each(|value| behind_at("the format in", value));
    reads
}

/// Standard input is read to its end by whoever comes first, and the next one would find nothing. `lists` is how many
/// lists of URLs come from there.
pub(super) fn check_stdin(cli: &Cli, lists: usize) -> Result<(), String> {
    let of = |option, given: &[String]| vec![option; given.iter().filter(|value| *value == "@-").count()];
    let mut readers = vec!["-"; lists];
    readers.extend(of("-d @-", &cli.request.data));
    readers.extend(of("-H @-", &cli.request.header));
    readers.extend(of("-w @-", cli.output.write_out.as_slice()));
    match readers.len() {
        0 | 1 => Ok(()),
        _ => Err(format!("{}: standard input can be read once only", readers.join(" and "))),
    }
}

/// All that is in `path`, which stood behind the `@` of `option`. `what` is what it holds, in words.
pub(super) fn bytes(what: &str, option: &str, path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let outcome = match path {
        "" => return Err(format!("{option} @ names no file: write {option} @FILE, or {option} @- for standard input")),
        "-" => std::io::stdin().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(path).map(|read| bytes = read),
    };
    outcome.map_err(|error| format!("cannot read {what} ({option}) in {path}: {error}"))?;
    Ok(bytes)
}

/// The same, where it is text.
pub(super) fn text(what: &str, option: &str, path: &str) -> Result<String, String> {
    let text = String::from_utf8(bytes(what, option, path)?);
    text.map_err(|_| format!("cannot read {what} ({option}) in {path}: it is not UTF-8"))
}

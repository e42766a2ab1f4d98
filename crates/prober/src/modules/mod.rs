//! Modules: named kinds of probes, in blackbox_exporter's YAML.
//!
//! `serve` and `--module` use the same ones. A file is read whole or not at all: whatever cannot be honoured is one
//! error that names file, line and key. Reading order: `tree.rs` (YAML with lines), `fields.rs` (keys and types),
//! `read.rs` (what the keys mean), `shown.rs` (the file without its secrets). Counterpart: blackbox_exporter's
//! `config/config.go`.

mod fields;
mod read;
mod shown;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::spec::Spec;

/// The name of the module that is used when none is asked for, and that is there without a file.
pub(crate) const DEFAULT: &str = "http_2xx";

/// All modules of a file.
#[derive(Debug, Clone)]
pub(crate) struct Modules {
    pub(crate) by_name: BTreeMap<String, Rc<Module>>,
    /// The file as it may be shown.
    pub(crate) shown: String,
}

/// One module.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// `http`, or what cannot be probed with: `tcp`, `icmp`, `dns`, `grpc`.
    pub(crate) prober: String,
    /// Its own time limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) spec: Spec,
    /// Its part of the file, as it may be shown.
    pub(crate) shown: String,
}

impl Modules {
    /// What there is without a file: `http_2xx`, which is what blackbox_exporter's own file calls so.
    pub(crate) fn built_in() -> Modules {
        let text = "modules:\n  http_2xx:\n    prober: http\n";
        // The text above is a good one; should it ever not be, there are no modules, and each question says so.
        Modules::parse("(built in)", text).unwrap_or(Modules { by_name: BTreeMap::new(), shown: String::new() })
    }

    /// Reads the file at `path`; the error is a sentence with file, line and key.
    pub(crate) fn load(path: &Path) -> Result<Modules, String> {
        let name = path.display();
        let bytes = std::fs::read(path).map_err(|error| format!("cannot read the modules in {name}: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("{name}:{line}: this is not UTF-8")
        })?;
        Modules::parse(&name.to_string(), &text)
    }

    /// Reads `text`, which is called `name` in errors.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Modules, String> {
        let at = |fault: tree::Fault| format!("{name}:{}: {}", fault.line, fault.message);
        let root = tree::parse(text).map_err(at)?;
        let root = root.ok_or_else(|| format!("{name}:1: modules: the file holds none"))?;
        let shown = shown::without_secrets(&root);
        let by_name = read::modules(root).map_err(at)?;
        Ok(Modules { by_name, shown })
    }

    /// Has each module that names no CA of its own trust what this system trusts, as in blackbox_exporter, and not the
    /// roots that are compiled in.
    pub(crate) fn trust_the_system(&mut self) -> Result<(), String> {
        let mut one = None;
        for module in self.by_name.values_mut().filter(|module| module.spec.tls.cacert.is_none()) {
            Rc::make_mut(module).spec.tls.native = true;
            one = Some(module).filter(|module| module.prober == "http").or(one);
        }
        // Whether there is anything to trust, which is the same for all, is told before the first probe.
        one.map_or(Ok(()), |module| crate::probe::Prober::new(Rc::new(module.spec.clone()), None, false).map(drop))
    }
}

#[cfg(test)]
mod tests;

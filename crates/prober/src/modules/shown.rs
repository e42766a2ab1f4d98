//! A file of modules as it may be shown: every secret is `<secret>`, everything else stands as it was read.

use super::tree::{Node, Value};
use crate::escape::{SECRET, is_secret_header, url_without_secrets};

/// Keys whose values are secrets, wherever they stand.
const SECRETS: [&str; 8] =
    ["password", "credentials", "bearer_token", "client_secret", "key", "token", "secret", "passphrase"];

/// The tree as YAML.
pub(super) fn without_secrets(root: &Node) -> String {
    let mut out = String::new();
    block(&mut out, root, 0);
    out
}

fn block(out: &mut String, node: &Node, depth: usize) {
    let indent = "  ".repeat(depth);
    match &node.value {
        Value::Mapping(entries) => {
            for (_, key, value) in entries {
                out.push_str(&format!("{indent}{}:", quoted(key, true)));
                let hidden = SECRETS.contains(&key.as_str()) || is_secret_header(key);
                match &value.value {
                    _ if hidden && !value.is_null() => out.push_str(&format!(" {SECRET}\n")),
                    Value::Scalar(text, plain) => {
                        out.push_str(&format!(" {}\n", quoted(&url_without_secrets(text), *plain)))
                    }
                    Value::Mapping(entries) if entries.is_empty() => out.push_str(" {}\n"),
                    Value::Sequence(items) if items.is_empty() => out.push_str(" []\n"),
                    _ => {
                        out.push('\n');
                        block(out, value, depth + 1);
                    }
                }
            }
        }
        Value::Sequence(items) => {
            for item in items {
                let mut text = String::new();
                block(&mut text, item, depth + 1);
                // The dash takes the place of the first line's indentation.
                out.push_str(&format!("{indent}- {}", text.trim_start_matches(' ')));
            }
        }
        Value::Scalar(text, plain) => {
            out.push_str(&format!("{indent}{}\n", quoted(&url_without_secrets(text), *plain)))
        }
    }
}

/// Text that stood plain stands plain again, unless something in it was hidden; all other text is quoted.
fn quoted(text: &str, plain: bool) -> String {
    let safe = plain && !text.contains(['<', '\n', '#', '"']) && !text.ends_with(' ');
    if safe { text.to_owned() } else { serde_json::to_string(text).unwrap_or_default() }
}

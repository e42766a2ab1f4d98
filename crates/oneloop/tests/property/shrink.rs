//! A failing program is made as small as it can be and still fail.
//!
//! Job: propose smaller programs: without one operation, with a scope's body in its place, with shorter times. The first
//! that still fails is taken, and so on until none does. Neighbours: `main.rs` says what fails.

use serde_json::{Value, json};

/// The smallest program that could be reached from `program` by steps each of which still `fails`.
pub(crate) fn shrink(program: Value, mut fails: impl FnMut(&Value) -> bool) -> Value {
    let mut smallest = program;
    while let Some(smaller) = candidates(&smallest).into_iter().find(|candidate| fails(candidate)) {
        smallest = smaller;
    }
    smallest
}

fn candidates(program: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (body, ops) in program["bodies"].as_array().expect("a list").iter().enumerate() {
        for smaller in smaller_lists(ops) {
            let mut candidate = program.clone();
            candidate["bodies"][body] = smaller;
            all.push(candidate);
        }
    }
    all
}

/// The list with one operation less, or with one of them made smaller.
fn smaller_lists(ops: &Value) -> Vec<Value> {
    let list = ops.as_array().expect("a list");
    let mut all = Vec::new();
    if list.len() > 2 {
        all.push(json!(list[..list.len() / 2]));
        all.push(json!(list[list.len() / 2..]));
    }
    for index in 0..list.len() {
        let with = |replacement: &[Value]| {
            let mut list = list.clone();
            list.splice(index..=index, replacement.iter().cloned());
            Value::Array(list)
        };
        all.push(with(&[]));
        let op = &list[index];
        for part in ["body", "handler"] {
            if let Some(ops) = op[part].as_array() {
                all.push(with(ops));
                for smaller in smaller_lists(&op[part]) {
                    let mut op = op.clone();
                    op[part] = smaller;
                    all.push(with(&[op]));
                }
            }
        }
        if let Some(tasks) = op["tasks"].as_array().filter(|tasks| tasks.len() > 1) {
            for less in 0..tasks.len() {
                let mut op = op.clone();
                op["tasks"].as_array_mut().expect("a list").remove(less);
                all.push(with(&[op]));
            }
        }
        if let Some(time) = op["time"].as_u64().filter(|time| *time > 1) {
            let mut op = op.clone();
            op["time"] = json!(time - 1);
            all.push(with(&[op]));
        }
    }
    all
}

//! A YAML file as a tree whose every node knows its line.
//!
//! saphyr-parser gives events; this makes mappings, sequences and scalars of them. Keys that stand twice, more than one
//! document, aliases to what is unknown, and trees beyond a bound are errors with a line. Whether a plain scalar is text,
//! a number or a truth is decided by who asks for it, as in Go's YAML decoder, so `200` can be a header's value.
//! Neighbour: `read` asks the tree for modules.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// More nodes than this (aliases count as what they stand for) is no list of modules.
const MOST_NODES: usize = 200_000;
/// Deeper than this is none either.
const DEEPEST: usize = 64;

/// What is wrong, and on which line (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Fault {
        Fault { line, message: message.into() }
    }
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Text, and whether it stood plain, without quotes.
    Scalar(String, bool),
    Sequence(Vec<Node>),
    /// In the order of the file: the key's line, the key, the value.
    Mapping(Vec<(usize, String, Node)>),
}

impl Node {
    /// Whether nothing stands here: `key:` without a value, or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, true) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What this is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar(..) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Reads the one document of `text`; `None` when there is none.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut document = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(document),
            Event::DocumentStart(_) if document.is_some() => {
                return Err(Fault::new(line, "a second document begins here; one file holds one"));
            }
            Event::DocumentStart(_) => {
                let (event, line) = reader.next()?;
                document = Some(reader.node(event, line, 0)?);
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Fault> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, line(&span))),
            Some(Err(error)) => Err(Fault::new(error.marker().line(), error.info().to_owned())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, Fault> {
        self.count(1, line)?;
        if depth > DEEPEST {
            return Err(Fault::new(line, "this is nested too deeply"));
        }
        let before = self.nodes;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                (Value::Scalar(text.into_owned(), style == ScalarStyle::Plain), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Fault::new(line, "this alias refers to nothing before it"));
                };
                self.count(size, line)?;
                return Ok(node);
            }
            _ => return Err(Fault::new(line, "a value was expected here")),
        };
        let node = Node { line, value };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut entries = Entries::default();
        loop {
            let (event, line) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Mapping(entries.all));
            }
            let Value::Scalar(key, _) = self.node(event, line, depth + 1)?.value else {
                return Err(Fault::new(line, "a key must be a single value"));
            };
            let (event, value_line) = self.next()?;
            let value = self.node(event, value_line, depth + 1)?;
            if key == "<<" {
                entries.merge(value)?;
            } else {
                entries.add(line, key, value)?;
            }
        }
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(nodes);
        match self.nodes > MOST_NODES {
            true => Err(Fault::new(line, "the file is too large, or its aliases make it so")),
            false => Ok(()),
        }
    }
}

/// The entries of a mapping, and where each key stands among them.
#[derive(Default)]
struct Entries {
    /// Those that were merged in bear the line 0.
    all: Vec<(usize, String, Node)>,
    places: HashMap<String, usize>,
}

impl Entries {
    fn add(&mut self, line: usize, key: String, value: Node) -> Result<(), Fault> {
        match self.places.get(&key).map(|place| &mut self.all[*place]) {
            None => {
                self.places.insert(key.clone(), self.all.len());
                self.all.push((line, key, value));
            }
            // What was merged in before gives way.
            Some(merged @ (0, ..)) => *merged = (line, key, value),
            Some((first, ..)) => {
                let message = format!("the key {key} stands here a second time (first on line {first})");
                return Err(Fault::new(line, message));
            }
        }
        Ok(())
    }

    /// `<<: *other`: the entries of another mapping, where there are none of their names.
    fn merge(&mut self, value: Node) -> Result<(), Fault> {
        match value.value {
            Value::Mapping(others) => {
                for (_, key, node) in others {
                    if !self.places.contains_key(&key) {
                        self.add(0, key, node)?;
                    }
                }
                Ok(())
            }
            Value::Sequence(nodes) => nodes.into_iter().try_for_each(|node| self.merge(node)),
            Value::Scalar(..) => Err(Fault::new(value.line, "<< wants a mapping, or a list of them")),
        }
    }
}

/// saphyr counts lines from 1.
fn line(span: &Span) -> usize {
    span.start.line()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let fault = parse(text).expect_err(text);
        (fault.line, fault.message)
    }

    #[test]
    fn nodes_know_their_lines() {
        let node = parse("a: 1\nb:\n  - x\n  - y: {z: 'q'}\n").expect("a tree").expect("a document");
        let Value::Mapping(entries) = node.value else { panic!("a mapping") };
        assert_eq!((entries[0].0, entries[1].0), (1, 2));
        let Value::Sequence(items) = &entries[1].2.value else { panic!("a list") };
        assert_eq!((items[0].line, items[1].line), (3, 4));
        assert!(parse("").expect("no fault").is_none() && parse("# nothing\n").expect("no fault").is_none());
    }

    #[test]
    fn faults_name_their_lines() {
        assert_eq!(fault("a: 1\nb: 2\na: 3\n").0, 3);
        assert_eq!(fault("a: 1\n---\nb: 2\n").0, 2);
        assert!(fault("a: [1, 2\n").0 >= 1);
        assert_eq!(fault("a:\n  b: 1\n c: 2\n").0, 3);
    }

    #[test]
    fn aliases_stand_for_what_they_name_and_cannot_blow_up() {
        let node = parse("a: &x {k: v, l: w}\nb:\n  <<: *x\n  l: own\n").expect("a tree").expect("a document");
        let Value::Mapping(entries) = &node.value else { panic!("a mapping") };
        let Value::Mapping(merged) = &entries[1].2.value else { panic!("a mapping") };
        let shown: Vec<_> = merged.iter().map(|(_, key, node)| (key.as_str(), format!("{:?}", node.value))).collect();
        assert_eq!(shown.len(), 2);
        assert!(shown.iter().any(|(key, value)| *key == "l" && value.contains("own")), "{shown:?}");
        let mut bomb = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
        }
        assert!(fault(&bomb).1.contains("too large"));
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(parse(&deep).is_err());
    }
}

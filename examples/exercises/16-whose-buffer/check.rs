//! A kernel that completes: it was given a buffer, and writes into it whenever it gets to that.

use std::cell::RefCell;
use std::rc::Rc;

/// One of the program's buffers.
pub type Buffer = usize;
/// One of the operations that the kernel was asked for.
pub type Operation = usize;

#[derive(Default)]
pub struct Kernel(RefCell<Inner>);

#[derive(Default)]
struct Inner {
    memory: [String; 2],
    taken: [bool; 2],
    /// What each operation writes to, until it is complete.
    operations: Vec<Option<Buffer>>,
    left_behind: Vec<Operation>,
}

impl Kernel {
    /// Takes a free buffer.
    pub fn take(&self) -> Buffer {
        let mut inner = self.0.borrow_mut();
        let buffer = inner.taken.iter().position(|taken| !taken).expect("two buffers are enough here");
        inner.taken[buffer] = true;
        buffer
    }

    /// Gives a buffer back: the next one who takes a buffer may get it.
    pub fn give_back(&self, buffer: Buffer) {
        self.0.borrow_mut().taken[buffer] = false;
    }

    /// Asks for a read into this buffer.
    pub fn submit(&self, buffer: Buffer) -> Operation {
        let mut inner = self.0.borrow_mut();
        inner.operations.push(Some(buffer));
        inner.operations.len() - 1
    }

    /// Says that nobody waits for this operation any more. When it completes, or if it has, its buffer is given back.
    pub fn leave(&self, operation: Operation, buffer: Buffer) {
        let mut inner = self.0.borrow_mut();
        match inner.operations[operation] {
            Some(_) => inner.left_behind.push(operation),
            None => inner.taken[buffer] = false,
        }
    }

    fn complete(&self, operation: Operation, bytes: &str) {
        let mut inner = self.0.borrow_mut();
        let Some(buffer) = inner.operations[operation].take() else { return };
        inner.memory[buffer] = bytes.into();
        if inner.left_behind.contains(&operation) {
            inner.taken[buffer] = false;
        }
    }

    fn content(&self, buffer: Buffer) -> String {
        self.0.borrow().memory[buffer].clone()
    }
}

pub trait Reads {
    fn begin(kernel: Rc<Kernel>) -> Self;
    fn buffer(&self) -> Buffer;
    fn operation(&self) -> Operation;
}

pub fn check<R: Reads>() -> Result<(), String> {
    let kernel = Rc::new(Kernel::default());
    let slow = R::begin(kernel.clone());
    let operation = slow.operation();
    drop(slow); // its time limit struck; the kernel has the buffer still

    let wanted = R::begin(kernel.clone());
    kernel.complete(wanted.operation(), "the answer");
    kernel.complete(operation, "an old answer");
    let got = kernel.content(wanted.buffer());
    if got != "the answer" {
        return Err(format!(
            "the second read had 'the answer' in its buffer, and then it had '{got}' there.\n\
             Dropping a future stops your part. Whose is the buffer until the kernel has completed?"
        ));
    }
    drop(wanted);
    if kernel.0.borrow().taken.contains(&true) {
        return Err("all reads are complete or dropped, and a buffer was never given back".into());
    }
    Ok(())
}

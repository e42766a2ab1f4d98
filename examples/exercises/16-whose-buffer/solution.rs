//! Exercise 16, solved: the buffer is the kernel's until the operation is complete, whether anybody waits or not.

use std::rc::Rc;

use super::check::{Buffer, Kernel, Operation, Reads};

/// A read that the kernel was asked for. Dropped, it is no longer wanted.
pub struct Read {
    kernel: Rc<Kernel>,
    buffer: Buffer,
    operation: Operation,
}

impl Reads for Read {
    fn begin(kernel: Rc<Kernel>) -> Read {
        let buffer = kernel.take();
        let operation = kernel.submit(buffer);
        Read { kernel, buffer, operation }
    }

    fn buffer(&self) -> Buffer {
        self.buffer
    }

    fn operation(&self) -> Operation {
        self.operation
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.kernel.leave(self.operation, self.buffer);
    }
}

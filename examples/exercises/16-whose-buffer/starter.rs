//! Exercise 16: give a buffer back when it is yours to give. See README.md beside this file.

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
        self.kernel.give_back(self.buffer);
    }
}

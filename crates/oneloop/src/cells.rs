//! A look into a `Cell` whose content isn't `Copy`.
//!
//! Job: [`peek`]. A `Cell` lends nothing out, so what is in it can't be held while user code runs; that is why this crate
//! likes it better than a `RefCell` for what is small. Invariant: the cell is never left empty while anything else runs
//! but the content's `clone`.

use std::cell::Cell;

/// A copy of what is in the cell.
#[inline]
pub(crate) fn peek<T: Clone + Default>(cell: &Cell<T>) -> T {
    let content = cell.take();
    cell.set(content.clone());
    content
}

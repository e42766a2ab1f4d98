//! The three orders in which a queue gives its items back.
//!
//! Neighbours: `queues.rs`. Invariant: the heap makes the very moves of Python's, so that items which are equal to their
//! `Ord` come in the same order there and here; std's `BinaryHeap` makes others.
//!
//! Counterparts: `_init`, `_put`, `_get` of `queues.py`; `heapq.py`.

use std::collections::VecDeque;

pub(super) enum Items<T> {
    Fifo(VecDeque<T>),
    Lifo(Vec<T>),
    /// A heap, and whether one item comes before another.
    Priority(Vec<T>, fn(&T, &T) -> bool),
}

impl<T> Items<T> {
    pub(super) fn fifo() -> Items<T> {
        Items::Fifo(VecDeque::new())
    }

    pub(super) fn lifo() -> Items<T> {
        Items::Lifo(Vec::new())
    }

    pub(super) fn priority() -> Items<T>
    where
        T: Ord,
    {
        Items::Priority(Vec::new(), T::lt)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Items::Fifo(items) => items.len(),
            Items::Lifo(items) | Items::Priority(items, _) => items.len(),
        }
    }

    pub(super) fn push(&mut self, item: T) {
        match self {
            Items::Fifo(items) => items.push_back(item),
            Items::Lifo(items) => items.push(item),
            Items::Priority(items, less) => {
                items.push(item);
                let last = items.len() - 1;
                rise(items, last, *less);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        match self {
            Items::Fifo(items) => items.pop_front(),
            Items::Lifo(items) => items.pop(),
            Items::Priority(items, less) => {
                let last = items.pop()?;
                let Some(first) = items.first_mut() else { return Some(last) };
                let least = std::mem::replace(first, last);
                sink(items, *less);
                Some(least)
            }
        }
    }

    /// Empties the queue, for the caller to drop once nothing is borrowed.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        match self {
            Items::Fifo(items) => std::mem::take(items).into(),
            Items::Lifo(items) | Items::Priority(items, _) => std::mem::take(items),
        }
    }
}

/// Moves the item at `at` up to where it belongs: `heapq._siftdown`, whose names are the other way round.
fn rise<T>(heap: &mut [T], mut at: usize, less: fn(&T, &T) -> bool) {
    while at > 0 {
        let parent = (at - 1) / 2;
        if !less(&heap[at], &heap[parent]) {
            return;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Moves the first item down to a leaf, along the lesser children, and then up to where it belongs:
/// `heapq._siftup`.
fn sink<T>(heap: &mut [T], less: fn(&T, &T) -> bool) {
    let mut at = 0;
    while 2 * at + 1 < heap.len() {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let child = if right < heap.len() && !less(&heap[left], &heap[right]) { right } else { left };
        heap.swap(at, child);
        at = child;
    }
    rise(heap, at, less);
}

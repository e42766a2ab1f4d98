//! Equal handles are handles to the same task or future, as in Python: `task in done`, a set of futures.
//!
//! Job: equality and hashing of [`Task`], [`SettableFuture`] and [`AnyFuture`]. Neighbours: the files of these three.
//! Invariant: what is compared is the thing itself, never its result.

use std::{
    hash::{Hash, Hasher},
    rc::Rc,
};

use super::AnyFuture;
use crate::{join::Task, settable::SettableFuture};

impl<T: 'static> PartialEq for AnyFuture<T> {
    fn eq(&self, other: &AnyFuture<T>) -> bool {
        self.identity() == other.identity()
    }
}

impl<T: 'static> Eq for AnyFuture<T> {}

impl<T: 'static> Hash for AnyFuture<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl<T: 'static> PartialEq<Task<T>> for AnyFuture<T> {
    fn eq(&self, other: &Task<T>) -> bool {
        self.identity() == Rc::as_ptr(&other.inner).cast()
    }
}

impl<T: 'static> PartialEq<SettableFuture<T>> for AnyFuture<T> {
    fn eq(&self, other: &SettableFuture<T>) -> bool {
        self.identity() == Rc::as_ptr(&other.target()).cast()
    }
}

impl<T: 'static> PartialEq for SettableFuture<T> {
    fn eq(&self, other: &SettableFuture<T>) -> bool {
        Rc::as_ptr(&self.target()).cast::<()>() == Rc::as_ptr(&other.target()).cast()
    }
}

impl<T: 'static> Eq for SettableFuture<T> {}

impl<T: 'static> Hash for SettableFuture<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.target()).cast::<()>().hash(state);
    }
}

impl<T: 'static> PartialEq for Task<T> {
    fn eq(&self, other: &Task<T>) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl<T: 'static> Eq for Task<T> {}

impl<T: 'static> Hash for Task<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.inner).hash(state);
    }
}

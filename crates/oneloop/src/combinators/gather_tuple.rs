//! `gather` for results of several types.
//!
//! Neighbours: `gather.rs`, which does the work. Counterpart: `a, b = await asyncio.gather(fetch_a(), fetch_b())`;
//! `Task.WhenAll` needs tasks of one type.

use super::gather::{Children, gathering};
use crate::{
    any_future::{AnyFuture, EnsureFuture, Watched},
    error::Result,
};

/// A tuple of two to eight awaitables.
pub trait GatherTuple {
    /// The tuple of their values.
    type Values: 'static;
    /// The tuple of their results.
    type Results: 'static;

    #[doc(hidden)]
    #[track_caller]
    fn values(self) -> AnyFuture<Self::Values>;

    #[doc(hidden)]
    #[track_caller]
    fn results(self) -> AnyFuture<Self::Results>;
}

/// As [`gather`](crate::gather), for awaitables of several types.
///
/// ```
/// # oneloop::run(async {
/// let (name, age) = oneloop::gather_tuple((async { Ok("Ada") }, async { Ok(36) })).await?;
/// assert_eq!((name, age), ("Ada", 36));
/// # Ok(()) }).unwrap();
/// ```
///
/// # Panics
/// As [`gather`](crate::gather).
#[track_caller]
pub fn gather_tuple<G: GatherTuple>(awaitables: G) -> AnyFuture<G::Values> {
    awaitables.values()
}

/// As [`gather_return_exceptions`](crate::gather_return_exceptions), for awaitables of several types.
///
/// ```
/// # oneloop::run(async {
/// let late = async { Err::<u8, _>(oneloop::Error::Timeout) };
/// let (name, age) = oneloop::gather_tuple_return_exceptions((async { Ok("Ada") }, late)).await?;
/// assert!(name.is_ok() && age.is_err_and(|error| error.is_timeout()));
/// # Ok(()) }).unwrap();
/// ```
///
/// # Panics
/// As [`gather`](crate::gather).
#[track_caller]
pub fn gather_tuple_return_exceptions<G: GatherTuple>(awaitables: G) -> AnyFuture<G::Results> {
    awaitables.results()
}

struct Values<F>(F);
struct Results<F>(F);

macro_rules! tuple {
    ($count:literal: $($name:ident $at:tt),*) => {
        impl<$($name: EnsureFuture),*> GatherTuple for ($($name,)*) {
            type Values = ($($name::Value,)*);
            type Results = ($(Result<$name::Value>,)*);

            #[track_caller]
            fn values(self) -> AnyFuture<Self::Values> {
                gathering(Values(($(self.$at.ensure_future(),)*)))
            }

            #[track_caller]
            fn results(self) -> AnyFuture<Self::Results> {
                gathering(Results(($(self.$at.ensure_future(),)*)))
            }
        }

        impl<$($name: 'static),*> Children<($($name,)*)> for Values<($(AnyFuture<$name>,)*)> {
            const RETURN_EXCEPTIONS: bool = false;

            fn len(&self) -> usize {
                $count
            }

            fn child(&self, which: usize) -> &dyn Watched {
                let futures: [&dyn Watched; $count] = [$(&self.0.$at),*];
                futures[which]
            }

            fn collect(self) -> Result<($($name,)*)> {
                Ok(($(self.0.$at.into_result()?,)*))
            }
        }

        impl<$($name: 'static),*> Children<($(Result<$name>,)*)> for Results<($(AnyFuture<$name>,)*)> {
            const RETURN_EXCEPTIONS: bool = true;

            fn len(&self) -> usize {
                $count
            }

            fn child(&self, which: usize) -> &dyn Watched {
                let futures: [&dyn Watched; $count] = [$(&self.0.$at),*];
                futures[which]
            }

            fn collect(self) -> Result<($(Result<$name>,)*)> {
                Ok(($(self.0.$at.into_result(),)*))
            }
        }
    };
}

tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

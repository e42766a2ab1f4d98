//! The operating system's limit on open files, and how many probes fit under it.
//!
//! Neighbours: `main` raises the limit before the loop exists; `run` lowers the parallelism further when the
//! kernel refuses a socket all the same (another process may use up the system's table).
//! Counterparts: `resource.setrlimit` in Python; .NET raises the limit by itself at start.

/// Descriptors that are not a probe's own socket: three standard ones, the loop's selector and wakers, the
/// signal pipe, the resolver's sockets, lists and the file of results.
const RESERVED: u64 = 16;

/// Raises the soft limit on open files to the hard one, and returns the limit that holds now.
///
/// Failing is no reason to stop: the old limit holds then, and the parallelism is fitted to it.
pub(crate) fn raise_open_files() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).or_else(|_| rlimit::Resource::NOFILE.get_soft()).unwrap_or(256)
}

/// How many of `wanted` probes may be in flight under a limit of `open_files`, each holding one socket.
pub(crate) fn fit_parallelism(wanted: usize, open_files: u64) -> usize {
    let room = usize::try_from(open_files.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    wanted.min(room.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallelism_fits_under_the_limit_and_never_reaches_zero() {
        assert_eq!(fit_parallelism(50, 1024), 50);
        assert_eq!(fit_parallelism(50, 64), 48);
        assert_eq!(fit_parallelism(50, 3), 1);
        assert_eq!(fit_parallelism(5_000, u64::MAX), 5_000);
    }
}

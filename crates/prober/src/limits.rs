//! The operating system's limit on open files, and how many probes fit under it.
//!
//! Neighbours: `main` raises the limit before the loop exists; `run` lowers the parallelism further when the
//! kernel refuses a socket all the same (another process may use up the system's table); `serve` says 503 then.
//! Counterparts: `resource.setrlimit` in Python; .NET raises the limit by itself at start.

use std::time::Duration;

/// Descriptors that are neither open at the start nor a probe's own: the loop's selector and wakers, the signal pipe,
/// duplicates of the standard ones, the resolver's sockets, lists and the file of results.
const RESERVED: usize = 13;

/// How long whoever has found no descriptor left waits before asking again.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Raises the soft limit on open files to the hard one, and returns the limit that holds now.
///
/// Failing is no reason to stop: the old limit holds then, and the parallelism is fitted to it.
pub(crate) fn raise_open_files() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).or_else(|_| rlimit::Resource::NOFILE.get_soft()).unwrap_or(256)
}

/// How many descriptors are open, those inherited from whoever started the program included; the three standard ones
/// where the system does not tell.
fn open_now() -> usize {
    // Linux says it from 6.2 on. Before, the list has to be read, which is one descriptor more.
    let said = std::fs::metadata("/proc/self/fd").ok().and_then(|folder| usize::try_from(folder.len()).ok());
    let list = || ["/proc/self/fd", "/dev/fd"].iter().find_map(|path| std::fs::read_dir(path).ok());
    let counted = || list().map(|list| list.count().saturating_sub(1));
    said.filter(|count| *count > 0).or_else(counted).unwrap_or(3)
}

/// How many descriptors there are under a limit of `open_files` for what comes and goes.
pub(crate) fn room(open_files: u64) -> usize {
    usize::try_from(open_files).unwrap_or(usize::MAX).saturating_sub(open_now() + RESERVED)
}

/// How many of `wanted` probes may be in flight where there is such `room`, each holding one socket.
pub(crate) fn fit_parallelism(wanted: usize, room: usize) -> usize {
    wanted.min(room.max(1))
}

/// What an exporter allows at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scrapes {
    pub(crate) probes: usize,
    pub(crate) connections: usize,
    /// Connections beyond those, which are only told that they are too many.
    pub(crate) told: usize,
}

impl Scrapes {
    /// As much of this as there is `room` for. A connection has one descriptor. A probe has one beside that of its
    /// connection, but two while both questions for the addresses of a name are asked.
    pub(crate) fn fit(self, room: usize) -> Scrapes {
        let needed = self.probes.saturating_mul(2).saturating_add(self.connections).saturating_add(self.told);
        if needed <= room {
            return self;
        }
        let told = self.told.min(room / 8).max(1);
        let rest = room.saturating_sub(told);
        // More probes than connections would never run.
        let probes = self.probes.min(rest / 3).max(1);
        let connections = self.connections.min(rest.saturating_sub(probes * 2)).max(1);
        Scrapes { probes, connections, told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallelism_fits_into_the_room_and_never_reaches_zero() {
        assert_eq!(fit_parallelism(50, 1008), 50);
        assert_eq!(fit_parallelism(50, 48), 48);
        assert_eq!(fit_parallelism(50, 0), 1);
        assert_eq!(fit_parallelism(5_000, room(u64::MAX)), 5_000);
        assert_eq!(room(3), 0);
    }

    #[test]
    fn the_room_is_less_by_what_is_open() {
        let before = room(1_000_000);
        // Other tests open and close files meanwhile, but not a thousand.
        let open: Vec<_> = (0..1_000).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
        assert!(room(1_000_000) + open.len() / 2 < before, "{} files opened", open.len());
    }

    #[test]
    fn scrapes_fit_into_the_room_and_never_reach_zero() {
        let wanted = Scrapes { probes: 500, connections: 1_000, told: 64 };
        assert_eq!(wanted.fit(2_064), wanted);
        assert_eq!(wanted.fit(43), Scrapes { probes: 12, connections: 14, told: 5 });
        assert_eq!(Scrapes { probes: 2, ..wanted }.fit(43), Scrapes { probes: 2, connections: 34, told: 5 });
        assert_eq!(wanted.fit(0), Scrapes { probes: 1, connections: 1, told: 1 });
    }
}

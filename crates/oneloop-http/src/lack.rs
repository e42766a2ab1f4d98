//! What this machine has run out of, where that is why something failed: nothing that a server could help.
//!
//! The numbers are known here alone; std has no names for them. Neighbours: [`error`](crate::error) puts them into words,
//! [`race`](crate::race) and the resolver ask whether to go on, the prober whether to try again with fewer probes.

use std::io;

/// Something that this machine lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// File descriptors of this process (`ulimit -n`): `EMFILE`.
    OwnDescriptors,
    /// File descriptors in the whole system: `ENFILE`.
    Descriptors,
    /// Buffer space: `ENOBUFS`.
    Buffers,
    /// Local addresses and ports: `EADDRNOTAVAIL`. It may be so for one family of addresses alone.
    Addresses,
}

impl Lack {
    const ALL: [Lack; 4] = [Lack::OwnDescriptors, Lack::Descriptors, Lack::Buffers, Lack::Addresses];

    /// The one that `error` tells of.
    pub fn of(error: &oneloop::Error) -> Option<Lack> {
        // Linux has numbers of its own; the BSDs and macOS share theirs.
        const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 105 } else { 55 };
        match error.raw_os_error() {
            Some(24) => Some(Lack::OwnDescriptors),
            Some(23) => Some(Lack::Descriptors),
            Some(ENOBUFS) => Some(Lack::Buffers),
            _ if error.io_kind() == Some(io::ErrorKind::AddrNotAvailable) => Some(Lack::Addresses),
            _ => None,
        }
    }

    /// The one that is the detail of an error of kind `local`.
    pub fn of_detail(detail: &str) -> Option<Lack> {
        Lack::ALL.into_iter().find(|lack| lack.as_str() == detail)
    }

    /// The name of its errno, which is the detail of the error.
    pub fn as_str(self) -> &'static str {
        match self {
            Lack::OwnDescriptors => "EMFILE",
            Lack::Descriptors => "ENFILE",
            Lack::Buffers => "ENOBUFS",
            Lack::Addresses => "EADDRNOTAVAIL",
        }
    }

    /// Whether there is one more as soon as something is closed, here or elsewhere.
    pub fn is_of_descriptors(self) -> bool {
        matches!(self, Lack::OwnDescriptors | Lack::Descriptors)
    }

    /// What there is none of, for a sentence.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Lack::OwnDescriptors => "file descriptors for this process (see ulimit -n)",
            Lack::Descriptors => "file descriptors in the whole system",
            Lack::Buffers => "buffer space",
            Lack::Addresses => "local addresses and ports",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lack_is_known_by_its_error_and_by_its_detail() {
        let of = |error: io::Error| Lack::of(&error.into());
        assert_eq!(of(io::Error::from_raw_os_error(24)), Some(Lack::OwnDescriptors));
        assert_eq!(of(io::Error::from_raw_os_error(23)), Some(Lack::Descriptors));
        assert_eq!(of(io::ErrorKind::AddrNotAvailable.into()), Some(Lack::Addresses));
        assert_eq!(of(io::ErrorKind::ConnectionRefused.into()), None);
        for lack in Lack::ALL {
            assert_eq!(Lack::of_detail(lack.as_str()), Some(lack));
        }
        assert_eq!(Lack::of_detail("ConnectionRefused"), None);
    }
}

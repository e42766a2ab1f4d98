//! Finished results that wait for an earlier one, as the text that they will be printed as.
//!
//! Every start of the run has a number; results come in any order and leave in that of the numbers. One start may have
//! several results (attempts), of which the last says so. Neighbour: the reporter in the parent module.

use std::collections::VecDeque;

/// While so many starts wait for an earlier one, or so many bytes of their text, there is too much of it.
const MOST: u64 = 10_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Text that waits, by the number of its start.
#[derive(Debug)]
pub(super) struct Order {
    /// The start whose results are printed next.
    pub(super) next: u64,
    /// What start `next + 1 + position` has so far.
    waiting: VecDeque<Slot>,
    /// How many bytes of text wait.
    bytes: usize,
    /// Stands between two results.
    separator: &'static str,
    printed_any: bool,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    /// Texts of the attempts, each with the separator in front but the very first of the run.
    text: Vec<Box<[u8]>>,
    complete: bool,
}

impl Order {
    pub(super) fn new(separator: &'static str) -> Order {
        Order { next: 0, waiting: VecDeque::new(), bytes: 0, separator, printed_any: false }
    }

    pub(super) fn is_next(&self, seq: u64) -> bool {
        seq == self.next
    }

    /// Appends what stands between two results, if this is not the first one.
    pub(super) fn separate(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.printed_any, true) {
            out.extend_from_slice(self.separator.as_bytes());
        }
    }

    /// All of `next` has been printed: prints those that waited for it.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        self.next += 1;
        while let Some(slot) = self.waiting.pop_front() {
            self.print(&slot, out);
            if !slot.complete {
                // Some of its attempts are there: further ones are printed as they come.
                return;
            }
            self.next += 1;
        }
    }

    /// Keeps a result that is not next. An empty text is a result that is not shown.
    pub(super) fn keep(&mut self, seq: u64, text: &[u8], complete: bool) {
        let at = usize::try_from(seq.saturating_sub(self.next + 1)).unwrap_or(usize::MAX);
        if at >= self.waiting.len() {
            self.waiting.resize(at + 1, Slot::default());
        }
        if let Some(slot) = self.waiting.get_mut(at) {
            if !text.is_empty() {
                slot.text.push(text.into());
                self.bytes += text.len();
            }
            slot.complete |= complete;
        }
    }

    /// Whether too much waits, when so many were started, of which `capacity` may be in flight.
    pub(super) fn holds_back(&self, started: u64, capacity: usize) -> bool {
        started - self.next > MOST.max(capacity as u64) || self.bytes > MOST_BYTES
    }

    /// Prints everything that waits, though something before it is missing.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        for slot in std::mem::take(&mut self.waiting) {
            self.print(&slot, out);
        }
    }

    fn print(&mut self, slot: &Slot, out: &mut Vec<u8>) {
        for text in &slot.text {
            self.bytes -= text.len();
            self.separate(out);
            out.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(order: &mut Order, out: &mut Vec<u8>, seq: u64, text: &str, complete: bool) {
        if order.is_next(seq) {
            order.separate(out);
            out.extend_from_slice(text.as_bytes());
            if complete {
                order.release(out);
            }
        } else {
            order.keep(seq, text.as_bytes(), complete);
        }
    }

    fn shown(results: &[(u64, &str, bool)]) -> (String, Order) {
        let (mut order, mut out) = (Order::new(","), Vec::new());
        for (seq, text, complete) in results {
            feed(&mut order, &mut out, *seq, text, *complete);
        }
        (String::from_utf8(out).expect("text"), order)
    }

    #[test]
    fn results_come_in_order_and_as_soon_as_they_can() {
        let whole = |seqs: &[u64]| {
            let texts: Vec<_> = seqs.iter().map(u64::to_string).collect();
            let results: Vec<_> = seqs.iter().zip(&texts).map(|(seq, text)| (*seq, text.as_str(), true)).collect();
            shown(&results).0
        };
        assert_eq!(whole(&[2, 1, 5]), "");
        assert_eq!(whole(&[2, 1, 5, 0]), "0,1,2");
        assert_eq!(whole(&[2, 1, 5, 0, 6, 3]), "0,1,2,3");
        assert_eq!(whole(&[2, 1, 5, 0, 6, 3, 4]), "0,1,2,3,4,5,6");
    }

    #[test]
    fn attempts_stay_together_and_only_the_last_lets_the_next_start_go() {
        let (out, order) =
            shown(&[(1, "b1", false), (0, "a1", false), (2, "c", true), (1, "b2", true), (0, "a2", true)]);
        assert_eq!(out, "a1,a2,b1,b2,c");
        assert_eq!(order.next, 3);
        assert_eq!(shown(&[(1, "b1", false), (0, "a", true), (2, "c", true), (1, "b2", true)]).0, "a,b1,b2,c");
    }

    /// A head may have half a megabyte, and `-v` shows it: ten thousand of them would not do.
    #[test]
    fn ten_thousand_results_or_sixteen_mebibytes_of_them_are_too_much() {
        let half = "v".repeat(MOST_BYTES / 2);
        let (_, mut order) = shown(&[(2, &half, true), (1, &half, true)]);
        assert!(!order.holds_back(3, 100));
        order.keep(3, b"v", true);
        assert!(order.holds_back(4, 100));
        feed(&mut order, &mut Vec::new(), 0, "", true);
        assert!(!order.holds_back(4, 100), "all have gone");
        assert!(!order.holds_back(4 + MOST, 100) && order.holds_back(5 + MOST, 100));
        assert!(!order.holds_back(5 + MOST, 20_000), "as many as may be in flight");
    }

    #[test]
    fn what_waits_is_counted_in_bytes() {
        let (_, order) = shown(&[(2, "two", true), (1, "one and a half", false), (4, "four", true)]);
        assert_eq!(order.bytes, "two".len() + "one and a half".len() + "four".len());
        let (_, order) = shown(&[(2, "two", true), (1, "one", true), (4, "four", true), (0, "zero", true)]);
        assert_eq!(order.bytes, "four".len());
        let (_, mut order) = shown(&[(2, "two", true)]);
        order.flush(&mut Vec::new());
        assert_eq!(order.bytes, 0);
    }

    #[test]
    fn at_the_end_what_waits_is_printed_though_something_is_missing() {
        let (mut out, mut order) = shown(&[(3, "3", true), (0, "0", true), (5, "5", true)]);
        let mut rest = Vec::new();
        order.flush(&mut rest);
        out.push_str(&String::from_utf8(rest).expect("text"));
        assert_eq!(out, "0,3,5");
    }
}

// What an event is in words.
"use strict";

// Text that somebody else chose, as it may be shown: without what drives a terminal or reorders a line. `text.rs` has the rule.
function printable(text) {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "\ufffd");
}

function milliseconds(nanoseconds) {
  const value = nanoseconds / 1e6;
  return `${value.toFixed(value >= 100 ? 0 : value >= 1 ? 2 : 3)} ms`;
}

function by(state, by) {
  if (by === "timer") return "its timer";
  if (by === "self") return "itself, in its own step";
  if (by === "callback") return "a callback";
  if (by === "thread") return "another thread, or code outside the loop";
  if (by && by.io) return `the selector: source ${by.io} is ready`;
  if (by && by.task) return `${taskName(state, by.task)}, in its step`;
  return "nobody known";
}

// What a task waits for, as its last step has said. "" for what it has not said.
function waits(state, task) {
  if (task.state === "scheduled") return "its turn in the ready queue";
  if (task.state !== "waiting") return "";
  if (task.polls === 0) return "its first step";
  const shown = task.waits.slice(0, 3).map((on) => waitsFor(state, on));
  if (task.waits.length > 3) shown.push(`and ${task.waits.length - 3} more`);
  return shown.join(", ");
}

function waitsFor(state, on) {
  if (on === "future") return "a future that somebody sets";
  if (on === "pipe") return "a pipe in memory";
  if (on.timer) {
    const timer = state.timers.get(on.timer);
    return timer ? `timer ${on.timer}, due at ${milliseconds(timer.deadline)}` : `timer ${on.timer}, which was due`;
  }
  if (on.readable) return `source ${on.readable}, to read`;
  if (on.writable) return `source ${on.writable}, to write`;
  if (on.task) return `the end of ${taskName(state, on.task)}`;
  return on.line ?? "something";
}

// Which of its wakes it is, if all of them are known.
function times(state, number) {
  const wakes = state.tasks.get(number)?.wakes;
  if (!wakes) return "";
  const last = wakes % 10, teens = wakes % 100 > 10 && wakes % 100 < 14;
  return `, for the ${wakes}${teens ? "th" : ["th", "st", "nd", "rd"][last] ?? "th"} time,`;
}

function sentence(state, record) {
  const name = record.task ? taskName(state, record.task) : "a callback";
  switch (record.event) {
    case "turn_begin": return `Turn ${record.turn} begins: ${record.ready.length} ready, ${record.timers} timers, ${record.registrations} sources.`;
    case "turn_end": return `Turn ${record.turn} ends.`;
    case "park": return record.timeout === 0 ? "The loop asks the selector without waiting: something is ready."
      : record.timeout === null ? "The loop parks until something happens: no timer is armed."
      : `The loop parks, for ${milliseconds(record.timeout)} at most: then the first timer is due.`;
    case "unpark": return record.events > 0 ? `The selector returns with ${record.events} event${record.events === 1 ? "" : "s"}.`
      : record.notified ? "The selector returns: another thread rang."
      : (firstDeadline(state) ?? Infinity) <= record.t ? "The selector returns: the time is up, the first timer is due." : "The selector returns with nothing.";
    case "io_event": return `Source ${record.source} is ${[record.readable && "readable", record.writable && "writable"].filter(Boolean).join(" and ") || "closed"}.`;
    case "timer_add": return `${name} arms timer ${record.timer}, due at ${milliseconds(record.deadline)}.`;
    case "timer_fire": return `Timer ${record.timer} is due, and is queued.`;
    case "timer_cancel": return `Timer ${record.timer} is taken back.`;
    case "register": return `${name} registers source ${record.source} with the selector.`;
    case "deregister": return `Source ${record.source} is gone.`;
    case "spawn": return `${name} is made${record.parent ? ` by ${taskName(state, record.parent)}` : ""} at ${record.at}. Its first step is not run now.`;
    case "name": return `Task-${record.task} is called ${record.name} from now on.`;
    case "span_begin": return `${name} begins: ${record.name}.`;
    case "span_end": return `${name} ends: ${record.name}.`;
    case "thread_start": return `Thread ${record.name} starts: ${record.why}.`;
    case "thread_end": return `Thread ${record.name} ends.`;
    case "await": return `${name} comes to an await at ${record.at}.`;
    case "wait": return `${name} can't go on: it waits for ${waitsFor(state, record.on)}, which keeps its waker.`;
    case "wake": return `${name} is woken${record.coalesced ? "" : times(state, record.task)} by ${by(state, record.by)}${record.coalesced ? "; it was in the ready queue already" : ", and goes to the end of the ready queue"}.`;
    case "poll_begin": {
      const task = state.tasks.get(record.task);
      return `${name} is polled: its step ${task?.polls ?? "?"} begins.${task?.led ? ` It was woken by ${by(state, task.led)}.` : ""}`;
    }
    case "poll_end": return record.result === "pending" ? `${name} returns Pending${state.tasks.get(record.task)?.state === "scheduled" ? ", and is in the ready queue again." : ": it waits."}` : `${name}'s step ends: ${record.result}.`;
    case "drop": return `${name} is gone: ${record.reason}.`;
    default: return record.event;
  }
}

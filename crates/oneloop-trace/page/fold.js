// The state of a loop at any moment of a log: the same fold as `src/fold.rs`, and nothing of the page's.
// `apply` takes one event; it returns a sentence if the event and the state do not fit, else null.
"use strict";

function newState(dropped) {
  return {
    tasks: new Map(), ready: [], running: [], timers: new Map(), sources: new Map(),
    turn: 0, parked: null, news: [], partial: dropped > 0,
    counts: { turns: 0, polls: 0, wakes: 0, tasks: 0, timers_fired: 0, parks: 0 },
  };
}

function copyState(state) {
  const tasks = new Map();
  for (const [number, task] of state.tasks) tasks.set(number, { ...task, spans: [...task.spans], waits: [...task.waits] });
  return {
    ...state, tasks, ready: [...state.ready], running: [...state.running], timers: new Map(state.timers),
    sources: new Map(state.sources), news: [...state.news], counts: { ...state.counts },
  };
}

function firstDeadline(state) {
  let first = null;
  for (const timer of state.timers.values()) if (first === null || timer.deadline < first) first = timer.deadline;
  return first;
}

function without(list, item) {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

function taskName(state, number) {
  // A name of its own need not be the only one of its kind.
  const task = state.tasks.get(number), plain = `Task-${number}`;
  return task && task.name !== plain ? `${task.name} (#${number})` : plain;
}

function newTask(number, parent, at) {
  return {
    name: `Task-${number}`, state: "waiting", parent, at, polls: 0, wakes: 0, by: null, led: null,
    spans: [], waits: [], waited: [], awaits: "", awaited: false,
  };
}

// The events that speak of a task which lives: it is news only where the beginning of the log was lost.
const MEETS = ["name", "wake", "poll_begin", "span_begin", "await", "wait"];

function apply(state, record) {
  if (state.partial && record.task && MEETS.includes(record.event) && !state.tasks.has(record.task)) {
    state.tasks.set(record.task, newTask(record.task, null, ""));
  }
  const task = record.task ? state.tasks.get(record.task) : undefined;
  const unless = (known, fault) => (known || state.partial ? null : fault);
  switch (record.event) {
    case "turn_begin": {
      state.counts.turns++;
      state.turn = record.turn;
      state.news = [];
      const expected = JSON.stringify([state.ready, state.timers.size, firstDeadline(state), state.sources.size]);
      const found = JSON.stringify([record.ready, record.timers, record.next_deadline, record.registrations]);
      state.ready = [...record.ready];
      return unless(expected === found, `turn ${record.turn} begins with ${found}, expected ${expected}`);
    }
    case "park": state.counts.parks++; state.parked = record; return null;
    case "unpark": state.parked = null; return null;
    case "io_event": state.parked = null; state.news.push(record); return unless(state.sources.has(record.source), "news of an unknown source");
    case "timer_add": state.timers.set(record.timer, { deadline: record.deadline, task: record.task }); return null;
    case "timer_fire": {
      state.counts.timers_fired++;
      return unless(state.timers.delete(record.timer), `timer ${record.timer} is not armed`);
    }
    case "timer_cancel": state.timers.delete(record.timer); return null;
    case "register": state.sources.set(record.source, record); return null;
    case "deregister": return unless(state.sources.delete(record.source), "an unknown source is gone");
    case "spawn":
      state.counts.tasks++;
      state.tasks.set(record.task, newTask(record.task, record.parent, record.at));
      return null;
    case "name": if (task) task.name = record.name; return null;
    case "span_begin": if (task) task.spans.push(record.name); return null;
    case "span_end": return task ? unless(task.spans.pop() === record.name, "a span ends that is not the innermost") : null;
    case "wake": {
      state.counts.wakes++;
      if (!record.coalesced) state.ready.push(record.task);
      if (!task) return unless(false, "a wake of an unknown task");
      task.by = record.by;
      // Who queued it: its next step is due to that one, not to those who came while it was queued.
      if (!record.coalesced) { task.wakes++; task.led = record.by; }
      if (!state.running.includes(record.task)) task.state = "scheduled";
      return null;
    }
    case "poll_begin": {
      state.counts.polls++;
      without(state.ready, record.task);
      state.running.push(record.task);
      if (!task) return unless(false, "a poll of an unknown task");
      task.state = "running";
      task.polls++;
      task.awaited = false;
      task.waited = task.waits.map((on) => JSON.stringify(on));
      task.waits = [];
      return unless(record.wake !== null, "a poll that nobody asked for");
    }
    case "poll_end":
      without(state.running, record.task);
      if (task && record.result === "pending") {
        task.state = state.ready.includes(record.task) ? "scheduled" : "waiting";
        // The place is that of another await, unless this step has come to wait for the same thing again.
        if (!task.awaited && !task.waits.some((on) => task.waited.includes(JSON.stringify(on)))) task.awaits = "";
      }
      return null;
    case "await": if (task) { task.awaits = record.at; task.awaited = true; } return null;
    case "wait": {
      if (!task) return null;
      const on = JSON.stringify(record.on);
      if (!task.waits.some((other) => JSON.stringify(other) === on)) task.waits.push(record.on);
      return unless(state.running.includes(record.task), "a task begins to wait outside of its step");
    }
    case "drop": without(state.ready, record.task); if (task) task.state = record.reason; return null;
    default: return null; // turn_end, threads
  }
}

// Any state of a log, quickly: a copy is kept of every `step`-th, and of a long log not more than fifty.
class Replay {
  constructor(log, step = Math.max(1000, Math.ceil(log.records.length / 50))) {
    this.log = log;
    this.step = step;
    this.kept = [newState(log.dropped)];
    this.state = copyState(this.kept[0]);
    this.at = 0; // how many events were applied
    this.faults = [];
  }

  get length() { return this.log.records.length; }
  get last() { return this.at > 0 ? this.log.records[this.at - 1] : null; }
  get next() { return this.at < this.length ? this.log.records[this.at] : null; }

  forward() {
    const record = this.next;
    if (!record) return false;
    const fault = apply(this.state, record);
    if (fault) this.faults.push(`event ${record.n}: ${fault}`);
    this.at++;
    if (this.at % this.step === 0 && this.kept.length === this.at / this.step) this.kept.push(copyState(this.state));
    return true;
  }

  // Goes to after the `at`-th event.
  seek(at) {
    at = Math.max(0, Math.min(at, this.length));
    if (at < this.at || at - this.at > this.step) {
      const nearest = Math.min(Math.floor(at / this.step), this.kept.length - 1);
      if (at < this.at || nearest * this.step > this.at) {
        this.state = copyState(this.kept[nearest]);
        this.at = nearest * this.step;
      }
    }
    while (this.at < at) this.forward();
  }
}

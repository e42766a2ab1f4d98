// The page: draws the state between two events, and moves through the log.
"use strict";

const byId = (id) => document.getElementById(id);
const log = JSON.parse(byId("log-data").textContent);
const sources = JSON.parse(byId("source-data").textContent);
const replay = new Replay(log);
const end = log.records.length ? log.records[log.records.length - 1].t : 0;
const MOST = 200; // rows of a list; a run may have millions of tasks

// The turns that the log has; and whether this page is one of several that a page around it moves together.
const turns = log.records.reduce((most, record) => Math.max(most, record.turn), 0);
const around = window.frameElement ? window.parent : null;

function element(tag, text, attributes = {}) {
  const it = document.createElement(tag);
  if (text !== undefined) it.textContent = printable(String(text));
  for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
  return it;
}

// What has not changed is left alone: to lay out anew is what costs, and a step changes little.
function put(node, text, name = "") {
  text = printable(String(text));
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== name) node.className = name;
}

// As many children as there are things to show, each made by `make` when it is needed first.
function children(parent, count, make) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) parent.append(make());
  return parent.children;
}

function fill(list, items, none) {
  const extra = items.length === 0 ? none : items.length > MOST ? `and ${items.length - MOST} more` : null;
  const shown = items.slice(0, MOST).map((text) => [text, ""]);
  if (extra !== null) shown.push([extra, "none"]);
  const lines = children(list, shown.length, () => element("li"));
  shown.forEach(([text, name], at) => put(lines[at], text, name));
}

function draw() {
  const state = replay.state, record = replay.last;
  byId("scrub").value = replay.at;
  const time = record ? record.t : 0;
  const position = `event ${replay.at} of ${replay.length} · turn ${state.turn} · ${milliseconds(time)}`;
  put(byId("position"), position);
  byId("scrub").setAttribute("aria-valuetext", position);
  put(byId("sentence"), record ? sentence(state, record) : "The run has not begun. Step on, or take the slider.");
  fill(byId("ready"), state.ready.map((number) => taskName(state, number)), "empty: nobody can go on now");
  const timers = [...state.timers].sort((a, b) => a[1].deadline - b[1].deadline || a[0] - b[0]);
  fill(byId("timers"), timers.map(([number, timer]) =>
    `at ${milliseconds(timer.deadline)} (in ${milliseconds(timer.deadline - time)}): ${timer.task ? taskName(state, timer.task) : "a callback"}, timer ${number}`), "empty");
  fill(byId("sources"), reactor(state), "none is registered");
  put(byId("kernel"), kernel(state));
  drawTasks(state, record);
  drawSource(record);
  moveCursor(time);
}

function kernel(state) {
  if (state.parked) return sentence(state, state.parked);
  if (state.news.length) return `In this turn: ${state.news.map((news) => sentence(state, news)).join(" ")}`;
  return "Works for others; the loop runs.";
}

// Each source with who waits for it; who registered it may be another.
function reactor(state) {
  const waiting = new Map();
  for (const [number, task] of state.tasks) {
    if (task.state !== "waiting") continue;
    for (const on of task.waits) {
      const source = on.readable ?? on.writable;
      if (source) waiting.set(source, [...(waiting.get(source) ?? []), `${taskName(state, number)} waits to ${on.readable ? "read" : "write"}`]);
    }
  }
  return [...state.sources].map(([number, { task }]) =>
    `source ${number}${task ? `, registered by ${taskName(state, task)}` : ""}: ${(waiting.get(number) ?? ["nobody waits"]).join(", ")}`);
}

const COLUMNS = 9;
function taskRow() {
  const row = element("tr");
  row.append(element("th", "", { scope: "row" }), ...Array.from({ length: COLUMNS - 1 }, () => element("td")));
  return row;
}

// Who does something now, then who will, then who waits, then the dead, latest first.
function drawTasks(state, record) {
  const alive = { running: [], scheduled: [], waiting: [] }, dead = [];
  for (const entry of state.tasks) (alive[entry[1].state] ?? dead).push(entry);
  const shown = [...alive.running, ...alive.scheduled, ...alive.waiting, ...dead.reverse()].slice(0, MOST);
  const rows = children(byId("tasks"), shown.length, taskRow);
  shown.forEach(([number, task], at) => {
    const cells = [taskName(state, number), task.state, task.polls, task.wakes, waits(state, task), task.spans.join(" › "), task.by ? by(state, task.by) : "", task.awaits, task.at];
    const row = rows[at], name = record && record.task === number ? "now" : "";
    if (row.className !== name) row.className = name;
    cells.forEach((text, column) => put(row.children[column], text, column === 1 ? `is-${task.state}` : ""));
  });
  const more = state.tasks.size - shown.length;
  put(byId("more-tasks"), more > 0 ? `and ${more} more` : "", "none");
}

// A wait has a line for each thing that can be waited for.
function kindOf(record) {
  if (record.event !== "wait") return record.event;
  const { on } = record;
  return `wait ${on.timer ? "timer" : on.readable || on.writable ? "source" : on.line ? "line" : on === "pipe" ? "pipe" : "future"}`;
}

// Each file is made and laid out at the beginning; then those that are not shown keep their layout until their turn comes.
const files = new Map();
for (const [name, text] of Object.entries(sources.files)) {
  const file = element("div");
  file.append(...text.split("\n").map((line, at) => element("span", line || " ", { "data-line": at + 1 })));
  byId("source").append(file);
  files.set(name, file);
}
void byId("source").offsetHeight;
for (const file of files.values()) file.className = "other";

let lit = null, scrolls = false;
function drawSource(record) {
  const place = record && sources.places[kindOf(record)];
  if (lit) lit.classList.remove("lit");
  lit = null;
  if (!place) return;
  if (byId("file").textContent !== place.file) {
    byId("file").textContent = place.file;
    for (const [name, file] of files) file.className = name === place.file ? "" : "other";
  }
  lit = files.get(place.file).children[place.line - 1];
  if (!lit) return;
  lit.classList.add("lit");
  // Once a frame, however many steps there were in it: to scroll is to lay out.
  if (!scrolls) requestAnimationFrame(() => {
    scrolls = false;
    const box = byId("source");
    if (lit) box.scrollTop = lit.offsetTop - box.offsetTop - box.clientHeight / 2;
  });
  scrolls = true;
}

// Moving.

function until(is) {
  while (replay.forward()) if (is(replay.last)) break;
}

function asksNothing() {
  byId("question").hidden = true;
  byId("verdict").hidden = true;
}

function move(how) {
  asksNothing();
  if (byId("predict").checked && how === "poll") return ask();
  const chosen = Number(byId("task").value);
  switch (how) {
    case "first": replay.seek(0); break;
    case "last": replay.seek(replay.length); break;
    case "back": replay.seek(replay.at - 1); break;
    case "event": replay.forward(); break;
    case "poll": until((record) => record.event === "poll_begin"); break;
    case "turn": until((record) => record.event === "turn_begin"); break;
    case "wake": until((record) => record.event === "wake" && record.task === chosen); break;
  }
  draw();
}

// Goes on to just before the next poll or park, and asks what it will be.
function ask() {
  while (replay.next && replay.next.event !== "poll_begin" && !(replay.next.event === "park" && replay.next.timeout !== 0)) replay.forward();
  draw();
  const next = replay.next, box = byId("question");
  if (!next) return;
  const parks = next.event === "park";
  const answer = (text, right) => {
    const button = element("button", text);
    button.addEventListener("click", () => {
      const why = reason(next);
      replay.forward();
      draw();
      box.hidden = true;
      byId("verdict").hidden = false;
      byId("verdict").replaceChildren(element("strong", right ? "Right. " : "No. "), document.createTextNode(printable(why)));
      byId("poll").focus();
    });
    return button;
  };
  // An eager task is stepped without having been in the queue, and of a log's lost beginning nobody knows who is in it.
  const offered = new Set(replay.state.ready.slice(0, 8));
  if (!parks) offered.add(next.task);
  // With nobody ready there would be one answer, and no question.
  const waiting = [...replay.state.tasks].filter(([, task]) => task.state === "waiting").slice(0, 3);
  for (const [number] of waiting) offered.add(number);
  box.hidden = false;
  box.replaceChildren(element("p", "What does the loop do next?", { id: "asked" }),
    ...[...offered].map((number) => answer(`poll ${taskName(replay.state, number)}`, !parks && next.task === number)),
    answer("park in the selector", parks));
  box.querySelector("button").focus();
}

function reason(next) {
  const state = replay.state;
  if (next.event === "park") return `${sentence(state, next)} Nobody is ready.`;
  const name = taskName(state, next.task), woken = by(state, state.tasks.get(next.task)?.led);
  const first = state.ready[0] === next.task ? "is the first in the queue" : "is stepped out of turn";
  return `${name} ${first}. It was woken by ${woken}.`;
}

// For the page around: where this one stands, and a way to where a turn begins.

function standing() {
  return { turn: replay.state.turn, turns, at: replay.at, over: replay.at === replay.length, counts: replay.state.counts, faults: replay.faults.slice(0, 3) };
}

function toTurn(turn) {
  replay.seek(0);
  if (turn > 0) until((record) => record.event === "turn_begin" && record.turn >= turn);
  draw();
}

// The waterfall: a row for each task that has spans, or else its life.

function bars() {
  const bars = new Map(), names = [], open = new Map(), titles = new Map();
  const bar = (task, name, from, to) => { if (!bars.has(task)) bars.set(task, []); bars.get(task).push({ name, from, to }); };
  for (const record of log.records) {
    const { task, t, event } = record;
    const met = log.dropped > 0 && task && MEETS.includes(event) && !titles.has(task);
    if (event === "spawn" || met) { open.set(task, [{ name: "", from: met ? 0 : t }]); titles.set(task, `Task-${task}`); }
    if (event === "name") titles.set(task, record.name);
    if (event === "span_begin" && open.has(task)) { open.get(task).push({ name: record.name, from: t }); if (!names.includes(record.name)) names.push(record.name); }
    if (event === "span_end" && open.has(task) && open.get(task).length > 1) { const span = open.get(task).pop(); bar(task, span.name, span.from, t); }
    if (event === "drop" && open.has(task)) for (const span of open.get(task).splice(0).reverse()) bar(task, span.name, span.from, t);
  }
  for (const [task, spans] of open) for (const span of spans) bar(task, span.name, span.from, end);
  // Those that told of their work first: they are what the run was for.
  const plain = (spans) => spans.every((span) => span.name === "");
  const all = [...bars].sort((a, b) => plain(a[1]) - plain(b[1]) || a[0] - b[0]);
  return { rows: all.slice(0, MOST), more: Math.max(0, all.length - MOST), names, titles };
}

const { rows, more, names, titles } = bars();
let left = 0, width = 0; // of the axis, in pixels
function moveCursor(time) {
  const cursor = byId("cursor");
  if (cursor) cursor.setAttribute("transform", `translate(${left + (end ? (time / end) * (width - left) : 0)} 0)`);
}

function make(tag, attributes, text) {
  const it = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
  if (text !== undefined) it.textContent = printable(text);
  return it;
}

const ROW = 16, TOP = 18, LETTER = 6.2;
function waterfall() {
  // As wide as there is room, so that letters have their size on every screen.
  width = Math.max(280, byId("waterfall").clientWidth || 1000);
  left = Math.round(Math.min(190, width * 0.36));
  const x = (t) => left + (end ? (t / end) * (width - left) : 0);
  const height = TOP + rows.length * ROW;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": "What each task did over time" });
  const ticks = width < 600 ? 2 : 4;
  for (let at = 0; at <= ticks && end; at++) {
    const anchor = at === 0 ? "start" : at === ticks ? "end" : "middle";
    svg.append(make("line", { class: "tick", x1: x(end * at / ticks), x2: x(end * at / ticks), y1: TOP - 3, y2: height }),
      make("text", { class: "tick", x: x(end * at / ticks), y: 11, "text-anchor": anchor }, at === 0 ? "0" : milliseconds(end * at / ticks)));
  }
  rows.forEach(([task, spans], at) => {
    const y = TOP + at * ROW, title = titles.get(task) ?? `Task-${task}`, fits = Math.floor(left / LETTER);
    const label = make("text", { x: 0, y: y + 11 }, title.length > fits ? `${title.slice(0, 8)}…${title.slice(9 - fits)}` : title);
    label.append(make("title", {}, title));
    svg.append(label);
    spans.sort((a, b) => (a.name !== "") - (b.name !== ""));
    for (const span of spans) {
      const phase = names.indexOf(span.name), thin = span.name === "";
      const rect = make("rect", { x: x(span.from), y: y + (thin ? 7 : 2), width: Math.max(1, x(span.to) - x(span.from)), height: thin ? 2 : 12, fill: thin ? "var(--waiting)" : `var(--phase${phase % PHASES})` });
      rect.append(make("title", {}, `${title}${thin ? "" : `, ${span.name}`}: ${milliseconds(span.to - span.from)}`));
      svg.append(rect);
    }
  });
  svg.append(make("line", { id: "cursor", class: "cursor", x1: 0, x2: 0, y1: TOP - 3, y2: height }));
  svg.addEventListener("click", (event) => {
    const t = (event.clientX - svg.getBoundingClientRect().left - left) / (width - left) * end;
    const found = log.records.findIndex((record) => record.t > t);
    asksNothing();
    replay.seek(t <= 0 ? 0 : found < 0 ? log.records.length : found);
    draw();
  });
  byId("waterfall").replaceChildren(svg);
}

const PHASES = 6;
function legend() {
  byId("legend").replaceChildren(...names.map((name, at) => {
    const entry = element("span");
    entry.append(element("i", undefined, { style: `background: var(--phase${at % PHASES})` }), document.createTextNode(printable(name)));
    return entry;
  }));
  if (more > 0) byId("legend").append(element("span", `the first ${MOST} tasks; ${more} more are not drawn`));
}

// Draws, and lays out, the state after one event more; says how long that took.
function cost(at) {
  replay.seek(at);
  draw();
  void document.body.offsetHeight;
  const begin = performance.now();
  replay.forward();
  draw();
  void document.body.offsetHeight;
  return performance.now() - begin;
}

// Steps through everything, compares with the loop's snapshots, and says what came of it: for tests.
const FRAME = 16, TRIES = 5;
function selftest() {
  let slowest = 0;
  for (let at = 0; at < replay.length; at++) {
    let took = cost(at);
    // The machine may have done something else meanwhile. What the step itself costs, it costs each time.
    for (let more = 1; more < TRIES && took >= FRAME; more++) took = Math.min(took, cost(at));
    slowest = Math.max(slowest, took);
  }
  const forward = JSON.stringify(replay.state.counts);
  replay.seek(Math.floor(replay.length / 2));
  replay.seek(replay.length);
  const seeks = JSON.stringify(replay.state.counts) === forward;
  const result = { events: replay.length, faults: replay.faults.slice(0, 5), counts: replay.state.counts, seeks, slowest_ms: slowest };
  document.body.append(element("pre", JSON.stringify(result), { id: "selftest" }));
}

byId("scrub").max = replay.length;
byId("summary").textContent = `${log.records.length} events in ${milliseconds(end)}` + (log.dropped ? `; ${log.dropped} earlier ones were not kept.` : ".");
waterfall();
legend();
for (const [number, title] of titles) byId("task").append(element("option", title === `Task-${number}` ? title : `${title} (#${number})`, { value: number }));
for (const how of ["first", "back", "event", "poll", "turn", "wake"]) byId(how).addEventListener("click", () => move(how));
byId("scrub").addEventListener("input", () => { asksNothing(); replay.seek(Number(byId("scrub").value)); draw(); });
onKeys((how) => { if (around) around.stepAll(how); else move(how); });
byId("source").closest("section").hidden = Object.keys(sources.files).length === 0;
if (around) document.body.classList.add("side");
draw();
addEventListener("resize", () => { waterfall(); moveCursor(replay.last ? replay.last.t : 0); });
if (location.hash === "#selftest") selftest();
const at = location.hash.match(/^#at=(\d+)$/);
if (at) { replay.seek(Number(at[1])); draw(); }

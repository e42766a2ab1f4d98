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
  if (text !== undefined) it.textContent = text;
  for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
  return it;
}

function fill(list, items, none) {
  const shown = items.slice(0, MOST).map((text) => element("li", text));
  if (items.length > MOST) shown.push(element("li", `and ${items.length - MOST} more`, { class: "none" }));
  if (items.length === 0) shown.push(element("li", none, { class: "none" }));
  list.replaceChildren(...shown);
}

// The order of rows: who does something now, then who will, then who waits, then the dead, latest first.
const ORDER = { running: 0, scheduled: 1, waiting: 2 };

function draw() {
  const state = replay.state, record = replay.last;
  byId("scrub").value = replay.at;
  const time = record ? record.t : 0;
  byId("position").textContent = `event ${replay.at} of ${replay.length} · turn ${state.turn} · ${milliseconds(time)}`;
  byId("sentence").textContent = record ? sentence(state, record) : "The run has not begun. Step on, or take the slider.";
  fill(byId("ready"), state.ready.map((number) => taskName(state, number)), "empty: nobody can go on now");
  const timers = [...state.timers].sort((a, b) => a[1].deadline - b[1].deadline || a[0] - b[0]);
  fill(byId("timers"), timers.map(([number, timer]) =>
    `at ${milliseconds(timer.deadline)} (in ${milliseconds(timer.deadline - time)}): ${timer.task ? taskName(state, timer.task) : "a callback"}, timer ${number}`), "empty");
  fill(byId("sources"), [...state.sources].map(([number, source]) =>
    `source ${number}: ${source.task ? taskName(state, source.task) : "the loop itself"}`), "none is registered");
  byId("kernel").textContent = kernel(state);
  drawTasks(state, record);
  drawSource(record);
  const cursor = byId("cursor");
  if (cursor) cursor.setAttribute("transform", `translate(${left + (end ? (time / end) * (width - left) : 0)} 0)`);
}

function kernel(state) {
  if (state.parked) return sentence(state, state.parked);
  if (state.news.length) return `In this turn: ${state.news.map((news) => sentence(state, news)).join(" ")}`;
  return "Works for others; the loop runs.";
}

function drawTasks(state, record) {
  const rank = (task) => ORDER[task.state] ?? 3;
  const rows = [...state.tasks].sort((a, b) => rank(a[1]) - rank(b[1]) || (rank(a[1]) === 3 ? b[0] - a[0] : a[0] - b[0]));
  byId("tasks").replaceChildren(...rows.slice(0, MOST).map(([number, task]) => {
    const row = element("tr", undefined, record && record.task === number ? { class: "now" } : {});
    row.append(element("td", taskName(state, number)), element("td", task.state, { class: `is-${task.state}` }), element("td", waits(state, task)), element("td", task.spans.join(" › ")),
      element("td", task.polls), element("td", task.wakes), element("td", task.by ? by(state, task.by) : ""), element("td", task.awaits), element("td", task.at));
    return row;
  }));
}

// A wait has a line for each thing that can be waited for.
function kindOf(record) {
  if (record.event !== "wait") return record.event;
  const { on } = record;
  return `wait ${on.timer ? "timer" : on.readable || on.writable ? "source" : on.line ? "line" : on === "pipe" ? "pipe" : "future"}`;
}

// Each file is made once, and then only shown or hidden.
const shown = new Map();
let lit = null, scrolls = false;
function drawSource(record) {
  const place = record && sources.places[kindOf(record)];
  if (lit) lit.classList.remove("lit");
  if (!place) return;
  if (!shown.has(place.file)) {
    const file = element("div"), lines = sources.files[place.file].split("\n");
    file.append(...lines.map((line, at) => element("span", line || " ", { "data-line": at + 1 })));
    byId("source").append(file);
    shown.set(place.file, file);
  }
  if (byId("file").textContent !== place.file) {
    byId("file").textContent = place.file;
    for (const [name, file] of shown) file.hidden = name !== place.file;
  }
  lit = shown.get(place.file).children[place.line - 1];
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

function move(how) {
  byId("question").hidden = true;
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
  const answer = (text, right) => {
    const button = element("button", text);
    button.addEventListener("click", () => {
      const why = reason(next);
      replay.forward();
      draw();
      box.hidden = false;
      box.replaceChildren(element("strong", right ? "Right. " : "No. "), document.createTextNode(why));
      byId("poll").focus();
    });
    return button;
  };
  const ready = [...new Set(replay.state.ready)].slice(0, 12);
  box.hidden = false;
  box.replaceChildren(element("p", "What does the loop do next?"),
    ...ready.map((number) => answer(`poll ${taskName(replay.state, number)}`, next.event === "poll_begin" && next.task === number)),
    answer("park in the selector", next.event === "park"));
  box.querySelector("button").focus();
}

function reason(next) {
  const state = replay.state;
  if (next.event === "park") return `${sentence(state, next)} Nobody is ready.`;
  const task = state.tasks.get(next.task);
  return `${taskName(state, next.task)} is the first in the queue. It was woken by ${task ? by(state, task.by) : "nobody known"}.`;
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

const left = 170, width = 1000, row = 16;
function waterfall() {
  const bars = new Map(), names = [], open = new Map(), titles = new Map();
  const bar = (task, name, from, to) => { if (!bars.has(task)) bars.set(task, []); bars.get(task).push({ name, from, to }); };
  for (const record of log.records) {
    const { task, t, event } = record;
    if (event === "spawn") { open.set(task, [{ name: "", from: t }]); titles.set(task, `Task-${task}`); }
    if (event === "name") titles.set(task, record.name);
    if (event === "span_begin" && open.has(task)) { open.get(task).push({ name: record.name, from: t }); if (!names.includes(record.name)) names.push(record.name); }
    if (event === "span_end" && open.has(task) && open.get(task).length > 1) { const span = open.get(task).pop(); bar(task, span.name, span.from, t); }
    if (event === "drop" && open.has(task)) for (const span of open.get(task).splice(0).reverse()) bar(task, span.name, span.from, t);
  }
  for (const [task, spans] of open) for (const span of spans) bar(task, span.name, span.from, end);
  // Those that told of their work first: they are what the run was for.
  const plain = (spans) => spans.every((span) => span.name === "");
  const rows = [...bars].sort((a, b) => plain(a[1]) - plain(b[1]) || a[0] - b[0]).slice(0, MOST);
  const x = (t) => left + (end ? (t / end) * (width - left) : 0);
  const make = (tag, attributes, text) => {
    const it = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
    if (text !== undefined) it.textContent = text;
    return it;
  };
  const top = names.length ? 18 : 2;
  const svg = make("svg", { viewBox: `0 0 ${width} ${top + rows.length * row}`, role: "img", "aria-label": "What each task did over time" });
  names.slice(0, 6).forEach((name, at) => {
    svg.append(make("rect", { x: left + at * 90, y: 3, width: 10, height: 10, fill: `var(--phase${at % 6})` }), make("text", { x: left + at * 90 + 14, y: 12 }, name));
  });
  rows.forEach(([task, spans], at) => {
    const y = top + at * row, title = titles.get(task) ?? `Task-${task}`;
    svg.append(make("text", { x: 0, y: y + 11 }, title.length > 28 ? `${title.slice(0, 27)}…` : title));
    spans.sort((a, b) => (a.name !== "") - (b.name !== ""));
    for (const span of spans) {
      const phase = names.indexOf(span.name), thin = span.name === "";
      const rect = make("rect", { x: x(span.from), y: y + (thin ? 7 : 2), width: Math.max(1, x(span.to) - x(span.from)), height: thin ? 2 : 12, fill: thin ? "var(--waiting)" : `var(--phase${phase % 6})` });
      rect.append(make("title", {}, `${title}${thin ? "" : `, ${span.name}`}: ${milliseconds(span.to - span.from)}`));
      svg.append(rect);
    }
  });
  svg.append(make("line", { id: "cursor", class: "cursor", x1: 0, x2: 0, y1: 0, y2: top + rows.length * row }));
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * width;
    const t = (at - left) / (width - left) * end;
    const found = log.records.findIndex((record) => record.t > t);
    replay.seek(t <= 0 ? 0 : found < 0 ? log.records.length : found);
    draw();
  });
  byId("waterfall").replaceChildren(svg);
  return titles;
}

// Steps through everything, compares with the loop's snapshots, and says what came of it: for tests.
function selftest() {
  replay.seek(0);
  const times = [];
  for (const event of Object.keys(sources.places)) drawSource({ event, on: {} }); // what a first look costs is not a step's cost
  draw();
  for (let at = 0; at < replay.length; at++) {
    const begin = performance.now();
    replay.forward();
    draw();
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  const forward = JSON.stringify(replay.state.counts);
  replay.seek(Math.floor(replay.length / 2));
  replay.seek(replay.length);
  const seeks = JSON.stringify(replay.state.counts) === forward;
  const result = { events: replay.length, faults: replay.faults.slice(0, 5), counts: replay.state.counts, seeks, half_under_ms: times[times.length >> 1], most_under_ms: times[Math.floor(times.length * 0.99)] };
  document.body.append(element("pre", JSON.stringify(result), { id: "selftest" }));
}

byId("scrub").max = replay.length;
byId("summary").textContent = `${log.records.length} events in ${milliseconds(end)}` + (log.dropped ? `; ${log.dropped} earlier ones were not kept.` : ".");
for (const [number, title] of waterfall()) byId("task").append(element("option", title === `Task-${number}` ? title : `${title} (#${number})`, { value: number }));
for (const how of ["first", "back", "event", "poll", "turn", "wake"]) byId(how).addEventListener("click", () => move(how));
byId("scrub").addEventListener("input", () => { byId("question").hidden = true; replay.seek(Number(byId("scrub").value)); draw(); });
document.addEventListener("keydown", (event) => {
  if (["INPUT", "SELECT"].includes(event.target.tagName) && event.target.type !== "checkbox") return;
  const how = { ArrowRight: "event", ArrowLeft: "back", Home: "first", End: "last", p: "poll", t: "turn", w: "wake" }[event.key];
  if (!how || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (around) around.stepAll(how); else move(how);
});
byId("source").closest("section").hidden = Object.keys(sources.files).length === 0;
if (around) document.body.classList.add("side");
draw();
if (location.hash === "#selftest") selftest();
const at = location.hash.match(/^#at=(\d+)$/);
if (at) { replay.seek(Number(at[1])); draw(); }

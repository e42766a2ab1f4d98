// Several pages side by side, moved together. Each is a whole replay page in a frame; this calls its functions.
"use strict";

const frames = [...document.querySelectorAll("iframe")];
const pages = () => frames.map((frame) => frame.contentWindow);
const turns = document.getElementById("turns");

// One step of the same kind in each; "to turn N" goes to where that turn begins.
function stepAll(how) {
  if (how === "wake") return; // of which task? Each column has its own
  pages().forEach((page) => page.move(how));
  show();
}

function allToTurn(turn) {
  pages().forEach((page) => page.toTurn(turn));
  show();
}

function show() {
  const stands = pages().map((page) => page.standing());
  turns.max = Math.max(...stands.map((stand) => stand.turns));
  turns.value = Math.max(...stands.map((stand) => stand.turn));
  const position = frames.map((frame, at) => `${frame.title}: turn ${stands[at].turn} of ${stands[at].turns}${stands[at].over ? ", over" : ""}`).join(" · ");
  document.getElementById("position").textContent = position;
  turns.setAttribute("aria-valuetext", position);
}

function ready() {
  show();
  if (location.hash !== "#selftest") return;
  const found = { columns: frames.length, turns: [], ends: [] };
  for (let turn = 1; turn <= Number(turns.max); turn++) {
    stepAll("turn");
    found.turns.push(pages().map((page) => page.standing().turn));
  }
  stepAll("last");
  found.ends = pages().map((page) => page.standing());
  stepAll("first");
  found.first = pages().map((page) => page.standing().at);
  const pre = document.createElement("pre");
  pre.id = "selftest";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
}

for (const how of ["first", "back", "event", "poll", "turn"]) document.getElementById(how).addEventListener("click", () => stepAll(how));
turns.addEventListener("input", () => allToTurn(Number(turns.value)));
onKeys(stepAll);
// The frames' scripts have run when the page has loaded.
addEventListener("load", ready);

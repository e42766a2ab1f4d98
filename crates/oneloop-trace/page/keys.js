// The keys that step, on every page alike. What has a use for keys itself, a slider or a list, keeps them.
"use strict";

const KEYS = { arrowright: "event", arrowleft: "back", home: "first", end: "last", p: "poll", t: "turn", w: "wake" };

function onKeys(act) {
  document.addEventListener("keydown", (event) => {
    if (["INPUT", "SELECT"].includes(event.target.tagName) && event.target.type !== "checkbox") return;
    const how = KEYS[event.key.toLowerCase()];
    if (!how || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(how);
  });
}

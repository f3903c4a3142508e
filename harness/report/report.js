// SPDX-License-Identifier: Apache-2.0
"use strict";

const byId = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

// Evidence of cases that few will open is kept packed; its place says in which pack it is.
const packs = new Map();

async function unpacked(number) {
  const bytes = Uint8Array.from(atob(byId(`pack-${number}`).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function fill(details) {
  const place = details.querySelector(":scope > [data-pack]");
  if (!place) return;
  const { pack, part } = place.dataset;
  delete place.dataset.pack;
  if (!packs.has(pack)) packs.set(pack, unpacked(pack));
  try {
    place.innerHTML = (await packs.get(pack))[part];
  } catch {
    place.textContent = "This browser cannot unpack the evidence; the files of the run beside this page hold it.";
  }
}

document.addEventListener("toggle", (event) => event.target.open && fill(event.target), true);

function openTarget() {
  const target = byId(location.hash.slice(1));
  const fold = target?.closest(".folded");
  if (fold) fold.open = true;
  if (target?.matches("details.case")) {
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
}

const words = (element, name) => new Set(element.dataset[name].split(" "));
const cases = all(".case").map((element) => ({
  element,
  text: element.querySelector("summary").textContent.toLowerCase(),
  outcomes: words(element, "outcomes"),
  classes: words(element, "classes"),
  rows: words(element, "rows"),
}));
const folded = all(".folded");
const promises = all(".promise[data-rows]").map((element) => ({
  element,
  text: element.textContent.toLowerCase(),
  outcomes: words(element, "outcomes"),
  classes: words(element, "classes"),
  rows: words(element, "rows"),
}));
const known = new Map(promises.flatMap(({ rows }) => [...rows].map((row) => [row.toLowerCase(), row])));

function filter() {
  const boxes = all("#filters [name=outcome]");
  const wanted = boxes.filter((box) => box.checked).map((box) => box.value);
  const everything = wanted.length === boxes.length;
  const kind = byId("class").value;
  const text = byId("text").value.trim().toLowerCase();
  const row = known.get(text);
  const fits = (entry) =>
    (everything || wanted.some((outcome) => entry.outcomes.has(outcome))) &&
    (!kind || entry.classes.has(kind)) &&
    (row ? entry.rows.has(row) : entry.text.includes(text));
  const show = (entries) => entries.filter((entry) => !(entry.element.hidden = !fits(entry))).length;
  const [rows, shown] = [show(promises), show(cases)];
  if (!everything || kind || text) {
    for (const part of folded) part.open = Boolean(part.querySelector(".promise:not([hidden])"));
  }
  byId("shown").textContent = `Shown: ${rows} of ${promises.length} promises, ${shown} of ${cases.length} cases.`;
}

byId("filters").hidden = false;
byId("filters").addEventListener("input", filter);
byId("filters").addEventListener("reset", () => setTimeout(filter));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("click", (event) => {
  const row = event.target.closest("a[data-row]")?.dataset.row;
  if (row) {
    byId("text").value = row;
    filter();
  }
});
window.addEventListener("hashchange", openTarget);
filter();
openTarget();

// The script of the page. Everything is there without it; with it the page follows what happens.

const $ = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const root = document.documentElement;
const ROWS = 100; // rows of live decisions that stay

root.classList.add("js");

// -- light and dark ---------------------------------------------------------------------------

const stored = localStorage.getItem("theme");
if (stored) root.dataset.theme = stored;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function switchTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  draw(document, true);
}

// -- lines over time ---------------------------------------------------------------------------

const plots = new WeakMap();

function color(tone) {
  const probe = document.createElement("span");
  probe.className = `tone-${tone}`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const day = (time) => new Date(time * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short" });

function draw(from, again = false) {
  if (!window.uPlot) return;
  for (const place of all(".plot[data-series]", from)) {
    if (plots.has(place) && !again) continue;
    plots.get(place)?.destroy();
    const { unit, times, series } = JSON.parse(place.dataset.series);
    const spell = (value) => {
      if (value === null || value === undefined) return "-";
      const cents = unit === "$" && (value === 0 || Math.abs(value) >= 0.1) ? 2 : 0;
      const most = Math.abs(value) < 10 ? 4 : cents;
      const shown = value.toLocaleString(undefined, { minimumFractionDigits: cents, maximumFractionDigits: most });
      return unit === "$" ? `$${shown}` : `${shown}${unit}`;
    };
    const axis = { stroke: color("muted"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 } };
    const lines = series.map(({ name, tone }) => ({ label: name, stroke: color(tone), width: 2, value: (_, v) => spell(v) }));
    const options = {
      width: Math.max(200, place.clientWidth), height: 190,
      axes: [{ ...axis, space: 64, values: (_, ticks) => ticks.map(day) }, { ...axis, size: 64, values: (_, ticks) => ticks.map(spell) }],
      series: [{ label: "day", value: (_, time) => (time === null ? "-" : day(time)) }, ...lines],
    };
    plots.set(place, new uPlot(options, [times, ...series.map((each) => each.values)], place));
    sizes.observe(place);
  }
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) plots.get(target)?.setSize({ width: Math.max(200, target.clientWidth), height: 190 });
});

// -- panels that are fetched, again and again ----------------------------------------------------

async function fetched(address, options) {
  const answer = await fetch(address, options);
  return { ok: answer.ok, text: await answer.text() };
}

async function refresh(part) {
  if (document.hidden || part.contains(document.activeElement)) return;
  const open = all("details", part).map((each) => each.open);
  try {
    const { ok, text } = await fetched(part.dataset.part);
    if (!ok) return;
    part.innerHTML = text;
    all("details", part).forEach((each, place) => { each.open = open[place] ?? false; });
    draw(part);
  } catch { /* the server is away; the stream says so */ }
}

async function beginParts() {
  for (const part of all("[data-part]")) {
    setInterval(refresh, 1000 * Number(part.dataset.every), part);
    if (!("there" in part.dataset)) await refresh(part);
  }
}

// -- live decisions ----------------------------------------------------------------------------

const main = $("main");
const rows = $("#live-rows");
const state = $("#live-state");
const pause = $("#pause");
let stream = null;
let waiting = [];

function say(text) {
  if (state && state.textContent !== text) state.textContent = text;
}

function add(html) {
  const held = document.createElement("tbody");
  held.innerHTML = html;
  for (const row of held.children) row.classList.add("new");
  rows.prepend(...held.children);
  while (rows.children.length > ROWS) rows.lastElementChild.remove();
}

function isPaused() {
  return pause?.getAttribute("aria-pressed") === "true";
}

function follow() {
  if (!main?.dataset.live || stream || document.hidden) return;
  const filter = $("#filter");
  const query = filter ? new URLSearchParams([...new FormData(filter)].filter(([, value]) => value)) : "";
  stream = new EventSource(`${main.dataset.live}?${query}`);
  stream.addEventListener("begin", () => say(isPaused() ? "paused" : "following"));
  stream.addEventListener("rows", ({ data }) => {
    if (!rows) return;
    if (!isPaused()) return add(data);
    waiting.push(data);
    waiting = waiting.slice(-ROWS);
    say(`paused, ${waiting.length} updates wait`);
  });
  stream.addEventListener("more", ({ data }) => { if (!isPaused()) say(`following; ${data} more just now`); });
  stream.addEventListener("pulse", ({ data }) => { $("#pulse").innerHTML = data; });
  stream.addEventListener("error", () => say("the server is away; trying again"));
}

function stopFollowing() {
  stream?.close();
  stream = null;
}

function togglePause() {
  if (!pause) return;
  pause.setAttribute("aria-pressed", String(!isPaused()));
  if (!isPaused()) waiting.splice(0).forEach(add);
  say(isPaused() ? "paused" : "following");
}

async function filterAnew(form) {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  const address = new URL(location.href);
  address.search = query;
  history.replaceState(null, "", address);
  stopFollowing();
  const { ok, text } = await fetched(`${form.action.replace(/live$/, "part/live")}?${query}`);
  if (ok) {
    const held = document.createElement("div");
    held.innerHTML = text;
    rows.replaceChildren(...$("#live-rows", held).children);
  }
  follow();
}

// -- one decision, in a dialog -------------------------------------------------------------------

const dialog = document.createElement("dialog");
dialog.setAttribute("aria-labelledby", "dialog-title");
dialog.innerHTML = '<header><h2 id="dialog-title"></h2><button type="button">close</button></header><div class="content"></div>';
document.body.append(dialog);
$("button", dialog).addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function show(title, html) {
  $("h2", dialog).textContent = title;
  $(".content", dialog).innerHTML = html;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

async function open(link) {
  try {
    const { text } = await fetched(`${link.href}?part=1`);
    show(`decision ${link.textContent}`, `<p><a href="${link.getAttribute("href")}">a page of its own</a></p>${text}`);
  } catch { location.assign(link.href); }
}

const HELP = [
  ["?", "this list"], ["/", "filter"], ["p", "pause and go on"], ["j, k", "next and previous decision"],
  ["Enter", "why, and why not"], ["t", "light or dark"], ["1 to 9, 0", "a panel"], ["a", "all panels"],
].map(([key, what]) => `<tr><th scope="row"><kbd>${key}</kbd></th><td>${what}</td></tr>`).join("");

function help() {
  show("keys", `<table><tbody>${HELP}</tbody></table>`);
}

// -- keys and clicks -----------------------------------------------------------------------------

function step(by) {
  const links = all("[data-open]", rows ?? document);
  const place = links.indexOf(document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, place < 0 ? 0 : place + by))]?.focus();
}

const KEYS = {
  "/": () => $("#filter select, #filter input")?.focus(),
  "?": help, p: togglePause, t: switchTheme, j: () => step(1), k: () => step(-1),
  a: () => $("nav a")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.target.closest("input, select, textarea")) return;
  const panel = /^\d$/.test(event.key) ? all("nav a")[Number(event.key) || 10] : null;
  const act = panel ? () => panel.click() : KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-open]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link);
});

document.addEventListener("submit", async (event) => {
  if (event.target.id === "filter" && rows) {
    event.preventDefault();
    filterAnew(event.target);
  } else if (event.target.id === "trial") {
    event.preventDefault();
    const { text } = await fetched(`${event.target.action}?part=1`, { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
    show("the decision", text);
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("#filter");
  if (form && rows) filterAnew(form);
});

document.addEventListener("visibilitychange", () => (document.hidden ? stopFollowing() : follow()));
addEventListener("pagehide", stopFollowing);

for (const [id, act] of [["theme", switchTheme], ["keys", help], ["pause", togglePause]]) {
  const button = document.getElementById(id);
  if (button) { button.hidden = false; button.addEventListener("click", act); }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(document, true));
$("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
draw(document);
follow();
beginParts();

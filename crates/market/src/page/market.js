// The page: takes events, keeps what it knows, and draws at most once a frame.

import { Chart, average, clock, money, volume } from "./chart.js";

const KEPT = 120; // bars of a symbol
const byId = (id) => document.getElementById(id);

// --- What is known

const symbols = new Map(); // name → what the server said last, with bars as a Map by their begin
let alerts = []; // newest first
let meta = { clock: null, late: 0, lateness: null, source: "" };
let selected = wanted();
let still = null; // what was known when the reader paused
let waiting = 0; // updates that came while the picture stands still

function take(view) {
  meta = { ...meta, clock: view.clock, late: view.late };
  for (const entry of view.symbols) {
    const known = symbols.get(entry.symbol);
    const bars = new Map(known?.bars); // a copy: a paused picture keeps the old ones
    for (const bar of entry.bars) bars.set(bar.t, bar);
    // A bar may be new and yet not the newest: sort by time, not by arrival.
    const sorted = [...bars.values()].sort((a, b) => a.t - b.t).slice(-KEPT);
    symbols.set(entry.symbol, { ...entry, bars: new Map(sorted.map((bar) => [bar.t, bar])) });
    changed.add(entry.symbol);
  }
  if (!symbols.has(selected) && symbols.size > 0) selected = [...symbols.keys()].sort()[0];
}

/** What is shown: the newest, or what was there when the reader paused. */
const shown = () => still ?? { symbols, alerts, meta };

/** The symbol that the address asks for. Somebody may have typed it. */
function wanted() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

// --- Where it comes from

let source = null;
let failures = 0;
let heard = 0; // when the last event came

function connect() {
  source?.close();
  source = new EventSource("events");
  const on = (name, handler) =>
    source.addEventListener(name, (event) => {
      failures = 0;
      heard = performance.now();
      handler(JSON.parse(event.data || "{}"));
      redraw();
    });
  on("snapshot", (view) => {
    // What was known may be from an earlier life of the server.
    symbols.clear();
    meta = { ...meta, lateness: view.lateness ?? null, source: view.source ?? "" };
    alerts = view.alerts.toReversed();
    byId("alerts").replaceChildren(...alerts.map(alertLine));
    take(view);
    say("live", "live");
  });
  on("update", (view) => {
    waiting += still ? 1 : 0;
    take(view);
    say("live", "live");
  });
  on("alert", (alert) => {
    if (alerts.some((known) => known.id === alert.id)) return;
    alerts = [alert, ...alerts].slice(0, 20);
    const list = byId("alerts"); // also while paused: who waits for an alert wants it at once
    list.prepend(alertLine(alert));
    while (list.children.length > 20) list.lastChild.remove();
    changed.add(alert.symbol);
  });
  on("end", () => {
    source.close(); // or the browser would connect again, and see it end again
    say("over", "the replay is over");
  });
  on("bye", () => say("away", "the server has stopped; trying again"));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CONNECTING) {
      say("away", "connection lost; trying again");
      return; // the browser does it by itself, and sends the id of the last event
    }
    // It gives up when the answer is no event stream, such as "too many streams".
    const delay = Math.min(1000 * 2 ** failures, 15000) * (0.5 + Math.random() / 2);
    failures += 1;
    say("away", `refused; trying again in ${Math.ceil(delay / 1000)} s`);
    setTimeout(connect, delay);
  });
}

let state = { name: "connecting", text: "connecting" };

function say(name, text) {
  state = { name, text };
  showState();
}

function showState() {
  let { name, text } = state;
  if (name === "live") {
    const quiet = Math.floor((performance.now() - heard) / 1000);
    if (still) [name, text] = ["paused", `paused, ${waiting} updates since`];
    else if (quiet >= 5) text = `live, no trade for ${quiet} s`;
  }
  byId("state").dataset.state = name;
  setText(byId("state-text"), text);
}

// --- What is shown

const changed = new Set(); // symbols to show anew
let frame = 0;

/** Any number of calls before the next frame lead to one drawing; a hidden tab draws nothing. */
function redraw() {
  if (frame === 0) frame = requestAnimationFrame(show);
}

const chart = new Chart(byId("chart"), (bar, byKey) => {
  byId("readout").setAttribute("aria-live", byKey ? "polite" : "off");
  showReadout();
  redraw();
});

function show() {
  frame = 0;
  const { symbols, meta } = shown();
  showState();
  setText(byId("clock"), meta.clock === null ? "–" : clock(meta.clock));
  setText(byId("source"), meta.source);
  setText(byId("late"), String(meta.late));
  setText(byId("late-word"), meta.late === 1 ? "trade" : "trades");
  setText(byId("lateness"), meta.lateness === null ? "" : `, more than ${meta.lateness / 1000} s late`);
  byId("empty").hidden = symbols.size > 0;
  byId("no-alerts").hidden = byId("alerts").children.length > 0;
  for (const row of [...byId("symbols").children]) {
    if (!symbols.has(row.dataset.symbol)) row.remove();
  }
  for (const name of [...changed].sort()) {
    if (symbols.has(name)) showSymbol(symbols.get(name));
  }
  const isChanged = changed.has(selected);
  changed.clear();
  const symbol = symbols.get(selected);
  if (symbol) showSelected(symbol, isChanged);
}

function showSelected(symbol, isChanged) {
  const bars = [...symbol.bars.values()];
  chart.draw({ bars, last: symbol.last, alerts: shown().alerts.filter((alert) => alert.symbol === symbol.symbol) });
  setText(byId("view-title"), symbol.symbol);
  setText(byId("price"), money(symbol.last));
  showChange(byId("change"), symbol);
  for (const name of ["vwap", "sma5", "sma20"]) setText(byId(name), average(symbol[name]));
  document.title = `${symbol.symbol} ${money(symbol.last)} – Market`;
  showReadout();
  if (!isChanged) return;
  const count = chart.bars.length;
  if (count > 0) {
    const low = Math.min(...chart.bars.map((bar) => bar.l));
    const high = Math.max(...chart.bars.map((bar) => bar.h));
    const label = `${symbol.symbol}, ${count} bars from ${clock(chart.bars[0].t)} to ${clock(chart.bars[count - 1].t)}, between ${money(low)} and ${money(high)}`;
    byId("chart").setAttribute("aria-label", label);
  }
  if (byId("values").open) showBars(symbol, bars);
}

function showReadout() {
  const bar = shown().symbols.get(selected)?.bars.get(chart.cursor);
  const text = bar
    ? `${clock(bar.t)}  open ${money(bar.o)}  high ${money(bar.h)}  low ${money(bar.l)}  close ${money(bar.c)}  ` +
      `VWAP ${average(bar.vwap)}  volume ${volume(bar.v)}  ${bar.n} trades${bar.closed ? "" : "  (still open)"}`
    : "";
  setText(byId("readout"), text);
}

function showSymbol(symbol) {
  const name = symbol.symbol;
  let row = document.querySelector(`#symbols tr[data-symbol="${CSS.escape(name)}"]`);
  if (!row) {
    row = symbolRow(name);
    const after = [...byId("symbols").children].find((other) => other.dataset.symbol > name);
    byId("symbols").insertBefore(row, after ?? null);
  }
  const [last, change, vwap, late] = row.querySelectorAll("td.number");
  const before = Number(row.dataset.last);
  if (row.dataset.last && symbol.last !== before) {
    last.classList.remove("ticked-up", "ticked-down");
    void last.offsetWidth; // without it, the animation would not begin anew
    last.classList.add(symbol.last > before ? "ticked-up" : "ticked-down");
  }
  row.dataset.last = symbol.last ?? "";
  setText(last, money(symbol.last));
  showChange(change, symbol, true);
  setText(vwap, average(symbol.vwap));
  setText(late, String(symbol.late));
  row.querySelector("button").setAttribute("aria-pressed", String(name === selected));
  const closes = [...symbol.bars.values()].slice(-40).map((bar) => bar.c);
  const low = Math.min(...closes);
  const range = Math.max(...closes) - low || 1;
  const point = (close, at) => `${((at / Math.max(closes.length - 1, 1)) * 64).toFixed(1)} ${(20 - ((close - low) / range) * 18).toFixed(1)}`;
  row.querySelector("path").setAttribute("d", closes.length > 1 ? `M${closes.map(point).join("L")}` : "");
}

function symbolRow(name) {
  const row = document.createElement("tr");
  row.dataset.symbol = name;
  const head = document.createElement("th");
  head.scope = "row";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.addEventListener("click", () => select(name));
  head.append(button);
  const spark = document.createElement("td");
  spark.className = "wide";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 64 22");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  spark.append(svg);
  const numbers = ["last", "change", "wide vwap", "late"].map((kind) => {
    const cell = document.createElement("td");
    cell.className = `number ${kind}`;
    return cell;
  });
  row.append(head, spark, ...numbers);
  return row;
}

/** ▲ +1.25 (+1.24 %): sign and shape say what the colour says. */
function showChange(element, symbol, short = false) {
  const by = symbol.change;
  if (by === null) return setText(element, "–");
  const percent = (by / (symbol.last - by)) * 100;
  const shape = by > 0 ? "▲" : by < 0 ? "▼" : "■";
  const sign = by > 0 ? "+" : by < 0 ? "−" : "";
  const share = `${sign}${Math.abs(percent).toFixed(2)} %`;
  setText(element, short ? `${shape} ${share}` : `${shape} ${sign}${money(Math.abs(by))} (${share})`);
  element.classList.toggle("up", by > 0);
  element.classList.toggle("down", by < 0);
}

/** Rows are kept and only their texts change: a row that is replaced takes a selection with it. */
function showBars(symbol, bars) {
  const body = byId("bars");
  if (body.dataset.symbol !== symbol.symbol) {
    body.dataset.symbol = symbol.symbol;
    body.replaceChildren();
    setText(byId("values-caption"), `${symbol.symbol}, newest first; times in UTC`);
  }
  const rows = new Map([...body.children].map((row) => [Number(row.dataset.t), row]));
  let before = null;
  for (const bar of bars) {
    const row = rows.get(bar.t) ?? barRow(bar.t);
    rows.delete(bar.t);
    if (row.parentNode === null || row.nextSibling !== before) body.insertBefore(row, before ?? null);
    before = row;
    const values = [money(bar.o), money(bar.h), money(bar.l), money(bar.c), average(bar.vwap), volume(bar.v), String(bar.n)];
    [...values, bar.closed ? "closed" : "open"].forEach((text, at) => setText(row.children[at + 1], text));
  }
  for (const gone of rows.values()) gone.remove();
}

function barRow(t) {
  const row = document.createElement("tr");
  row.dataset.t = t;
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = clock(t);
  const cells = Array.from({ length: 8 }, (_, at) => {
    const cell = document.createElement("td");
    if (at < 7) cell.className = "number";
    return cell;
  });
  row.append(head, ...cells);
  return row;
}

function alertLine(alert) {
  const line = document.createElement("li");
  const sign = document.createElement("span");
  sign.className = `sign ${alert.direction}`;
  sign.textContent = alert.direction === "up" ? "▲" : "▼";
  sign.setAttribute("aria-hidden", "true");
  const text = document.createElement("span");
  const name = document.createElement("b");
  name.textContent = alert.symbol;
  text.append(name, ` ${alert.text}`);
  const time = document.createElement("time");
  time.textContent = clock(alert.t);
  line.append(sign, text, time);
  return line;
}

/** Writes only what differs: a text that is written again is read aloud again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// --- What the reader does

function select(name) {
  selected = name;
  chart.moveTo(null, false);
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  showAll();
}

function showAll() {
  for (const name of symbols.keys()) changed.add(name);
  redraw();
}

byId("pause").addEventListener("click", () => {
  still = still ? null : { symbols: new Map(symbols), alerts, meta };
  waiting = 0;
  byId("pause").setAttribute("aria-pressed", String(still !== null));
  setText(byId("pause"), still ? "Go on" : "Pause");
  showAll();
});
for (const input of document.getElementsByName("range")) {
  // On a phone, sixty candles would be two pixels wide each.
  if (matchMedia("(max-width: 520px)").matches) input.checked = input.value === "30";
  if (input.checked) chart.range = Number(input.value);
  input.addEventListener("change", () => {
    chart.range = Number(input.value);
    changed.add(selected);
    redraw();
  });
}
byId("values").addEventListener("toggle", () => {
  changed.add(selected);
  redraw();
});
window.addEventListener("hashchange", () => select(wanted()));
byId("values").open = matchMedia("(min-width: 901px)").matches; // there it is beside the alerts
new ResizeObserver(redraw).observe(byId("chart"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
setInterval(showState, 1000);
connect();

// One WebSocket, and what comes through it, as text.
//
// What others wrote goes into the page by `textContent`, so it is text whatever it looks like. Not
// one line here makes HTML out of data.

const LONGEST = 2000; // characters of a message, as the server counts them
const SHOWN = 500; // lines that stay in the page; the oldest go
const LISTED = 200; // people that are listed by name
const PATIENCE = 10_000; // ms without an answer, after which a connection is taken for dead
const SLOWEST = 30_000; // ms, the longest wait before the next attempt
const GRACE = 120_000; // ms for which the server may still hold our name after a break

// After these, the next attempt would end as this one did: a bug, a refusal, or our own doing.
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 4000, 4001]);

const at = (id) => document.getElementById(id);
const [door, inside, log, box] = [at("door"), at("inside"), at("log"), at("text")];

let me = null; // { name, room } from the click on Join to the end
let socket = null;
let welcomed = false; // on this connection
let joined = false; // at least once since the click on Join
let epoch = null; // the server's numbering; another one after it has lost its memory
let last = 0; // the id of the newest message that we have seen
let taken = 0; // the id of our newest message that was accepted
let present = []; // sorted
let outbox = []; // { ref, text, element, sent }; only the first one has been sent, if any
let failures = 0;
let brokenAt = null; // since when we have been trying to come back
let timer = null; // for the next attempt
let deadline = null; // for an answer
let atEnd = true; // whether the newest message is in view
let unread = 0;

// --- The connection

function connect() {
  clearTimeout(timer);
  socket?.close(); // two clicks on Join are one person
  at("retry").hidden = true;
  say("waiting", "Connecting…");
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const ws = (socket = new WebSocket(url));
  welcomed = false;
  expect();
  ws.onopen = () => {
    const again = epoch === null ? {} : { after: last, of: epoch };
    ws.send(JSON.stringify({ type: "join", ...me, ...again }));
  };
  // A socket that we have given up may still speak; nobody listens to it then.
  ws.onmessage = (event) => ws === socket && take(JSON.parse(event.data));
  ws.onclose = (event) => ws === socket && lost(event.code, event.reason);
}

// From now on an answer is due. A page does not see the server's pings, so this is how it notices a
// connection that is dead and does not say so.
function expect() {
  clearTimeout(deadline);
  deadline = setTimeout(() => {
    const silent = socket;
    lost(1006, "");
    silent.close();
  }, PATIENCE);
}

function lost(code, reason) {
  socket = null;
  clearTimeout(deadline);
  brokenAt ??= Date.now();
  // The server may not have noticed yet that our last connection is gone, and then the name that is
  // taken is our own.
  const ours = code === 4001 && joined && !welcomed && Date.now() - brokenAt < GRACE;
  if (FINAL.has(code) && !ours) {
    leave(reason || `The server ended the connection (code ${code}).`, code === 4001);
    return;
  }
  // Not all at once: after a restart of the server, each page waits for another time.
  const most = Math.min(SLOWEST, 500 * 2 ** failures++);
  const wait = most / 2 + (Math.random() * most) / 2;
  const silent = joined ? "Connection lost" : "The server does not answer";
  const why = reason ? sentence(reason) : silent;
  const seconds = Math.max(1, Math.round(wait / 1000));
  say("waiting", `${why}. Trying again in ${seconds} s`);
  at("retry").hidden = false;
  timer = setTimeout(connect, wait);
}

function leave(trouble = "", nameIsTaken = false) {
  clearTimeout(timer);
  clearTimeout(deadline);
  const ws = socket;
  socket = null; // before the close, so that nothing is heard of it
  ws?.close(1000);
  // What was not answered goes back into the box, so that it is still there after the next join.
  takeBack();
  me = epoch = brokenAt = null;
  joined = welcomed = false;
  failures = last = taken = unread = 0;
  speaker = { name: null, when: 0, day: "" };
  problem("");
  log.replaceChildren();
  door.hidden = false;
  inside.hidden = at("leave").hidden = at("retry").hidden = true;
  at("where").textContent = "";
  say("", "Not connected");
  title();
  at("door-problem").textContent = sentence(trouble);
  at("name").setAttribute("aria-invalid", nameIsTaken);
  at("name").focus();
}

// --- What the server says

function take(message) {
  switch (message.type) {
    case "welcome": return welcome(message);
    case "said": return said(message);
    case "accepted": return accepted(message);
    case "refused": return refused(message);
    case "joined":
      note("note", nameOf(message.name), " joined");
      return people([...without(message.name), message.name]);
    case "left":
      note("note", nameOf(message.name), " left");
      return people(without(message.name));
    case "people": return people(message.people);
    case "missed":
      last = Math.max(last, message.last);
      return gap(message.count, "your connection was too slow");
    case "closing": return note("note gap", sentence(message.reason));
    // A type that we do not know is from a newer server; what we know still works.
  }
}

function welcome({ name, room, people: here, history: kept, missed, epoch: now }) {
  clearTimeout(deadline);
  const back = joined;
  const restarted = back && epoch !== now;
  if (restarted) {
    last = taken = 0;
    note("note", "The server was restarted and counts anew");
  }
  [epoch, welcomed, joined, failures, brokenAt] = [now, true, true, 0, null];
  me = { name, room };
  door.hidden = true;
  inside.hidden = at("leave").hidden = false;
  at("retry").hidden = true;
  at("where").textContent = room;
  log.setAttribute("aria-label", `Messages in ${room}`);
  remember(name, room);
  people(here);
  if (back && missed > 0) {
    gap(missed, "you were away for too long");
    last = Math.max(last, (kept[0]?.id ?? 0) - 1); // they are told, and not missing again below
  }
  // A screen reader would read all of it aloud.
  log.setAttribute("aria-busy", "true");
  for (const message of kept) said(message);
  log.removeAttribute("aria-busy");
  const news = back && !restarted && kept.length;
  say("on", `Connected as ${name}${news ? `, ${many(kept.length, "message")} while you were away` : ""}`);
  if (!back) {
    unread = 0;
    atEnd = true;
    box.focus();
  }
  title();
  toEnd();
  settle(kept, restarted || missed > 0);
  next();
}

function said({ id, name, text, at: when }) {
  if (id <= last) return;
  // Ids rise by one, so whoever counts sees whether something is missing.
  if (last > 0 && id > last + 1) gap(id - last - 1, "");
  last = id;
  const mine = name === me.name;
  append(bubble(name, text, new Date(when), mine));
  if (!mine && (document.hidden || !atEnd)) unread++;
  title();
}

// --- Sending: one message at a time, so that the order survives a break

function submit() {
  const text = (box.value.toWellFormed?.() ?? box.value).trim();
  problem("");
  if (!text) return;
  if ([...text].length > LONGEST) {
    problem(`This is too long: ${[...text].length} characters, and ${LONGEST} is the limit.`);
    return;
  }
  const element = bubble(me.name, text, null, true);
  element.classList.add("unsent");
  outbox.push({ ref: crypto.getRandomValues(new Uint32Array(2)).join("-"), text, element, sent: false });
  box.value = "";
  count();
  atEnd = true;
  append(element);
  if (outbox.length === 1) next();
}

function next() {
  if (!welcomed || !socket || outbox.length === 0) return;
  const { ref, text } = outbox[0];
  outbox[0].sent = true;
  socket.send(JSON.stringify({ type: "say", text, ref }));
  expect();
}

function accepted({ ref, id }) {
  if (outbox[0]?.ref !== ref) return;
  clearTimeout(deadline);
  taken = id;
  outbox.shift().element.remove();
  next();
}

function refused({ ref, reason }) {
  if (outbox[0]?.ref === ref) {
    clearTimeout(deadline);
    takeBack();
  }
  problem(sentence(reason));
}

// After a break nobody has told us whether the message under way has arrived. The history tells:
// the server gave us our name again, so our last connection was over, and what is not in the
// history by then never comes. Only if the history has a hole, nobody knows.
function settle(kept, hole) {
  if (outbox[0]?.sent) {
    const { text, element } = outbox[0];
    const mine = kept.filter(({ id, name }) => id > taken && name === me.name);
    if (mine.some((message) => message.text === text)) {
      outbox.shift();
      element.remove();
    } else if (hole) {
      takeBack();
      problem("The connection broke: nobody can say whether this was still heard. Send it again?");
    }
  }
  for (const { element } of outbox) log.append(element); // below what was said meanwhile
}

// All that waits goes back, for what follows the first may make no sense without it.
function takeBack() {
  for (const { text, element } of outbox.splice(0).reverse()) {
    element.remove();
    giveBack(text);
  }
}

function giveBack(text) {
  box.value = box.value ? `${text}\n${box.value}` : text;
  count();
}

// --- The page

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// `bdi`: a name may be written from right to left, and nothing beside it turns around with it.
function nameOf(name) {
  let sum = 2166136261;
  for (const letter of name) sum = Math.imul(sum ^ letter.codePointAt(0), 16777619) >>> 0;
  return make("bdi", `name tint-${(sum >>> 8) % 8}`, name);
}

// Characters that turn the direction of what follows show "exe.txt" where "txt.exe" was written.
// They are named instead.
function plain(text) {
  return text.split(/([\u202a-\u202e\u2066-\u2069])/).map((part, n) =>
    n % 2 === 0 ? part : make("span", "code", `U+${part.codePointAt(0).toString(16).toUpperCase()}`));
}

let speaker = { name: null, when: 0, day: "" }; // of the last message shown

function bubble(name, text, when, mine) {
  const element = make("div", mine ? "message mine" : "message");
  const who = make("p", "who");
  who.append(nameOf(name));
  if (when) {
    const time = make("time", "", when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    time.dateTime = when.toISOString();
    time.title = when.toLocaleString();
    who.append(" ", time);
    const day = when.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
    if (speaker.day && day !== speaker.day) note("note day", day);
    if (speaker.name === name && when - speaker.when < 300_000) element.classList.add("more");
    speaker = { name, when: +when, day };
  } else {
    who.append(" ", make("span", "hint", "sending…"));
  }
  const body = make("p", "text");
  body.append(...plain(text));
  body.dir = "auto";
  element.append(who, body);
  return element;
}

// Of texts and elements; a text stays one.
function note(className, ...parts) {
  speaker.name = null;
  const element = make("p", className);
  element.append(...parts);
  append(element);
}

function gap(missing, why) {
  note("note gap", `${many(missing, "message")} not shown${why && `: ${why}`}`);
}

function append(element) {
  // What is under way stays below what has been said.
  const waiting = outbox[0]?.element;
  if (waiting?.parentNode === log && waiting !== element && !element.classList.contains("unsent")) {
    log.insertBefore(element, waiting);
  } else {
    log.append(element);
  }
  while (log.childElementCount > SHOWN) log.firstElementChild.remove();
  toEnd();
}

// To ask for a height makes the browser lay out the page; so at most once a frame.
let frame = 0;
function toEnd() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    if (atEnd) log.scrollTop = log.scrollHeight;
    at("latest").hidden = atEnd;
    at("latest").textContent = unread ? `${many(unread, "new message")} ↓` : "Newest ↓";
  });
}

const without = (name) => present.filter((one) => one !== name);

function people(names) {
  present = names.sort((a, b) => a.localeCompare(b));
  at("how-many").textContent = present.length;
  const rows = present.slice(0, LISTED).map((name) => {
    const row = make("li");
    row.append(nameOf(name), name === me.name ? " (you)" : "");
    return row;
  });
  if (present.length > LISTED) rows.push(make("li", "hint", `and ${present.length - LISTED} more`));
  at("people").replaceChildren(...rows);
}

function say(light, text) {
  at("light").className = `light ${light}`;
  at("state").textContent = text;
}

function problem(text) {
  at("problem").textContent = text;
  box.setAttribute("aria-invalid", text !== "");
}

function count() {
  const length = [...box.value.trim()].length;
  at("count").textContent = length > LONGEST - 200 ? `${length} of ${LONGEST}` : "";
  at("count").classList.toggle("over", length > LONGEST);
}

function title() {
  const where = me && joined ? `${me.room} – Chat` : "Chat";
  document.title = unread ? `(${unread}) ${where}` : where;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const many = (n, what) => `${n.toLocaleString()} ${what}${n === 1 ? "" : "s"}`;

// A browser may forbid both; then nothing is remembered.
function remember(name, room) {
  history.replaceState(null, "", room === "lobby" ? "/" : `/?room=${encodeURIComponent(room)}`);
  try {
    localStorage.setItem("name", name);
  } catch {}
}

function remembered() {
  at("room").value = new URLSearchParams(location.search).get("room") ?? "lobby";
  try {
    at("name").value = localStorage.getItem("name") ?? "";
  } catch {}
  at("name").focus();
}

// --- What people do

door.addEventListener("submit", (event) => {
  event.preventDefault();
  at("door-problem").textContent = "";
  me = { name: at("name").value.trim(), room: at("room").value.trim().toLowerCase() };
  connect();
});

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  box.focus();
});

box.addEventListener("input", () => {
  count();
  problem("");
});

box.addEventListener("keydown", (event) => {
  // While a word is being composed, as in Japanese, Enter chooses and does not send.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});

// Only who scrolls upwards leaves the end. The distance alone would not do: between our scrolling and
// this event the next message may have come.
let previousTop = 0;
log.addEventListener("scroll", () => {
  const isNear = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  atEnd = isNear || (atEnd && log.scrollTop >= previousTop);
  previousTop = log.scrollTop;
  if (atEnd && !document.hidden && unread) {
    unread = 0;
    title();
  }
  toEnd();
});

at("latest").addEventListener("click", () => {
  atEnd = true;
  unread = 0;
  title();
  toEnd();
  box.focus();
});

at("leave").addEventListener("click", () => leave());
at("retry").addEventListener("click", connect);

// Who comes back to the page, or to the net, does not wait out the time.
function hurry() {
  if (me && !socket) connect();
}
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  hurry();
  if (atEnd) unread = 0;
  title();
});

// When a phone's keyboard opens, the newest message stays in view.
new ResizeObserver(toEnd).observe(log);

// On a desk there is room for the list; on a phone it opens when asked.
at("others").open = matchMedia("(min-width: 46rem)").matches;
remembered();

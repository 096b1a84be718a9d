// What a page must have so that anybody can use it. Returns sentences: what is wrong, and where.
// The numbers are those of WCAG 2.2, level AA.

const problems = [];
const name = (element) => element.tagName.toLowerCase() + (element.id ? `#${element.id}` : element.className ? `.${element.className}` : "");
const is_seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length > 0;
const all = (selector) => [...document.querySelectorAll(selector)].filter(is_seen);

// Names, as a screen reader says them.
const text_of = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id));
for (const element of all("input, textarea, select, button, summary, [role=log]")) {
  const label = element.getAttribute("aria-label") || [...(element.labels ?? [])].map((one) => one.textContent).join(" ") ||
    (element.matches("button, summary") ? element.textContent : "");
  if (!label.trim()) problems.push(`${name(element)} has no name`);
}
for (const element of document.querySelectorAll("[aria-describedby]")) {
  if (text_of(element.getAttribute("aria-describedby")).includes(null)) problems.push(`${name(element)} is described by nothing`);
}
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
if (new Set(ids).size < ids.length) problems.push("an id is there twice");

// The page itself.
if (!document.documentElement.lang) problems.push("no language");
if (!document.title) problems.push("no title");
if (all("h1").length !== 1) problems.push("not one h1");
if (all("main").length !== 1) problems.push("not one main");
if (!document.querySelector("[role=status]")) problems.push("no status");
// Not `innerWidth`: a phone shows a page that is too wide from further away.
const { scrollWidth, clientWidth } = document.documentElement;
if (scrollWidth > clientWidth) problems.push(`${scrollWidth} px wide in ${clientWidth}`);
// In the room only the log is scrolled.
const { scrollHeight, clientHeight } = document.documentElement;
if (all("[role=log]").length && scrollHeight > clientHeight) problems.push(`${scrollHeight} px high in ${clientHeight}`);
for (const element of all("body *")) {
  const { left, right } = element.getBoundingClientRect();
  const is_clipped = element.closest(".who") || element.closest(".light");
  if (!is_clipped && (left < -1 || right > clientWidth + 1)) problems.push(`${name(element)} is cut off`);
}

// Colours, as they are mixed on the screen.
const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const mix = (colours) => {
  pixel.fillStyle = "white";
  pixel.fillRect(0, 0, 1, 1);
  for (const colour of colours) {
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
  }
  return [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)];
};
const luminance = (colour) => {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};
const grounds = (element) => {
  const colours = [];
  for (let at = element; at; at = at.parentElement) colours.unshift(getComputedStyle(at).backgroundColor);
  return colours;
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !is_seen(element) || element.closest("script, style, noscript")) continue;
  const behind = grounds(element);
  const ratio = contrast(mix([...behind, getComputedStyle(element).color]), mix(behind));
  if (ratio < 4.5) problems.push(`${name(element)} "${walker.currentNode.data.trim().slice(0, 20)}": contrast ${ratio.toFixed(1)}`);
}

// What is used by a finger, and what is reached by the keyboard.
const controls = all("input, textarea, button, summary, [tabindex='0']");
for (const element of controls) {
  const { width, height } = element.getBoundingClientRect();
  if (Math.min(width, height) < 24) problems.push(`${name(element)} is ${Math.round(width)} by ${Math.round(height)} pixels`);
  if (element.tabIndex > 0) problems.push(`${name(element)} changes the order`);
  if (element.matches("input, textarea, button.quiet")) {
    const around = mix(grounds(element.parentElement));
    const ratio = contrast(mix([...grounds(element.parentElement), getComputedStyle(element).borderTopColor]), around);
    if (ratio < 3) problems.push(`the edge of ${name(element)}: contrast ${ratio.toFixed(1)}`);
  }
}
return problems;

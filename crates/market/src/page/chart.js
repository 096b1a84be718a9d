// The chart: candles, volumes and three lines on a canvas. It knows nothing of where they come from.

const STYLE = ["text", "quiet", "line", "grid", "card", "up", "down", "vwap", "sma5", "sma20", "warn"];
const ROUND = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200]; // seconds
const FONT = "12px system-ui, sans-serif";

/** Integers of 1/10000 as people read them: whole cents with two digits, others with four. */
export function money(value) {
  if (value === null || value === undefined) return "–";
  return (value / 10000).toFixed(value % 100 === 0 ? 2 : 4);
}

/** Averages have four digits always, so that they do not jump. */
export function average(value) {
  return value === null || value === undefined ? "–" : (value / 10000).toFixed(4);
}

export function volume(value) {
  return (value / 10000).toLocaleString("en", { maximumFractionDigits: 4 });
}

export function clock(at) {
  return new Date(at).toISOString().slice(11, 19);
}

/** The average of the last `count` closes at each bar that has so many before it. */
function averages(bars, count) {
  let sum = 0;
  return bars.map((bar, at) => {
    sum += bar.c - (at >= count ? bars[at - count].c : 0);
    return at >= count - 1 ? sum / count : null;
  });
}

/** A step of 1, 2 or 5 times a power of ten, so that about `count` of them fill the range. */
function step(range, count) {
  const raw = range / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find((each) => each * power >= raw) ?? 10);
}

export class Chart {
  /** `onCursor(bar, byKey)` is called when the reader points at a bar, or at none (null). */
  constructor(canvas, onCursor) {
    this.canvas = canvas;
    this.onCursor = onCursor;
    this.range = 60;
    this.cursor = null; // the time of the bar that the reader points at
    this.bars = [];
    canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.moveTo(null, false));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.moveTo(null, false));
  }

  /** Draws once. The caller sees to it that this is at most once a frame. */
  draw({ bars, alerts, last }) {
    const canvas = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const styles = getComputedStyle(canvas);
    this.color = Object.fromEntries(STYLE.map((name) => [name, styles.getPropertyValue(`--${name}`)]));
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = FONT;
    this.bars = bars.slice(-this.range);
    if (this.bars.length === 0) return;

    // The averages need the bars before the first that is shown.
    const skipped = bars.length - this.bars.length;
    const sma5 = averages(bars, 5).slice(skipped);
    const sma20 = averages(bars, 20).slice(skipped);
    const lines = [
      { values: sma5, color: this.color.sma5, dash: [6, 4], width: 1.6 },
      { values: sma20, color: this.color.sma20, dash: [1.5, 3.5], width: 2.4 },
    ];

    const known = lines.flatMap((line) => line.values).filter((value) => value !== null);
    let low = Math.min(...this.bars.map((bar) => bar.l), ...known);
    let high = Math.max(...this.bars.map((bar) => bar.h), ...known);
    const margin = Math.max((high - low) * 0.08, high * 0.0001, 1);
    low -= margin;
    high += margin;
    const wide = [Math.round(high / 100) * 100, last].map((price) => pen.measureText(money(price)).width);
    const right = Math.max(...wide) + 18;
    const place = { left: 4, right: width - right, top: 16, bottom: height - 24 };
    const volumeTop = place.bottom - (place.bottom - place.top) * 0.18;
    // A few bars stand where they will stand when there are more: at the right.
    this.slot = (place.right - place.left) / Math.max(this.range, 1);
    this.origin = place.right - this.slot * this.bars.length;
    this.edge = place;
    const x = (at) => this.origin + this.slot * (at + 0.5);
    const y = (price) => place.top + ((high - price) / (high - low)) * (volumeTop - 8 - place.top);

    this.grid(pen, { low, high, y, x, place, width, last });
    this.volumes(pen, { x, volumeTop, bottom: place.bottom });
    this.watermark(pen, place);
    this.candles(pen, { x, y });
    for (const line of lines) this.line(pen, line, x, y);
    this.dots(pen, x, y);
    this.marks(pen, alerts, { x, y, top: place.top });
    this.tag(pen, last, y, place, width);
    this.crosshair(pen, x, place);
  }

  grid(pen, { low, high, y, x, place, width, last }) {
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    pen.lineWidth = 1;
    pen.strokeStyle = this.color.grid;
    pen.fillStyle = this.color.quiet;
    const apart = Math.max(step(high - low, 6), 1);
    for (let price = Math.ceil(low / apart) * apart; price < high; price += apart) {
      const at = Math.round(y(price)) + 0.5;
      pen.beginPath();
      pen.moveTo(place.left, at);
      pen.lineTo(place.right, at);
      pen.stroke();
      // Not half behind the tag of the last price.
      if (last === null || Math.abs(y(last) - at) > 17) pen.fillText(money(Math.round(price)), place.right + 8, at);
    }
    pen.textAlign = "center";
    const label = pen.measureText("00:00:00").width;
    const gaps = this.bars.slice(1).map((bar, at) => bar.t - this.bars[at].t);
    const span = Math.min(...gaps, this.bars[0].t || 1);
    const room = Math.ceil((label + 20) / this.slot) * span;
    const every = (ROUND.find((seconds) => seconds * 1000 >= room) ?? 86400) * 1000;
    let free = 0; // where gaps between bars bring two labels together, the second is left out
    this.bars.forEach((bar, at) => {
      const from = x(at) - label / 2;
      if (bar.t % every !== 0 || from < free || from + label > width) return;
      pen.fillText(clock(bar.t), x(at), place.bottom + 14);
      free = from + label + 12;
    });
  }

  volumes(pen, { x, volumeTop, bottom }) {
    const most = Math.max(...this.bars.map((bar) => bar.v));
    const wide = Math.max(this.slot * 0.62, 1);
    this.bars.forEach((bar, at) => {
      const tall = Math.max((bar.v / most) * (bottom - volumeTop), 1);
      pen.globalAlpha = bar.closed ? 0.45 : 0.25;
      pen.fillStyle = bar.c >= bar.o ? this.color.up : this.color.down;
      pen.fillRect(x(at) - wide / 2, bottom - tall, wide, tall);
    });
    pen.globalAlpha = 1;
  }

  candles(pen, { x, y }) {
    const wide = Math.max(Math.floor(this.slot * 0.62), 2);
    this.bars.forEach((bar, at) => {
      const up = bar.c >= bar.o;
      const middle = Math.round(x(at)) + 0.5;
      const top = Math.round(y(Math.max(bar.o, bar.c))) + 0.5;
      const bottom = Math.max(Math.round(y(Math.min(bar.o, bar.c))) + 0.5, top + 1);
      pen.globalAlpha = bar.closed ? 1 : 0.55;
      pen.strokeStyle = pen.fillStyle = up ? this.color.up : this.color.down;
      pen.lineWidth = 1.4;
      pen.beginPath();
      pen.moveTo(middle, y(bar.h));
      pen.lineTo(middle, top);
      pen.moveTo(middle, bottom);
      pen.lineTo(middle, y(bar.l));
      pen.stroke();
      // Rising candles are hollow: the colour is not needed to tell them.
      if (!up) pen.fillRect(middle - wide / 2, top, wide, bottom - top);
      pen.strokeRect(middle - wide / 2, top, wide, bottom - top);
    });
    pen.globalAlpha = 1;
  }

  line(pen, { values, color, dash, width }, x, y) {
    pen.strokeStyle = color;
    pen.lineWidth = width;
    pen.lineJoin = pen.lineCap = "round";
    pen.setLineDash(dash);
    pen.beginPath();
    values.forEach((value, at) => {
      if (value === null) return;
      pen.lineTo(x(at), y(value));
    });
    pen.stroke();
    pen.setLineDash([]);
    pen.lineCap = "butt";
  }

  dots(pen, x, y) {
    pen.fillStyle = this.color.vwap;
    pen.strokeStyle = this.color.card;
    pen.lineWidth = 1;
    this.bars.forEach((bar, at) => {
      pen.beginPath();
      pen.arc(x(at), y(bar.vwap), Math.min(this.slot * 0.28, 2.6), 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    });
  }

  /** Right of this line, bars may still change. */
  watermark(pen, place) {
    const open = this.bars.findIndex((bar) => !bar.closed);
    if (open < 0) return;
    const at = Math.round(this.origin + this.slot * open) + 0.5;
    pen.strokeStyle = this.color.quiet;
    pen.lineWidth = 1;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(at, place.top - 2);
    pen.lineTo(at, place.bottom);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = this.color.quiet;
    pen.textAlign = "right";
    pen.fillText("closed", at - 6, place.top - 8);
    pen.textAlign = "left";
    pen.fillText("open", at + 6, place.top - 8);
  }

  marks(pen, alerts, { x, y, top }) {
    pen.textAlign = "center";
    for (const alert of alerts) {
      const at = this.bars.findLastIndex((bar) => bar.t < alert.t);
      if (at < 0 || (at === this.bars.length - 1 && !this.bars[at].closed)) continue;
      const above = Math.max(y(this.bars[at].h) - 10, top + 4);
      pen.fillStyle = this.color.warn;
      pen.beginPath();
      pen.moveTo(x(at), above - 4);
      pen.lineTo(x(at) + 4, above);
      pen.lineTo(x(at), above + 4);
      pen.lineTo(x(at) - 4, above);
      pen.fill();
    }
  }

  tag(pen, last, y, place, width) {
    if (last === null) return;
    const at = Math.round(y(last)) + 0.5;
    pen.strokeStyle = this.color.text;
    pen.globalAlpha = 0.5;
    pen.setLineDash([2, 3]);
    pen.beginPath();
    pen.moveTo(place.left, at);
    pen.lineTo(place.right, at);
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    pen.fillStyle = this.color.text;
    pen.fillRect(place.right + 2, at - 10, width - place.right - 2, 20);
    pen.fillStyle = this.color.card;
    pen.textAlign = "left";
    pen.fillText(money(last), place.right + 8, at);
  }

  crosshair(pen, x, place) {
    const at = this.bars.findIndex((bar) => bar.t === this.cursor);
    if (at < 0) return;
    pen.globalAlpha = 0.12;
    pen.fillStyle = this.color.text;
    pen.fillRect(x(at) - this.slot / 2, place.top, this.slot, place.bottom - place.top);
    pen.globalAlpha = 1;
  }

  point(offset) {
    const at = Math.floor((offset - this.origin) / this.slot);
    this.moveTo(this.bars[at] ?? null, false);
  }

  key(event) {
    if (this.bars.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const end = this.bars.length - 1;
    const now = this.bars.findIndex((bar) => bar.t === this.cursor);
    const to = {
      ArrowLeft: now < 0 ? end : Math.max(now - 1, 0),
      ArrowRight: now < 0 ? end : Math.min(now + 1, end),
      Home: 0,
      End: end,
      Escape: -1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.moveTo(this.bars[to] ?? null, true);
  }

  moveTo(bar, byKey) {
    if ((bar?.t ?? null) === this.cursor) return;
    this.cursor = bar?.t ?? null;
    this.onCursor(bar, byKey);
  }
}

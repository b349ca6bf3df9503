// Time lines on two canvases: the rows, drawn when something changes, and the playhead above them, drawn with each frame.

const COLOURS = {
  ink: "#1c1d1f", soft: "#5b5d61", line: "#e4e2db", wash: "#f1efe8", strip: "#f7f6f2", curve: "#c9ced6", ours: "#d5dce7",
  edge: "#5a6b84", mine: "#11514f", draft: "#7aa19f", ns: "#6b6d72", select: "#1a5fb4", head: "#b3341f", segment: "#e9dfc2",
};
const STRIP = 16, RULER = 20, ROW = 27, TOP = STRIP + RULER, SLOP = 5, SHORTEST_S = 0.25;
const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
const FACTORS = [1, 16, 256];

// Largest values of 1, 16 and 256 frames, so that hours are drawn as fast as seconds. 255 is "not known".
export function pyramid(values) {
  const levels = [values];
  for (let k = 1; k < FACTORS.length; k += 1) {
    const below = levels[k - 1], level = new Uint8Array(Math.ceil(below.length / 16));
    for (let i = 0; i < level.length; i += 1) {
      let most = -1;
      for (let j = 16 * i; j < Math.min(16 * i + 16, below.length); j += 1) if (below[j] !== 255 && below[j] > most) most = below[j];
      level[i] = most < 0 ? 255 : most;
    }
    levels.push(level);
  }
  return levels;
}

export function lowerBound(values, wanted, of = (one) => one) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(values[middle]) < wanted) low = middle + 1; else high = middle;
  }
  return low;
}

export function clockText(seconds, decimals = 3) {
  const whole = Math.max(0, seconds), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const rest = (whole % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export class Timeline extends EventTarget {
  constructor(holder, rows, head) {
    super();
    Object.assign(this, { holder, rows, head, start: 0, end: 1, length: 1, now: 0, row: 0, top: 0, drawMs: 0 });
    this.model = { aus: [], lanes: [], times: null, coded: () => false, segments: [], spans: [], overview: null };
    this.selected = null;
    this.draft = null;
    this.hidden = false;
    new ResizeObserver(() => this.#resize()).observe(holder);
    holder.addEventListener("pointerdown", (event) => this.#down(event));
    holder.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get gutter() { return this.width < 620 ? 44 : 168; }
  get span() { return this.end - this.start; }
  x(time) { return this.gutter + ((time - this.start) / this.span) * (this.width - this.gutter); }
  time(x) { return this.start + ((x - this.gutter) / (this.width - this.gutter)) * this.span; }

  show(model, length) { this.model = model; this.length = Math.max(length, 0.1); this.dirty(); }
  dirty() { this.#ask(() => { this.#draw(); this.#drawHead(); }, "all"); }

  at(time, follow = true) {
    this.now = time;
    if (follow && (time < this.start || time > this.end)) this.view(time - 0.1 * this.span, time + 0.9 * this.span);
    this.#ask(() => this.#drawHead(), "head");
  }

  view(start, end) {
    const span = Math.min(this.length, Math.max(SHORTEST_S, end - start));
    this.start = Math.min(Math.max(0, start), this.length - span);
    this.end = this.start + span;
    this.dirty();
  }

  zoom(factor, around = this.now) {
    const inside = around >= this.start && around <= this.end ? around : (this.start + this.end) / 2;
    const span = Math.min(this.length, Math.max(SHORTEST_S, this.span * factor));
    const start = inside - ((inside - this.start) / this.span) * span;
    this.view(start, start + span);
  }

  goRow(row) {
    this.row = Math.min(Math.max(0, row), this.model.aus.length - 1);
    const y = this.row * ROW, room = this.height - TOP;
    if (y < this.top) this.top = y;
    if (y + ROW > this.top + room) this.top = Math.ceil((y + ROW - room) / ROW) * ROW;
    this.dirty();
  }

  #ask(draw, what) {
    if (this.asked === "all" || this.asked === what) return;
    const first = !this.asked;
    this.asked = this.asked ? "all" : what;
    if (first) requestAnimationFrame(() => { const all = this.asked === "all"; this.asked = ""; if (all) this.#draw(); this.#drawHead(); });
  }

  #resize() {
    const box = this.holder.getBoundingClientRect(), scale = devicePixelRatio || 1;
    this.width = box.width; this.height = box.height;
    for (const canvas of [this.rows, this.head]) {
      canvas.width = Math.round(box.width * scale); canvas.height = Math.round(box.height * scale);
      canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
    }
    this.dirty();
  }

  // ---- drawing

  drawNow() { this.#draw(); return this.drawMs; }

  #draw() {
    if (!this.width) return;
    const began = performance.now(), pen = this.rows.getContext("2d", { alpha: false });
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, this.width, this.height);
    const most = Math.max(0, Math.ceil((this.model.aus.length * ROW - (this.height - TOP)) / ROW) * ROW);
    this.top = Math.min(Math.max(0, this.top), most);
    pen.save();
    pen.beginPath(); pen.rect(0, TOP, this.width, this.height - TOP); pen.clip();
    this.#drawSegments(pen);
    this.model.lanes.forEach((lane, k) => {
      const y = TOP + k * ROW - this.top;
      if (y > TOP - ROW && y < this.height) this.#drawRow(pen, lane, k, y);
    });
    pen.restore();
    this.#drawRuler(pen);
    this.#drawStrip(pen);
    pen.fillStyle = COLOURS.line;
    pen.fillRect(this.gutter - 1, 0, 1, this.height);
    this.drawMs = performance.now() - began;
  }

  #drawSegments(pen) {
    pen.fillStyle = COLOURS.segment;
    for (const [on, off] of this.model.segments) pen.fillRect(this.x(on), TOP, this.x(off) - this.x(on), this.height);
  }

  #drawRow(pen, lane, k, y) {
    const chosen = k === this.row;
    pen.globalAlpha = this.model.segments.length ? 0.6 : 1;
    if (chosen) { pen.fillStyle = COLOURS.wash; pen.fillRect(0, y, this.width, ROW); }
    pen.globalAlpha = 1;
    pen.fillStyle = COLOURS.line;
    pen.fillRect(0, y + ROW - 1, this.width, 1);
    pen.save();
    pen.beginPath(); pen.rect(this.gutter, y, this.width - this.gutter, ROW); pen.clip();
    if (!this.hidden && lane.levels) this.#drawCurve(pen, lane.levels, y);
    if (!this.hidden) this.#drawOurs(pen, lane, y);
    this.#drawMine(pen, lane, y);
    pen.restore();
    this.#drawLabel(pen, lane, y, chosen);
  }

  #drawLabel(pen, lane, y, chosen) {
    const number = lane.au.replace(/^AU0?/, ""), middle = y + ROW / 2 + 0.5;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = COLOURS.ink;
    pen.font = `${chosen ? 700 : 600} 12px system-ui, sans-serif`;
    pen.fillText(number, 30, middle);
    if (this.model.coded(lane.au)) { pen.fillStyle = COLOURS.mine; pen.fillRect(0, y + 4, 3, ROW - 9); }
    if (this.gutter < 100) return;
    pen.textAlign = "left";
    pen.fillStyle = chosen ? COLOURS.ink : COLOURS.soft;
    pen.font = "12px system-ui, sans-serif";
    pen.fillText(lane.title, 38, middle, this.gutter - 46);
  }

  #drawCurve(pen, levels, y) {
    const times = this.model.times, columns = Math.ceil(this.width - this.gutter);
    const perColumn = (lowerBound(times, this.end) - lowerBound(times, this.start)) / columns;
    const level = perColumn > 512 ? 2 : perColumn > 32 ? 1 : 0, factor = FACTORS[level], values = levels[level];
    pen.fillStyle = COLOURS.curve;
    pen.beginPath();
    let from = Math.floor(lowerBound(times, this.start) / factor);
    for (let c = 0; c < columns; c += 1) {
      const stop = this.time(this.gutter + c + 1);
      let to = from, most = -1;
      while (to < values.length && times[Math.min(to * factor, times.length - 1)] < stop) {
        if (values[to] !== 255 && values[to] > most) most = values[to];
        to += 1;
      }
      if (to === from && from > 0 && times[Math.min(from * factor, times.length) - 1] > stop - 0.25) most = values[from - 1] === 255 ? -1 : values[from - 1];
      if (most > 0) { const tall = (most / 250) * (ROW - 4); pen.rect(this.gutter + c, y + ROW - 1 - tall, 1, tall); }
      from = to;
    }
    pen.fill();
  }

  // Calls back with each stretch of pixels that some events cover, from left to right; what is smaller than a pixel is joined.
  #spans(items, on, off, longest, draw) {
    let k = lowerBound(items, this.start - longest, on), last = -1;
    for (; k < items.length && on(items[k]) < this.end; k += 1) {
      const left = this.x(on(items[k])), right = Math.max(left + 1.5, this.x(off(items[k])));
      if (right < this.gutter || (right <= last + 0.5 && right - left < 2)) continue;
      last = right;
      draw(items[k], left, right);
    }
  }

  #drawOurs(pen, lane, y) {
    this.#spans(lane.ours, (one) => one.onset, (one) => one.offset, lane.longest, (one, left, right) => {
      const judged = this.model.judged(one), chosen = this.selected === one;
      if (judged === "rejected") {
        pen.fillStyle = COLOURS.edge; pen.fillRect(left, y + 6, right - left, 1.5);
      } else {
        pen.fillStyle = COLOURS.ours; pen.fillRect(left, y + 3, right - left, 7);
        if (judged === "open" && right - left > 2) { pen.strokeStyle = COLOURS.edge; pen.strokeRect(left + 0.5, y + 3.5, right - left - 1, 6); }
      }
      if (chosen) this.#mark(pen, left, y + 1, right, 11);
    });
  }

  #drawMine(pen, lane, y) {
    pen.textBaseline = "middle"; pen.textAlign = "center"; pen.font = "600 11px system-ui, sans-serif";
    this.#spans(lane.mine, (one) => one.onset_s, (one) => one.offset_s, Infinity, (one, left, right) => {
      pen.fillStyle = one.grade === "ns" ? COLOURS.ns : COLOURS.mine;
      pen.fillRect(left, y + 11, right - left, 13);
      const text = `${one.side}${one.grade}`;
      if (text && right - left > 8 + 6 * text.length) { pen.fillStyle = "#fff"; pen.fillText(text, (Math.max(left, this.gutter) + Math.min(right, this.width)) / 2, y + 18); }
      if (this.selected === one) this.#mark(pen, left, y + 9, right, 17);
    });
    if (this.draft && this.draft.au === lane.au) {
      const left = this.x(this.draft.onset), right = Math.max(left + 2, this.x(this.now));
      pen.fillStyle = COLOURS.draft; pen.fillRect(left, y + 11, right - left, 13);
    }
  }

  #mark(pen, left, y, right, tall) {
    pen.strokeStyle = COLOURS.select; pen.lineWidth = 2; pen.strokeRect(left - 1, y, right - left + 2, tall); pen.lineWidth = 1;
  }

  #drawRuler(pen) {
    pen.fillStyle = "#fff"; pen.fillRect(0, STRIP, this.width, RULER);
    pen.fillStyle = COLOURS.line; pen.fillRect(0, TOP - 1, this.width, 1);
    const step = STEPS.find((one) => (one / this.span) * (this.width - this.gutter) > 74) ?? 3600;
    const decimals = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    pen.font = "11px system-ui, sans-serif"; pen.textAlign = "left"; pen.textBaseline = "middle";
    for (let t = Math.ceil(this.start / step) * step; t <= this.end; t += step) {
      const x = this.x(t);
      if (x < this.gutter) continue;
      pen.fillStyle = COLOURS.line; pen.fillRect(x, STRIP + 4, 1, RULER - 4);
      pen.fillStyle = COLOURS.soft; pen.fillText(clockText(t, decimals), x + 4, STRIP + RULER / 2 + 1);
    }
    for (const span of this.model.spans) { pen.fillStyle = COLOURS.mine; pen.fillRect(this.x(span.onset_s), TOP - 4, this.x(span.offset_s) - this.x(span.onset_s), 3); }
  }

  #drawStrip(pen) {
    const wide = this.width - this.gutter, x = (t) => this.gutter + (t / this.length) * wide;
    pen.fillStyle = COLOURS.strip; pen.fillRect(0, 0, this.width, STRIP);
    if (this.model.overview && !this.hidden) {
      pen.fillStyle = COLOURS.edge;
      this.model.overview.forEach((share, k, all) => { if (share) { const h = 2 + share * (STRIP - 5); pen.fillRect(this.gutter + (k / all.length) * wide, STRIP - 1 - h, wide / all.length + 0.5, h); } });
    }
    pen.strokeStyle = COLOURS.ink; pen.lineWidth = 1.5;
    pen.strokeRect(x(this.start) + 0.75, 1, Math.max(4, x(this.end) - x(this.start) - 1.5), STRIP - 2);
    pen.lineWidth = 1;
  }

  #drawHead() {
    if (!this.width) return;
    const pen = this.head.getContext("2d");
    pen.clearRect(0, 0, this.width, this.height);
    pen.fillStyle = COLOURS.head;
    pen.fillRect(this.gutter + (this.now / this.length) * (this.width - this.gutter) - 0.5, 0, 1, STRIP);
    const x = this.x(this.now);
    if (x < this.gutter - 1 || x > this.width) return;
    pen.fillRect(x - 0.75, STRIP, 1.5, this.height);
    pen.beginPath(); pen.moveTo(x - 5, STRIP); pen.lineTo(x + 5, STRIP); pen.lineTo(x, STRIP + 7); pen.fill();
  }

  // ---- pointer

  hit(x, y) {
    const k = Math.floor((y - TOP + this.top) / ROW), lane = this.model.lanes[k];
    if (y < TOP || !lane) return null;
    const t = this.time(x), slack = (3 / (this.width - this.gutter)) * this.span, within = y - (TOP + k * ROW - this.top);
    const mine = lane.mine.findLast((one) => one.onset_s - slack <= t && t <= one.offset_s + slack);
    const first = lowerBound(lane.ours, t - lane.longest - slack, (one) => one.onset);
    let ours = null;
    for (let i = first; i < lane.ours.length && lane.ours[i].onset <= t + slack; i += 1) if (lane.ours[i].offset + slack >= t) ours = lane.ours[i];
    if (this.hidden) ours = null;
    return { row: k, lane, item: x < this.gutter ? null : (within < 11 ? (ours ?? mine) : (mine ?? ours)) ?? null };
  }

  #edge(x) {
    const one = this.selected;
    if (!one || one.onset_s === undefined) return null;
    return ["onset_s", "offset_s"].find((name) => Math.abs(this.x(one[name]) - x) < SLOP) ?? null;
  }

  #down(event) {
    if (event.button !== 0) return;
    const box = this.holder.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    this.holder.setPointerCapture(event.pointerId);
    this.holder.focus({ preventScroll: true });
    const found = this.hit(x, y), edge = found && found.item === this.selected ? this.#edge(x) : null;
    let move;
    if (y < STRIP) move = (px) => { const half = this.span / 2, t = ((px - this.gutter) / (this.width - this.gutter)) * this.length; this.view(t - half, t + half); };
    else if (edge) move = (px) => this.#tell("drag", { edge, time: this.time(px), done: false });
    else if (found && !found.item && y >= TOP && x >= this.gutter && event.pointerType === "touch") {
      let last = x, lastY = y; move = (px, py) => { const by = ((last - px) / (this.width - this.gutter)) * this.span; last = px; this.top += lastY - py; lastY = py; this.view(this.start + by, this.end + by); };
    } else move = (px) => this.#tell("scrub", { time: Math.min(this.length, Math.max(0, this.time(Math.max(this.gutter, px)))) });
    if (found) { this.goRow(found.row); this.#tell("pick", { item: found.item, au: found.lane.au }); }
    if (!found || (x >= this.gutter && !edge && !found.item)) move(x, y);
    const moved = (next) => move(next.clientX - box.left, next.clientY - box.top);
    const up = () => {
      this.holder.removeEventListener("pointermove", moved);
      if (edge) this.#tell("drag", { edge, time: null, done: true });
    };
    this.holder.addEventListener("pointermove", moved);
    this.holder.addEventListener("pointerup", up, { once: true });
    this.holder.addEventListener("pointercancel", up, { once: true });
  }

  #wheel(event) {
    event.preventDefault();
    const box = this.holder.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(event.deltaY / 300), this.time(Math.max(this.gutter, event.clientX - box.left)));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / (this.width - this.gutter)) * this.span;
      this.view(this.start + by, this.end + by);
    } else { this.top += event.deltaY; this.dirty(); }
  }

  #tell(what, detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }
}

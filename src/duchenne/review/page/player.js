// The video with its overlay. Seeks are asked for one at a time, the newest next, so that scrubbing never queues up.
// What the browser cannot play is shown picture by picture.

import { bytes } from "./server.js";
import { clockText, lowerBound } from "./timeline.js";

const POINTS = 49, AT_ONCE = 1500;

export class Player extends EventTarget {
  #wanted = null;
  #landmarks = new Map();

  constructor(played, stills, overlay) {
    super();
    Object.assign(this, { played, stills, film: played, overlay, faces: [], person: 0, marks: 1, known: 0, video: null });
    for (const film of [played, stills]) {
      const on = (what, then) => film.addEventListener(what, () => { if (this.film === film) then(); });
      on("loadedmetadata", () => { if (film.videoWidth) this.#tell("length"); else this.#useStills(); });
      on("seeked", () => this.#seeked());
      on("play", () => { this.#tell("playing"); this.#follow(); });
      on("pause", () => { this.#tell("playing"); this.#at(film.currentTime); });
      on("error", () => { if (film === played && this.video.found) this.#useStills(); else this.#tell("trouble"); });
    }
    new ResizeObserver(() => this.draw()).observe(overlay);
  }

  open(video, faces) {
    Object.assign(this, { video, faces });
    this.#landmarks.clear();
    this.#wanted = null;
    this.stills.close();
    this.#use(this.played);
    this.played.src = new URL(`api/videos/${video.number}/media`, document.baseURI).href;
    this.#at(0);
  }

  get isStills() { return this.film === this.stills; }

  #use(film) {
    this.film = film;
    this.played.hidden = this.isStills;
    this.stills.canvas.hidden = !this.isStills;
  }

  #useStills() {
    this.#use(this.stills);
    this.played.removeAttribute("src");
    this.played.load();
    this.stills.open(`api/videos/${this.video.number}`, this.known);
    this.#tell("stills");
  }

  get length() {
    const last = Math.max(0, ...this.faces.map((one) => (one.times.length ? one.times.at(-1) + one.frame : 0)));
    return Number.isFinite(this.film.duration) ? this.film.duration : last;
  }

  get time() { return this.#wanted ?? this.film.currentTime; }
  get playing() { return !this.film.paused; }
  toggle() { if (this.film.paused) this.film.play().catch(() => this.#tell("trouble")); else this.film.pause(); }
  pause() { if (!this.film.paused) this.film.pause(); }

  seek(time) {
    const end = this.length || Infinity;
    this.#wanted = Math.min(Math.max(0, time), end);
    this.known = this.#wanted;
    this.#at(this.#wanted);
    if (!this.film.seeking && this.film.readyState) this.film.currentTime = this.#wanted;
  }

  step(frames) {
    const one = this.faces[this.person];
    this.pause();
    if (!one?.times.length) return this.seek(this.time + frames * 0.04);
    const frame = lowerBound(one.times, this.time + 1e-6) - 1, next = Math.min(Math.max(0, frame + frames), one.times.length - 1);
    return this.seek(one.times[next] + one.frame / 2);
  }

  #seeked() {
    if (this.#wanted !== null && Math.abs(this.film.currentTime - this.#wanted) > 1e-3) this.film.currentTime = this.#wanted;
    else { this.#wanted = null; this.draw(); }
  }

  #follow() {
    const next = (_, told) => { this.#at(told.mediaTime); if (!this.film.paused) this.film.requestVideoFrameCallback(next); };
    if (this.film.requestVideoFrameCallback) this.film.requestVideoFrameCallback(next);
    else {
      const plain = () => { this.#at(this.film.currentTime); if (!this.film.paused) requestAnimationFrame(plain); };
      requestAnimationFrame(plain);
    }
  }

  #at(time) { this.known = time; this.draw(); this.#tell("time"); }
  #tell(what) { this.dispatchEvent(new Event(what)); }

  // ---- overlay

  draw() {
    const { overlay, film } = this, box = overlay.getBoundingClientRect(), scale = devicePixelRatio || 1;
    const wide = Math.round(box.width * scale), tall = Math.round(box.height * scale);
    if (overlay.width !== wide || overlay.height !== tall) { overlay.width = wide; overlay.height = tall; }
    const pen = overlay.getContext("2d");
    pen.clearRect(0, 0, wide, tall);
    if (!this.marks || !film.videoWidth) return;
    const fit = Math.min(wide / film.videoWidth, tall / film.videoHeight);
    pen.save();
    pen.translate((wide - fit * film.videoWidth) / 2, (tall - fit * film.videoHeight) / 2);
    pen.scale(fit, fit);
    this.faces.forEach((one, k) => this.#drawFace(pen, one, k, scale / fit));
    pen.restore();
  }

  #drawFace(pen, one, k, unit) {
    const frame = lowerBound(one.times, this.known + 1e-6) - 1;
    if (frame < 0 || this.known > one.times[frame] + 2 * one.frame) return;
    const [left, top, width, height] = one.boxes.subarray(4 * frame, 4 * frame + 4), own = k === this.person;
    if (!Number.isFinite(left)) return;
    pen.lineWidth = (own ? 4 : 3) * unit; pen.strokeStyle = "#0009"; pen.strokeRect(left, top, width, height);
    pen.lineWidth = (own ? 2 : 1) * unit; pen.strokeStyle = own ? "#fff" : "#d5dce7"; pen.strokeRect(left, top, width, height);
    pen.font = `600 ${12 * unit}px system-ui, sans-serif`;
    const name = one.name, wide = pen.measureText(name).width + 10 * unit;
    pen.fillStyle = own ? "#fff" : "#1c1d1fcc"; pen.fillRect(left - unit, top - 19 * unit, wide, 18 * unit);
    pen.fillStyle = own ? "#1c1d1f" : "#fff"; pen.textBaseline = "middle"; pen.fillText(name, left + 4 * unit, top - 10 * unit);
    if (this.marks === 2 && own) this.#drawPoints(pen, k, frame, unit);
  }

  #drawPoints(pen, person, frame, unit) {
    const first = Math.floor(frame / AT_ONCE) * AT_ONCE, key = `${person} ${first}`;
    if (!this.#landmarks.has(key)) {
      this.#landmarks.set(key, null);
      const number = this.video.number;
      bytes(`api/videos/${number}/landmarks/${person}?first=${first}&count=${AT_ONCE}`).then((data) => {
        if (this.video.number !== number) return;
        this.#landmarks.set(key, new Int16Array(data));
        this.draw();
      }).catch(() => {});
    }
    const points = this.#landmarks.get(key), from = 2 * POINTS * (frame - first);
    if (!points || points.length < from + 2 * POINTS) return;
    pen.fillStyle = "#fff"; pen.strokeStyle = "#0009"; pen.lineWidth = unit;
    for (let k = 0; k < POINTS; k += 1) {
      pen.beginPath(); pen.arc(points[from + k], points[from + POINTS + k], 1.8 * unit, 0, 7); pen.stroke(); pen.fill();
    }
  }
}

export async function facesOf(video) {
  if (!video.detected) return [];
  return Promise.all(video.persons.map(async (name, k) => {
    const data = await bytes(`api/videos/${video.number}/faces/${k}`), view = new DataView(data), count = view.getUint32(0, true);
    const times = new Float64Array(data.slice(8, 8 + 8 * count)), boxes = new Float32Array(data.slice(8 + 8 * count));
    return { name: name || "face", frame: view.getFloat32(4, true), times, boxes };
  }));
}

export const timeMarkup = (node, now, length) => {
  const [strong, rest] = [document.createElement("b"), document.createElement("span")];
  strong.textContent = clockText(now); rest.textContent = ` / ${clockText(length, 0)}`;
  node.replaceChildren(strong, rest);
};

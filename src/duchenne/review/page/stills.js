// A video that the browser cannot play: its pictures come from the server one by one, without sound. It has what the
// page uses of a video element. One picture is asked for at a time, the newest moment next.

import { get, picture } from "./server.js";

export class Stills extends EventTarget {
  #base = "";
  #opened = 0;
  #wanted = 0;
  #began = null; // While it plays: the clock and the moment at its start.
  #rate = 1;
  #callbacks = [];
  #asked = 0;
  #drawn = 0;

  constructor(canvas) {
    super();
    Object.assign(this, { canvas, videoWidth: 0, videoHeight: 0, readyState: 0, duration: NaN, seeking: false, fault: "" });
    new ResizeObserver(() => { if (this.readyState && this.paused && !this.seeking) this.currentTime = this.#wanted; }).observe(canvas);
  }

  async open(base, time) {
    const opened = this.close();
    Object.assign(this, { fault: "", seeking: true });
    [this.#base, this.#wanted] = [base, time];
    try {
      const film = await get(`${base}/film`);
      if (opened !== this.#opened) return;
      Object.assign(this, { videoWidth: film.width, videoHeight: film.height, duration: film.duration_s ?? NaN, frame: 1 / film.fps, readyState: 1 });
      this.#tell("loadedmetadata");
      await this.#show(opened);
    } catch (error) { this.#failed(opened, error); }
  }

  close() {
    this.#began = null;
    Object.assign(this, { readyState: 0, videoWidth: 0, videoHeight: 0, duration: NaN, seeking: false });
    return ++this.#opened;
  }

  get paused() { return this.#began === null; }
  get playbackRate() { return this.#rate; }
  set playbackRate(rate) { this.#rebase(); this.#rate = rate; }
  get currentTime() {
    if (this.paused) return this.#wanted;
    const [clock, time] = this.#began;
    return Math.min(time + ((performance.now() - clock) / 1000) * this.#rate, this.#end);
  }
  set currentTime(time) {
    this.#wanted = time;
    this.#rebase(time);
    if (!this.seeking) { this.seeking = true; this.#show(this.#opened).catch((error) => this.#failed(this.#opened, error)); }
  }
  get #end() { return Number.isFinite(this.duration) ? this.duration : Infinity; }
  #rebase(time = this.currentTime) { if (!this.paused) this.#began = [performance.now(), time]; }
  #tell(what) { this.dispatchEvent(new Event(what)); }

  async play() {
    if (!this.paused) return;
    if (this.#wanted >= this.#end) this.#wanted = 0;
    this.#began = [performance.now(), this.#wanted];
    this.#tell("play");
    this.#run(this.#opened).catch((error) => this.#failed(this.#opened, error));
  }

  pause() {
    if (this.paused) return;
    this.#wanted = this.currentTime;
    this.#began = null;
    this.#callbacks = [];
    this.#tell("pause");
  }

  requestVideoFrameCallback(callback) { this.#callbacks.push(callback); }

  async #run(opened) {
    let begins = -1;
    while (!this.paused && opened === this.#opened) {
      const time = this.currentTime;
      if (time < begins || time >= begins + 0.9 * this.frame) begins = await this.#draw(opened, time);
      if (time >= this.#end) this.pause();
      await new Promise(requestAnimationFrame);
    }
  }

  async #show(opened) {
    for (let drawn = null; opened === this.#opened && drawn !== this.#wanted;) {
      drawn = this.#wanted;
      await this.#draw(opened, drawn);
      if (opened !== this.#opened) return;
      this.readyState = 4;
    }
    this.seeking = false;
    this.#tell("seeked");
  }

  async #draw(opened, time) {
    const asked = ++this.#asked, width = Math.min(this.videoWidth, Math.round(this.canvas.getBoundingClientRect().width * (devicePixelRatio || 1))) || this.videoWidth;
    const [blob, begins] = await picture(`${this.#base}/picture?time_ms=${Math.ceil(time * 1000 - 1e-6)}&width=${width}`);
    const image = await createImageBitmap(blob);
    if (opened !== this.#opened || asked < this.#drawn) return begins;
    this.#drawn = asked;
    Object.assign(this.canvas, { width: image.width, height: image.height });
    this.canvas.getContext("2d").drawImage(image, 0, 0);
    image.close();
    this.#callbacks.splice(0).forEach((callback) => callback(performance.now(), { mediaTime: begins }));
    return begins;
  }

  #failed(opened, error) {
    if (opened !== this.#opened) return;
    this.close();
    this.fault = error.message;
    this.#tell("error");
  }
}

// What one coder has coded in one video: changes are taken at once, then saved in order; undo is a change as well.
// Changes have the form of the journal's lines (src/duchenne/review/changes.py).

import { get, post } from "./server.js";

const laneKey = (person, au) => `${person}\n${au}`;
const RETRY_MS = 2000;

export class Coding extends EventTarget {
  #waiting = [];
  #saving = false;
  #undo = [];
  #redo = [];

  constructor(coder) {
    super();
    this.coder = coder;
    this.clear();
  }

  clear() {
    this.file = "";
    this.mine = new Map();
    this.lanes = new Map();
    this.looked = new Set();
    this.rejected = new Set();
    this.spans = new Map();
    this.byProposal = new Map();
    this.#undo = [];
    this.#redo = [];
  }

  async open(video) {
    const told = await get(`api/videos/${video.number}/codes?coder=${encodeURIComponent(this.coder)}`);
    this.clear();
    this.file = video.source;
    told.changes.forEach((change) => this.#apply(change));
    this.#changed();
    return told.notes;
  }

  get unsaved() { return this.#waiting.length > 0; }

  lane(person, au) {
    const key = laneKey(person, au);
    let lane = this.lanes.get(key);
    if (!lane) this.lanes.set(key, (lane = []));
    return lane;
  }

  isLooked(person, au) { return this.looked.has(laneKey(person, au)) || this.lane(person, au).length > 0; }
  isMarked(person, au) { return this.looked.has(laneKey(person, au)); }

  do(changes) {
    if (!changes.length) return;
    this.#undo.push(changes.map((change) => this.#inverse(change)).reverse());
    this.#redo = [];
    this.#take(changes);
  }

  undo() { return this.#swap(this.#undo, this.#redo); }
  redo() { return this.#swap(this.#redo, this.#undo); }

  #swap(from, to) {
    const changes = from.pop();
    if (!changes) return false;
    to.push(changes.map((change) => this.#inverse(change)).reverse());
    this.#take(changes);
    return true;
  }

  #take(changes) {
    changes.forEach((change) => this.#apply(change));
    this.#waiting.push(...changes);
    this.#changed();
    this.#save();
  }

  #inverse(change) {
    if (change.do === "event" || change.do === "delete") {
      const old = this.mine.get(change.id);
      return old ? { ...old } : { do: "delete", id: change.id };
    }
    const stands = {
      "reject": () => this.rejected.has(change.proposal),
      "looked-for": () => this.isMarked(change.person, change.au),
      "span": () => this.spans.has(spanKey(change)),
    }[change.do]();
    return { ...change, done: stands };
  }

  #apply(change) {
    if (change.do === "event" || change.do === "delete") {
      this.#remove(change.id);
      if (change.do === "event") this.#insert(change);
    } else if (change.do === "reject") put(this.rejected, change.proposal, change.done);
    else if (change.do === "looked-for") put(this.looked, laneKey(change.person, change.au), change.done);
    else if (change.done) this.spans.set(spanKey(change), change);
    else this.spans.delete(spanKey(change));
  }

  #remove(id) {
    const old = this.mine.get(id);
    if (!old) return;
    this.mine.delete(id);
    const lane = this.lane(old.person, old.au);
    lane.splice(lane.indexOf(old), 1);
    if (old.proposal) this.byProposal.delete(old.proposal);
  }

  #insert(event) {
    const lane = this.lane(event.person, event.au);
    let place = lane.length;
    while (place > 0 && lane[place - 1].onset_s > event.onset_s) place -= 1;
    lane.splice(place, 0, event);
    this.mine.set(event.id, event);
    if (event.proposal) this.byProposal.set(event.proposal, event);
  }

  #changed() { this.dispatchEvent(new Event("change")); }
  #say(state, text) { this.dispatchEvent(new CustomEvent("saving", { detail: { state, text } })); }

  async #save() {
    if (this.#saving) return;
    this.#saving = true;
    while (this.#waiting.length) {
      const batch = this.#waiting.slice(0, 500);
      this.#say("busy", "Saving");
      try {
        const told = await post("api/codes", { coder: this.coder, changes: batch });
        this.#waiting.splice(0, batch.length);
        this.#say("good", `Saved ${new Date(told.at).toLocaleTimeString()}`);
      } catch (error) {
        this.#say("bad", `Not saved: ${error.message}. Trying again.`);
        await new Promise((done) => setTimeout(done, RETRY_MS));
      }
    }
    this.#saving = false;
  }
}

export const newId = () => [...crypto.getRandomValues(new Uint8Array(9))].map((v) => v.toString(36)).join("").slice(0, 16);
const spanKey = (span) => `${span.person} ${span.onset_s} ${span.offset_s}`;
const put = (set, one, isIn) => { if (isIn) set.add(one); else set.delete(one); };

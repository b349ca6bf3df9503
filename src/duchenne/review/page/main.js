// Brings the parts together: state, actions, and what follows from each.

import { openCamera } from "./camera.js";
import { Coding, newId } from "./coding.js";
import { KEYS, listen, showKeys } from "./keys.js";
import { $, agreementPanel, choices, eventList, exportPanel, inspector, isMine, queuePanel, spoken, times } from "./panels.js";
import { Player, facesOf, timeMarkup } from "./player.js";
import { bytes, get } from "./server.js";
import { Stills } from "./stills.js";
import { Timeline, lowerBound, pyramid } from "./timeline.js";

const state = { videos: [], video: null, person: 0, faces: [], ours: [], levels: [], coding: null, selected: null, filter: "all", segment: -1 };
const vocabulary = new Map();
const timeline = new Timeline($("canvases"), $("rows"), $("head"));
const player = new Player($("film"), new Stills($("still")), $("overlay"));
const say = (text) => { $("said").textContent = text; };
const person = () => state.video.persons[state.person];
const au = () => timeline.model.aus[timeline.row];
const seconds = (value) => Math.round(value * 1000) / 1000;

// ---- what is shown

function judged(one) {
  if (state.coding.byProposal.has(one.key)) return "confirmed";
  return state.coding.rejected.has(one.key) ? "rejected" : "open";
}
const stateOf = (one) => (isMine(one) ? (one.proposal ? "confirmed" : "coded") : judged(one) === "open" ? "to judge" : judged(one));

function model() {
  const own = state.ours.filter((one) => one.person === person()), byAu = Map.groupBy ? Map.groupBy(own, (one) => one.au) : grouped(own);
  const aus = state.video.aus, length = player.length, shares = new Array(200).fill(0);
  for (const one of own) shares[Math.min(199, Math.floor((one.onset / length) * 200))] += 1;
  const most = Math.max(1, ...shares);
  return {
    aus, times: state.faces[state.person]?.times ?? [], judged, spans: [...state.coding.spans.values()], overview: shares.map((n) => n / most),
    coded: (name) => state.coding.isLooked(person(), name),
    segments: state.video.segments.filter(([, , who]) => !who || who === person()),
    lanes: aus.map((name, k) => {
      const ours = byAu.get(name) ?? [];
      return { au: name, title: vocabulary.get(name).title, ours, longest: Math.max(0, ...ours.map((one) => one.offset - one.onset)), mine: state.coding.lane(person(), name), levels: state.levels[k] };
    }),
  };
}

function grouped(all) {
  const found = new Map();
  for (const one of all) found.set(one.au, [...(found.get(one.au) ?? []), one]);
  return found;
}

function ordered(filter = "all") {
  const mine = timeline.model.lanes.flatMap((lane) => lane.mine), ours = timeline.hidden ? [] : timeline.model.lanes.flatMap((lane) => lane.ours);
  const keep = { all: (one) => isMine(one) || judged(one) !== "confirmed", open: (one) => !isMine(one) && judged(one) === "open", mine: isMine, row: (one) => one.au === au() && (isMine(one) || judged(one) !== "confirmed") }[filter];
  return [...mine, ...ours].filter(keep).sort((one, other) => times(one)[0] - times(other)[0] || one.au.localeCompare(other.au));
}

const showInspector = inspector({ grade: setGrade, side: setSide, edge: setEdge, confirm, reject, delete: remove });
const showList = eventList((one) => select(one, true));
let listAsked = 0;

function refresh() {
  timeline.show(model(), player.length);
  timeline.selected = state.selected;
  showInspector(state.selected, state.selected && !isMine(state.selected) ? judged(state.selected) : "", vocabulary);
  clearTimeout(listAsked);
  listAsked = setTimeout(refreshList, 30);
  const looked = state.coding.isMarked(person(), au());
  $("looked").setAttribute("aria-pressed", String(looked));
  $("looked").textContent = `I looked for ${au()}`;
  refreshAgreement();
}

function refreshList() {
  const all = ordered(state.filter), open = ordered("open").length, mine = state.coding.mine.size;
  showList(all, state.selected, player.time, stateOf);
  const done = [...state.coding.spans.keys()].length, segments = state.video.segments.length;
  $("tally").textContent = [timeline.hidden || !state.video.detected ? "" : `${open} to judge`, `${mine} coded in this video`, segments ? `${done} of ${segments} segments` : ""].filter(Boolean).join(", ");
}

function select(one, go = false) {
  state.selected = one;
  if (one) {
    timeline.row = Math.max(0, timeline.model.aus.indexOf(one.au));
    timeline.goRow(timeline.row);
    if (go) { player.pause(); player.seek(times(one)[0] + 1e-3); keepInView(one); }
    say(spoken(one, stateOf(one)));
  }
  refresh();
}

function keepInView(one) {
  const [on, off] = times(one), margin = 0.05 * timeline.span;
  if (on < timeline.start + margin || off > timeline.end - margin) {
    const span = Math.max(timeline.span, 1.2 * (off - on));
    timeline.view((on + off) / 2 - span / 2, (on + off) / 2 + span / 2);
  }
}

// ---- what a coder does

const blank = (one) => ({ do: "event", file: state.video.source, side: "", grade: "", proposal: "", blind: timeline.hidden, ...one });
const event = (one, changes = {}) => (isMine(one)
  ? { ...one, ...changes }
  : blank({ id: newId(), person: one.person, au: one.au, onset_s: seconds(one.onset), offset_s: seconds(one.offset), grade: one.grade, proposal: one.key, ...changes }));

function place(changed, words) {
  const undone = changed.proposal && state.coding.rejected.has(changed.proposal) ? [{ do: "reject", file: changed.file, proposal: changed.proposal, done: false }] : [];
  state.coding.do([...undone, changed]);
  state.selected = state.coding.mine.get(changed.id);
  refresh();
  say(`${words}. ${spoken(state.selected, stateOf(state.selected))}`);
}

// A detected event that is confirmed already is changed in the coder's own.
const chosen = () => (state.selected && !isMine(state.selected) ? state.coding.byProposal.get(state.selected.key) ?? state.selected : state.selected);
function needed() { if (!state.selected) say("No event is selected."); return state.selected; }

function confirm() { if (needed() && !isMine(chosen())) { place(event(chosen()), "Confirmed"); } }
function setGrade(grade) { if (needed()) place(event(chosen(), { grade }), isMine(chosen()) ? "Graded" : "Confirmed"); }
function setSide(side, toggles = true) {
  if (!needed() || !vocabulary.get(chosen().au).sided) return;
  place(event(chosen(), { side: toggles && chosen().side === side ? "" : side }), "Side");
}
function setEdge(edge, time) {
  if (!needed()) return;
  const now = event(chosen()), next = { ...now, [edge]: seconds(Math.min(player.length, Math.max(0, time))) };
  if (!Number.isFinite(time) || next.onset_s >= next.offset_s) { say("An event ends after it begins."); refresh(); return; }
  place(next, "Moved");
}
function reject() {
  const one = state.selected;
  if (!needed() || isMine(one)) return;
  const own = state.coding.byProposal.get(one.key), done = !state.coding.rejected.has(one.key);
  state.coding.do([...(own ? [{ do: "delete", id: own.id }] : []), { do: "reject", file: state.video.source, proposal: one.key, done }]);
  refresh();
  say(done ? "Rejected" : "Taken back");
}
function remove() {
  if (!needed() || !isMine(state.selected)) return;
  state.coding.do([{ do: "delete", id: state.selected.id }]);
  select(null);
  say("Deleted");
}
function begin() { timeline.draft = { au: au(), onset: player.time }; timeline.dirty(); say(`${au()} begins at ${player.time.toFixed(2)} seconds. Press O where it ends.`); }
function end() {
  const draft = timeline.draft;
  if (!draft) { say("No event was begun. Press I where one begins."); return; }
  const [on, off] = [Math.min(draft.onset, player.time), Math.max(draft.onset, player.time)].map(seconds);
  if (off - on < 0.001) { say("An event ends after it begins."); return; }
  timeline.draft = null;
  place(blank({ id: newId(), person: person(), au: draft.au, onset_s: on, offset_s: off }), "Added");
}
function lookedFor(names, done) {
  state.coding.do(names.filter((name) => state.coding.isMarked(person(), name) !== done).map((name) => ({ do: "looked-for", file: state.video.source, person: person(), au: name, done })));
  refresh();
  say(done ? `${names.length === 1 ? names[0] : "All action units"} looked for` : "Taken back");
}
function nextSegment() {
  const all = state.video.segments;
  if (!all.length) { say("There is no plan of segments."); return; }
  const k = all.findIndex(([on]) => on > player.time + 0.01);
  state.segment = k < 0 ? 0 : k;
  const [on, off] = all[state.segment], room = 0.1 * (off - on);
  timeline.view(on - room, off + room); player.seek(on + 1e-3);
  say(`Segment ${state.segment + 1} of ${all.length}`);
}
function segmentDone() {
  const found = state.video.segments.find(([on, off]) => on <= player.time && player.time <= off);
  if (!found) { say("The video does not stand in a segment."); return; }
  const [onset, offset, who, weight] = found, span = { do: "span", file: state.video.source, person: who, onset_s: seconds(onset), offset_s: seconds(offset), weight };
  const done = ![...state.coding.spans.values()].some((one) => one.onset_s === span.onset_s && one.person === who);
  state.coding.do([{ ...span, done }]);
  refresh();
  say(done ? "Segment coded" : "Taken back");
}

function goEvent(by, filter = state.filter) {
  const all = ordered(filter);
  if (!all.length) { say("No events."); return; }
  const here = state.selected ? all.indexOf(state.selected) : -1;
  let k = here + by;
  if (here < 0) { const after = lowerBound(all, state.selected ? times(state.selected)[0] + 1e-6 : player.time - 2e-3, (one) => times(one)[0]); k = by > 0 ? after : after - 1; }
  if (k < 0 || k >= all.length) { say(by > 0 ? "That was the last event." : "That was the first event."); return; }
  select(all[k], true);
}

let until = null;
const actions = {
  play: () => { until = null; player.toggle(); }, back: () => player.step(-1), forward: () => player.step(1),
  secondBack: () => player.seek(player.time - 1), secondOn: () => player.seek(player.time + 1),
  speed: () => { const box = $("speed"); box.selectedIndex = (box.selectedIndex + 1) % box.length; box.dispatchEvent(new Event("change")); },
  replay: () => { if (needed()) { const [on, off] = times(state.selected); player.seek(on); until = off; if (!player.playing) player.toggle(); } },
  marks: () => { const box = $("marks"); box.selectedIndex = (box.selectedIndex + 1) % box.length; box.dispatchEvent(new Event("change")); },
  next: () => goEvent(1), previous: () => goEvent(-1), nextOpen: () => goEvent(1, "open"),
  confirm: () => { const was = state.selected; confirm(); if (was && !isMine(was) && state.filter === "open") goEvent(1, "open"); },
  reject, begin, end, onset: () => setEdge("onset_s", player.time), offset: () => setEdge("offset_s", player.time), delete: remove,
  undo: () => { say(state.coding.undo() ? "Undone" : "Nothing to undo"); }, redo: () => { say(state.coding.redo() ? "Done again" : "Nothing to do again"); },
  escape: () => { timeline.draft = null; select(null); },
  grade: () => setGrade(""), gradeA: () => setGrade("A"), gradeB: () => setGrade("B"), gradeC: () => setGrade("C"), gradeD: () => setGrade("D"), gradeE: () => setGrade("E"), gradens: () => setGrade("ns"),
  sideL: () => setSide("L"), sideR: () => setSide("R"),
  up: () => goRow(-1), down: () => goRow(1),
  zoomIn: () => timeline.zoom(1 / 1.6), zoomOut: () => timeline.zoom(1.6), zoomAll: () => timeline.view(0, timeline.length),
  zoomEvent: () => { if (needed()) { const [on, off] = times(state.selected); timeline.view(on - (off - on), off + (off - on)); } },
  panBack: () => timeline.view(timeline.start - timeline.span / 4, timeline.end - timeline.span / 4), panOn: () => timeline.view(timeline.start + timeline.span / 4, timeline.end + timeline.span / 4),
  hide: () => hideScores(!timeline.hidden),
  looked: () => lookedFor([au()], !state.coding.isMarked(person(), au())), segment: nextSegment, segmentDone,
  person: (key) => { if (Number(key) <= state.video.persons.length) choosePerson(Number(key) - 1); }, help: () => $("help").showModal(),
};
function goRow(by) { timeline.goRow(timeline.row + by); state.selected = null; refresh(); say(`${au()} ${vocabulary.get(au()).title}${state.coding.isLooked(person(), au()) ? ", coded" : ""}`); }

function hideScores(hidden) {
  timeline.hidden = hidden || state.blind;
  $("hide-scores").setAttribute("aria-pressed", String(timeline.hidden));
  $("blind").hidden = !timeline.hidden;
  if (timeline.hidden && state.selected && !isMine(state.selected)) state.selected = null;
  $("open-agreement").disabled = timeline.hidden;
  refresh();
}

// ---- videos, people, coders

async function openVideo(number) {
  state.video = state.videos[number];
  $("videos").value = number;
  Object.assign(state, { person: 0, selected: null, ours: [], levels: [], segment: -1 });
  timeline.draft = null;
  const [faces, ours] = await Promise.all([facesOf(state.video), get(`api/videos/${number}/events`), state.coding.open(state.video)]);
  state.faces = faces;
  state.ours = ours.map(([key, who, name, onset, apex, offset, grade]) => ({ key, person: who, au: name, onset, apex, offset, grade }));
  choices($("persons"), "person", state.video.persons.map((name, k) => [String(k), name || "face"]), (value) => choosePerson(Number(value)));
  $("persons").hidden = state.video.persons.length < 2;
  $("segment").hidden = !state.video.segments.length;
  $("note").hidden = true;
  $("trouble").hidden = state.video.found;
  if (!state.video.found) $("trouble").textContent = `${state.video.source} is not there. Start the review with --media and the folder of the videos.`;
  player.open(state.video, faces);
  timeline.show(model(), player.length);
  timeline.row = 0; timeline.top = 0;
  timeline.view(0, player.length);
  await choosePerson(0);
}

async function choosePerson(number) {
  state.person = number; player.person = number; state.selected = null; state.levels = [];
  document.querySelectorAll("[name=person]").forEach((radio) => { radio.checked = Number(radio.value) === number; });
  player.draw();
  refresh();
  say(`${person() || "Face"}. ${state.ours.filter((one) => one.person === person()).length} detected events`);
  if (!state.video.detected || state.blind) return;
  const video = state.video.number, scores = new Uint8Array(await bytes(`api/videos/${video}/scores/${number}`));
  if (state.video.number !== video || state.person !== number) return;
  const count = state.faces[number].times.length;
  state.levels = state.video.aus.map((_, k) => pyramid(scores.subarray(k * count, (k + 1) * count)));
  refresh();
}

async function beginCoding(name) {
  const coding = new Coding(name);
  coding.addEventListener("saving", ({ detail }) => { $("saved").textContent = detail.text; $("saved").classList.toggle("bad", detail.state === "bad"); });
  coding.addEventListener("change", () => {
    if (state.coding !== coding || !state.video || coding.file !== state.video.source) return;
    if (isMine(state.selected)) state.selected = coding.mine.get(state.selected.id) ?? null;
    refresh();
  });
  const before = state.coding;
  state.coding = coding;
  try { await openVideo(state.video?.number ?? 0); } catch (error) { state.coding = before; throw error; }
  $("open-coder").textContent = name;
  $("open-coder").setAttribute("aria-label", `Coder: ${name}. Change`);
  $("saved").textContent = coding.mine.size ? `${coding.mine.size} events read` : "Nothing coded yet";
  $("canvases").focus({ preventScroll: true });
}

function askCoder() {
  $("coder-names").replaceChildren(...(state.coders ?? []).map((name) => new Option(name)));
  $("coder-fault").textContent = "";
  $("coder").showModal();
}

const refreshAgreement = agreementPanel(() => ({ coder: state.coding.coder, video: state.video.number }));

function wire() {
  $("videos").addEventListener("change", () => openVideo(Number($("videos").value)));
  $("coder").addEventListener("cancel", (told) => { if (!state.coding) told.preventDefault(); });
  $("coder").querySelector("form").addEventListener("submit", (told) => {
    told.preventDefault();
    beginCoding($("coder-name").value.trim()).then(() => $("coder").close(), (error) => { $("coder-fault").textContent = error.message; });
  });
  $("open-coder").addEventListener("click", askCoder);
  $("open-help").addEventListener("click", () => $("help").showModal());
  $("open-camera").addEventListener("click", () => $("camera").showModal());
  document.querySelectorAll("dialog .close").forEach((button) => button.addEventListener("click", () => button.closest("dialog").close()));
  for (const [id, name] of [["previous", "previous"], ["back", "back"], ["play", "play"], ["forward", "forward"], ["next", "next"], ["zoom-out", "zoomOut"], ["zoom-in", "zoomIn"], ["zoom-all", "zoomAll"], ["hide-scores", "hide"], ["looked", "looked"], ["segment", "segmentDone"]]) $(id).addEventListener("click", () => actions[name]());
  $("looked-all").addEventListener("click", () => lookedFor(state.video.aus, true));
  $("filter").addEventListener("change", () => { state.filter = $("filter").value; refresh(); });
  $("speed").addEventListener("change", () => { player.film.playbackRate = Number($("speed").value); say($("speed").selectedOptions[0].text); });
  $("marks").addEventListener("change", () => { player.marks = Number($("marks").value); player.draw(); say($("marks").selectedOptions[0].text); });
  player.addEventListener("time", () => {
    timeMarkup($("clock"), player.known, player.length);
    timeline.at(player.known);
    if (timeline.draft) timeline.dirty();
    if (until !== null && player.playing && player.known >= until) { until = null; player.pause(); }
  });
  player.addEventListener("length", () => { player.film.playbackRate = Number($("speed").value); timeline.show(model(), player.length); timeline.view(0, player.length); timeMarkup($("clock"), player.known, player.length); });
  player.addEventListener("playing", () => { $("play").classList.toggle("on", player.playing); $("play").setAttribute("aria-label", player.playing ? "Pause" : "Play"); });
  player.addEventListener("stills", () => { $("note").hidden = false; });
  player.addEventListener("trouble", () => {
    if (!state.video?.found) return;
    $("note").hidden = true;
    $("trouble").hidden = false;
    $("trouble").textContent = `${player.stills.fault || `${state.video.name} cannot be shown.`} Its time lines can be coded all the same.`;
  });
  timeline.addEventListener("scrub", ({ detail }) => player.seek(detail.time));
  timeline.addEventListener("pick", ({ detail }) => { if (detail.item) select(detail.item, true); else { state.selected = null; refresh(); } });
  timeline.addEventListener("drag", ({ detail }) => drag(detail));
  addEventListener("beforeunload", (told) => { if (state.coding?.unsaved) told.preventDefault(); });
}

let dragged = null;
function drag({ edge, time, done }) {
  if (!done) { dragged = [edge, time]; player.seek(time); return; }
  if (dragged) setEdge(...dragged);
  dragged = null;
}

async function start() {
  const told = await get("api/state");
  told.aus.forEach((one) => vocabulary.set(one.name, one));
  Object.assign(state, { videos: told.videos, blind: told.blind, coders: told.coders });
  $("videos").replaceChildren(...told.videos.map((video) => new Option(video.name + (video.detected ? "" : " (not detected)"), video.number)));
  timeline.hidden = told.blind;
  $("blind").hidden = !told.blind; $("hide-scores").hidden = told.blind; $("open-agreement").hidden = told.blind;
  showKeys($("key-list"));
  listen(actions, () => $("keys-on").checked && state.coding !== null);
  wire();
  openCamera($("camera"));
  exportPanel(() => state.coding.coder);
  queuePanel(() => state, async () => {
    const now = await get("api/state");
    state.videos = now.videos;
    $("videos").replaceChildren(...now.videos.map((video) => new Option(video.name + (video.detected ? "" : " (not detected)"), video.number)));
    if (state.coding) openVideo(state.video.number);
  });
  $("saved").textContent = "";
  askCoder();
}

globalThis.duchenneReview = { state, timeline, player, actions, KEYS }; // For the tests, and for the curious.
start().catch((error) => { $("saved").textContent = error.message; $("saved").classList.add("bad"); });

// The panels beside the time lines: the selected event, the list, agreement, export, detection.

import { get, post } from "./server.js";
import { clockText, lowerBound } from "./timeline.js";

export const $ = (id) => document.getElementById(id);
const make = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
const LISTED = 300;
const GRADES = [["", "none"], ["A", "A"], ["B", "B"], ["C", "C"], ["D", "D"], ["E", "E"], ["ns", "ns"]];
const SIDES = [["", "both"], ["L", "left"], ["R", "right"]];
const POLL_MS = 700;

export const isMine = (one) => one?.onset_s !== undefined;
export const times = (one) => (isMine(one) ? [one.onset_s, one.offset_s] : [one.onset, one.offset]);
export const spoken = (one, state) => {
  const [on, off] = times(one), grade = one.grade === "ns" ? "not scorable" : one.grade ? `grade ${one.grade}` : "no grade";
  const side = { L: ", left", R: ", right" }[one.side] ?? "";
  return `${one.au}${side}, ${on.toFixed(2)} to ${off.toFixed(2)} seconds, ${grade}, ${state}`;
};

export function choices(fieldset, name, options, onChange) {
  const legend = fieldset.querySelector("legend");
  fieldset.replaceChildren(legend, ...options.map(([value, text]) => {
    const label = document.createElement("label"), input = Object.assign(document.createElement("input"), { type: "radio", name, value });
    input.addEventListener("change", () => onChange(value));
    label.append(input, make("span", text));
    return label;
  }));
}

export function inspector(actions) {
  choices($("grades"), "grade", GRADES, (value) => actions.grade(value));
  choices($("sides"), "side", SIDES, (value) => actions.side(value, false));
  for (const name of ["onset", "offset"]) $(name).addEventListener("change", () => actions.edge(`${name}_s`, Number($(name).value)));
  for (const name of ["confirm", "reject", "delete"]) $(name).addEventListener("click", () => actions[name]());
  return (one, judged, vocabulary) => {
    $("fields").hidden = !one; $("hint").hidden = Boolean(one);
    if (!one) { $("what").textContent = "No event selected"; $("kind").textContent = ""; return; }
    const [on, off] = times(one), mine = isMine(one), known = vocabulary.get(one.au);
    $("what").textContent = `${one.au} ${known.title}`;
    $("kind").textContent = mine ? (one.proposal ? "Coded by you, from a detected event" : "Coded by you") : { open: "Detected, to judge", rejected: "Detected, rejected by you", confirmed: "Detected, confirmed by you" }[judged];
    $("onset").value = on.toFixed(3); $("offset").value = off.toFixed(3);
    document.querySelectorAll("[name=grade]").forEach((radio) => { radio.checked = radio.value === one.grade; });
    $("sides").hidden = !known.sided;
    document.querySelectorAll("[name=side]").forEach((radio) => { radio.checked = radio.value === (one.side ?? ""); });
    $("confirm").hidden = mine; $("reject").hidden = mine; $("delete").hidden = !mine;
    $("reject").textContent = judged === "rejected" ? "Take back" : "Reject";
  };
}

export function eventList(pick) {
  const list = $("list");
  let shown = [];
  list.addEventListener("click", (event) => { const k = [...list.children].indexOf(event.target.closest("li")); if (k >= 0) pick(shown[k]); });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !shown.length) return;
    event.preventDefault();
    const now = [...list.children].findIndex((one) => one.ariaSelected === "true");
    pick(shown[Math.min(shown.length - 1, Math.max(0, now + by))]);
  });
  return (all, selected, now, stateOf) => {
    const place = selected ? all.indexOf(selected) : lowerBound(all, now, (one) => times(one)[0]);
    const from = Math.max(0, Math.min(place - LISTED / 2, all.length - LISTED));
    shown = all.slice(from, from + LISTED);
    list.replaceChildren(...shown.map((one, k) => {
      const item = make("li"), [on] = times(one), state = stateOf(one);
      item.id = `listed-${k}`; item.role = "option"; item.ariaSelected = String(one === selected);
      item.append(make("b", one.au), make("span", clockText(on, 2), state === "rejected" ? "out" : ""), make("span", state, "state"), make("span", `${one.side ?? ""}${one.grade}`, "grade"));
      return item;
    }));
    const chosen = shown.indexOf(selected);
    if (chosen >= 0) { list.setAttribute("aria-activedescendant", `listed-${chosen}`); const item = list.children[chosen]; if (item.offsetTop < list.scrollTop + list.offsetTop || item.offsetTop + item.offsetHeight > list.scrollTop + list.offsetTop + list.clientHeight) list.scrollTop = item.offsetTop - list.offsetTop - list.clientHeight / 2; }
    else list.removeAttribute("aria-activedescendant");
    if (!shown.length) { const none = make("li", "No events"); none.role = "option"; none.ariaSelected = "false"; none.ariaDisabled = "true"; list.append(none); }
  };
}

const HEADS = { kappa: "κ", ac1: "AC1", f1: "F1", facs_ratio: "FACS ratio", weighted_kappa: "weighted κ" };

export function agreementPanel(view) {
  let asked = 0;
  const refresh = async () => {
    if (!$("agreement").open) return;
    const own = (asked += 1), chosen = $("compared").value, { coder, video } = view();
    let told;
    try { told = await get(`api/videos/${video}/agreement?coder=${encodeURIComponent(coder)}&with=${encodeURIComponent(chosen)}`); }
    catch (error) { $("agreement-notes").textContent = error.message; return; }
    if (own !== asked) return;
    const names = ["", ...told.others];
    $("compared").replaceChildren(...names.map((name) => new Option(name || "the result", name, false, name === chosen)));
    const head = make("tr"), first = chosen || "result";
    for (const text of ["AU", `${first}`, "you", ...told.columns.map((name) => HEADS[name])]) { const cell = make("th", text); cell.scope = "col"; head.append(cell); }
    const body = told.rows.map((row) => {
      const line = make("tr");
      row.forEach((value, k) => { const cell = make(k ? "td" : "th", value === null ? "–" : k > 2 ? value.toFixed(2) : value); if (!k) cell.scope = "row"; line.append(cell); });
      return line;
    });
    const [thead, tbody] = [make("thead"), make("tbody")];
    thead.append(head); tbody.append(...body);
    $("measures").replaceChildren(thead, tbody);
    $("agreement-notes").textContent = told.rows.length ? told.notes.join(" ") : `Nothing to compare yet. ${told.notes.join(" ")}`;
  };
  $("compared").addEventListener("change", refresh);
  $("open-agreement").addEventListener("click", () => { $("agreement").showModal(); refresh(); });
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(refresh, 400); };
}

export function exportPanel(coder) {
  $("open-export").addEventListener("click", () => { $("written").textContent = ""; $("export").showModal(); });
  $("export-go").addEventListener("click", async () => {
    const formats = [...$("export").querySelectorAll("input:checked")].map((one) => one.value);
    try {
      const told = await post("api/export", { coder: coder(), formats });
      $("written").textContent = told.written.length ? `Written:\n${told.written.join("\n")}` : "No format is chosen.";
    } catch (error) { $("written").textContent = error.message; }
  });
}

export function queuePanel(state, onDone) {
  const done = new Set();
  let timer = 0;
  const show = (jobs) => {
    const byVideo = new Map(jobs.map((job) => [job.video, job]));
    for (const job of jobs) if (job.state === "done" && !done.has(job.video)) { done.add(job.video); onDone(job.video); }
    const busy = jobs.some((job) => job.state === "running" || job.state === "waiting");
    if ($("queue").open) $("jobs").replaceChildren(...state().videos.map((video) => jobItem(video, byVideo.get(video.number), act)));
    $("detect-all").disabled = !state().videos.some((video) => !video.detected && !["running", "waiting", "done"].includes(byVideo.get(video.number)?.state));
    clearTimeout(timer);
    if (busy) timer = setTimeout(async () => show(await get("api/queue")), POLL_MS);
  };
  const act = async (number, method) => show(await post(`api/videos/${number}/detect`, {}, method));
  $("open-queue").addEventListener("click", async () => { $("queue").showModal(); show(await get("api/queue")); });
  $("detect-all").addEventListener("click", async () => { for (const video of state().videos) if (!video.detected) await act(video.number, "POST"); });
  get("api/queue").then(show);
}

function jobItem(video, job, act) {
  const item = make("li"), runs = job && ["running", "waiting"].includes(job.state), done = video.detected || job?.state === "done";
  item.append(make("span", video.name));
  if (!done) {
    const button = make("button", runs ? "Stop" : job?.state === "stopped" ? "Go on" : "Detect");
    button.type = "button"; button.setAttribute("aria-label", `${button.textContent}: ${video.name}`);
    button.addEventListener("click", () => act(video.number, runs ? "DELETE" : "POST"));
    item.append(button);
  } else item.append(make("span", "detected"));
  if (job && !done) {
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", `Frames of ${video.name}`);
    if (job.frames) { bar.max = job.frames; bar.value = job.done; }
    item.append(bar, make("small", `${job.state}, ${job.done}${job.frames ? ` of ${job.frames}` : ""} frames. ${job.message}`));
  }
  return item;
}

// Every key: its name, what it does in words, and the action that it calls.

export const KEYS = [
  ["Video", [
    [[" "], "Space", "play or pause", "play"],
    [["ArrowLeft"], "←", "one frame back", "back"], [["ArrowRight"], "→", "one frame on", "forward"],
    [["Shift+ArrowLeft"], "Shift ←", "one second back", "secondBack"], [["Shift+ArrowRight"], "Shift →", "one second on", "secondOn"],
    [["s"], "S", "next speed", "speed"], [["y"], "Y", "play the selected event", "replay"], [["v"], "V", "marks on the video", "marks"],
  ]],
  ["Events", [
    [["n"], "N", "next event", "next"], [["p"], "P", "previous event", "previous"],
    [["Shift+N"], "Shift N", "next to judge", "nextOpen"],
    [["Enter"], "Enter", "confirm the detected event", "confirm"], [["x"], "X", "reject it, or take that back", "reject"],
    [["i"], "I", "a new event begins here", "begin"], [["o"], "O", "and ends here", "end"],
    [["["], "[", "the selected event begins here", "onset"], [["]"], "]", "and ends here", "offset"],
    [["Delete", "Backspace"], "Delete", "delete your event", "delete"],
    [["z", "Ctrl+z"], "Z", "undo", "undo"], [["Shift+Z", "Ctrl+y", "Ctrl+Shift+Z"], "Shift Z", "redo", "redo"],
    [["Escape"], "Esc", "let go", "escape"],
  ]],
  ["Grade and side", [
    [["a"], "A", "a trace", "gradeA"], [["b"], "B", "slight", "gradeB"], [["c"], "C", "marked", "gradeC"],
    [["d"], "D", "severe", "gradeD"], [["e"], "E", "maximum", "gradeE"], [["0"], "0", "present, no grade", "grade"],
    [["u"], "U", "not scorable", "gradens"], [["l"], "L", "left of the subject, or both", "sideL"], [["r"], "R", "right of the subject, or both", "sideR"],
  ]],
  ["Time lines", [
    [["ArrowUp"], "↑", "action unit above", "up"], [["ArrowDown"], "↓", "action unit below", "down"],
    [["+", "="], "+", "zoom in", "zoomIn"], [["-"], "−", "zoom out", "zoomOut"], [["f"], "F", "whole video", "zoomAll"], [["g"], "G", "zoom to the event", "zoomEvent"],
    [[","], ",", "pan back", "panBack"], [["."], ".", "pan on", "panOn"], [["h"], "H", "hide or show scores", "hide"],
    [["m"], "M", "this action unit was looked for", "looked"], [["w"], "W", "next segment to code", "segment"], [["k"], "K", "segment is coded", "segmentDone"],
    [["1", "2", "3", "4", "5", "6", "7", "8", "9"], "1 – 9", "person", "person"], [["?"], "?", "this help", "help"],
  ]],
];

const byKey = new Map(KEYS.flatMap(([, keys]) => keys.flatMap(([names, , , action]) => names.map((name) => [name, action]))));
const WRITES = "input:not([type=checkbox], [type=radio]), select, textarea";
const WALKS = "input[type=radio], [role=listbox]";
const PRESSES = "button, summary, a[href], input[type=checkbox]";

export function listen(actions, isOn) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const target = event.target, plain = !event.ctrlKey;
    if (target.matches?.(WRITES)) { if (event.key === "Escape") target.blur(); return; }
    if (target.matches?.(PRESSES) && (event.key === " " || event.key === "Enter")) return;
    if (target.matches?.(WALKS) && (event.key.startsWith("Arrow") || event.key === " ")) return;
    if (plain && event.key.length === 1 && event.key !== " " && !isOn()) return;
    const shifted = event.shiftKey && (event.key.length > 1 || /[A-Z]/.test(event.key)), name = `${event.ctrlKey ? "Ctrl+" : ""}${shifted ? "Shift+" : ""}${event.key}`;
    const action = byKey.get(name) ?? (shifted ? undefined : byKey.get(event.key.toLowerCase()));
    if (!action || (event.ctrlKey && !byKey.has(name))) return;
    event.preventDefault();
    actions[action](event.key, event.repeat);
  });
}

export function showKeys(node) {
  for (const [title, keys] of KEYS) {
    const part = document.createElement("section"), heading = document.createElement("h3"), list = document.createElement("dl");
    heading.textContent = title;
    for (const [, shown, words] of keys) {
      const key = document.createElement("dt"), meaning = document.createElement("dd"), cap = document.createElement("kbd");
      cap.textContent = shown; key.append(cap); meaning.textContent = words; list.append(key, meaning);
    }
    part.append(heading, list); node.append(part);
  }
}

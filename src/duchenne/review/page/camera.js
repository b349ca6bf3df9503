// The live view: a picture of the camera at a time goes to this machine's own server; its faces come back.

import { postPicture } from "./server.js";

const WIDE = 640, LETTERS = { A: 1, B: 2, C: 3, D: 4, E: 5 };
const REASONS = {
  NotFoundError: "No camera was found. Connect one and start again.",
  NotAllowedError: "The browser may not use the camera. Allow it for this page and start again.",
  NotReadableError: "The camera is in use by another program.",
};

export function openCamera(dialog) {
  const part = (id) => dialog.querySelector(`#${id}`), [live, marks, state, list, go] = ["live", "live-marks", "live-state", "live-aus", "live-go"].map(part);
  const still = document.createElement("canvas");
  let stream = null, round = 0;
  const stop = (told = "") => {
    round += 1;
    stream?.getTracks().forEach((track) => track.stop());
    stream = null; live.srcObject = null; go.textContent = "Start"; state.textContent = told; list.replaceChildren();
    marks.getContext("2d").clearRect(0, 0, marks.width, marks.height);
  };

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) return stop("This browser gives pages no camera.");
    state.textContent = "Waiting for the camera";
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
    } catch (error) {
      return stop(REASONS[error.name] ?? `The camera cannot be used (${error.message}).`);
    }
    live.srcObject = stream; go.textContent = "Stop";
    await live.play();
    state.textContent = "Looking for faces";
    const own = (round += 1);
    let last = performance.now();
    while (own === round && dialog.open) {
      const scale = Math.min(1, WIDE / (live.videoWidth || WIDE));
      still.width = Math.round(live.videoWidth * scale); still.height = Math.round(live.videoHeight * scale);
      still.getContext("2d").drawImage(live, 0, 0, still.width, still.height);
      const picture = await new Promise((done) => still.toBlob(done, "image/jpeg", 0.9));
      try {
        const faces = await postPicture("api/camera", picture);
        if (own !== round) return undefined;
        const now = performance.now();
        state.textContent = `${faces.length === 1 ? "1 face" : `${faces.length} faces`}, ${(1000 / (now - last)).toFixed(1)} pictures a second`;
        last = now;
        draw(marks, still, faces);
        show(list, faces[0]);
      } catch (error) {
        return stop(error.message);
      }
    }
    return undefined;
  }

  go.onclick = () => (stream ? stop() : start());
  dialog.addEventListener("close", () => stop());
}

function draw(marks, still, faces) {
  marks.width = still.width; marks.height = still.height;
  const pen = marks.getContext("2d");
  pen.strokeStyle = "#fff"; pen.fillStyle = "#fff"; pen.lineWidth = 2;
  for (const face of faces) {
    pen.strokeRect(...face.box);
    face.points.forEach(([x, y]) => pen.fillRect(x - 1, y - 1, 2, 2));
  }
}

function show(list, face) {
  const shown = Object.entries(face?.grade ?? {}).filter(([, letter]) => letter);
  shown.sort((one, other) => LETTERS[other[1]] - LETTERS[one[1]]);
  list.replaceChildren(...shown.map(([au, letter]) => Object.assign(document.createElement("li"), { textContent: `${au} ${letter}` })));
}

"""Action units as a service: a picture in, its faces as JSON out; frames of a live source over a WebSocket.

pip install fastapi "uvicorn[standard]"
uvicorn service:app
curl --data-binary @portrait.jpg http://127.0.0.1:8000/faces
"""

import time
from typing import Any

from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool

from duchenne import AUDetector, to_row
from duchenne.errors import MediaError

MOST_BYTES = 20_000_000
app = FastAPI(title="Action units")
detector = AUDetector()  # One for all requests: it may be used from several threads at once.


@app.post("/faces")
async def faces(request: Request) -> list[dict[str, Any]]:
    """Return a row for each face in the picture that the body holds; nothing is kept."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"The picture has more than {MOST_BYTES} bytes. Send a smaller one.")
    try:
        found = await run_in_threadpool(detector.detect, bytes(body))
    except MediaError as error:
        raise HTTPException(415, str(error)) from None
    return [to_row(face) for face in found]


@app.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Answer each picture of a live source with the rows of its faces, which keep their face_id."""
    await socket.accept()
    stream = detector.stream("live")
    try:
        while True:
            picture = await socket.receive_bytes()
            found = await run_in_threadpool(stream.push, picture, time.monotonic())
            await socket.send_json([to_row(face, groups=["box", "pose", "aus"]) for face in found])
    except WebSocketDisconnect:
        return
    except MediaError as error:
        await socket.close(1003, str(error)[:120])

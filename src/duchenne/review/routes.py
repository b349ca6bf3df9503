"""The answers of the review server; each route asks `ReviewSession` one thing.

Blind reviews keep scores, detected events, agreement and codes of others here: nothing of them leaves the server.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from duchenne.errors import DuchenneError, OutputError, StudyError
from duchenne.facs import ACTION_UNITS
from duchenne.review.changes import change_from, line_of
from duchenne.review.coding_exports import FORMATS
from duchenne.review.live_agreement import agreement_now
from duchenne.review.review_session import ReviewSession
from duchenne.review.review_videos import ReviewVideo
from duchenne.review.track_bytes import faces_bytes, scores_bytes
from duchenne.study.results import file_name

PAGE_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "review.css": ("review.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("main", "server", "coding", "timeline", "player", "stills", "keys", "panels", "camera")
    },
}
"""What the page consists of; nothing else is served from the disk by name."""
_BYTES = "application/octet-stream"
_MOST_LANDMARK_FRAMES = 5000


def application(session: ReviewSession, token: str) -> Starlette:
    """Return the server's application; every path begins with the token."""
    answers = _Answers(session)
    routes = [
        Route("/{name:str}", _page),
        Route("/", _page),
        Route("/api/state", answers.state),
        Route("/api/videos/{video:int}/media", answers.media),
        Route("/api/videos/{video:int}/film", answers.film),
        Route("/api/videos/{video:int}/picture", answers.picture),
        Route("/api/videos/{video:int}/events", answers.events),
        Route("/api/videos/{video:int}/faces/{person:int}", answers.faces),
        Route("/api/videos/{video:int}/scores/{person:int}", answers.scores),
        Route("/api/videos/{video:int}/landmarks/{person:int}", answers.landmarks),
        Route("/api/videos/{video:int}/agreement", answers.agreement),
        Route("/api/videos/{video:int}/codes", answers.codes),
        Route("/api/videos/{video:int}/detect", answers.detect, methods=["POST", "DELETE"]),
        Route("/api/codes", answers.save, methods=["POST"]),
        Route("/api/export", answers.export, methods=["POST"]),
        Route("/api/queue", answers.queue),
        Route("/api/camera", answers.camera, methods=["POST"]),
    ]
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], exception_handlers={DuchenneError: _failed})


async def _page(request: Request) -> Response:
    name = request.path_params.get("name", "")
    if name not in PAGE_FILES:
        raise HTTPException(404, "There is no such page.")
    file, kind = PAGE_FILES[name]
    return Response(files("duchenne.review").joinpath("page", file).read_bytes(), media_type=kind)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=500 if isinstance(error, OutputError) else 422)


class _Answers:
    def __init__(self, session: ReviewSession) -> None:
        self.session = session

    async def state(self, request: Request) -> Response:
        """Videos, vocabulary, coders, and whether the review is blind."""
        return await _json(self._state)

    def _state(self) -> dict[str, Any]:
        vocabulary = [{"name": one.name, "title": one.title, "sided": one.sided} for one in ACTION_UNITS]
        return {
            "blind": self.session.options.blind,
            "aus": vocabulary,
            "coders": [] if self.session.options.blind else list(self.session.coders),
            "videos": [_video(k, one) for k, one in enumerate(self.session.videos)],
        }

    async def media(self, request: Request) -> Response:
        """The video's file, or a part of it."""
        return FileResponse(self._path(request))

    async def film(self, request: Request) -> Response:
        """Size, length and speed of a video that the browser cannot play."""
        return JSONResponse(asdict(await asyncio.to_thread(self.session.pictures.film, self._path(request))))

    async def picture(self, request: Request) -> Response:
        """Its picture at a time, and in a header when that picture begins."""
        path, time_ms, width = self._path(request), _whole(request, "time_ms"), _whole(request, "width")
        data, begins_s = await asyncio.to_thread(self.session.pictures.jpeg, path, time_ms / 1000, width)
        return Response(data, media_type="image/jpeg", headers={"x-begins-s": f"{begins_s:.6f}"})

    async def events(self, request: Request) -> Response:
        """The detected events; none in a blind review."""
        video = self._video(request)
        return await _json(
            lambda: [] if self.session.options.blind else [list(asdict(p).values()) for p in video.proposals()]
        )

    async def faces(self, request: Request) -> Response:
        """Times and boxes of a person."""
        track = self._video(request).track(request.path_params["person"])
        return Response(await asyncio.to_thread(faces_bytes, track), media_type=_BYTES)

    async def scores(self, request: Request) -> Response:
        """Scores of a person; refused in a blind review."""
        self._seeing()
        track = self._video(request).track(request.path_params["person"])
        return Response(await asyncio.to_thread(scores_bytes, track), media_type=_BYTES)

    async def landmarks(self, request: Request) -> Response:
        """Landmarks of a person in some frames."""
        video, person = self._video(request), request.path_params["person"]
        first, count = (_whole(request, name) for name in ("first", "count"))
        found = await asyncio.to_thread(video.landmarks, person, first, min(count, _MOST_LANDMARK_FRAMES))
        return Response(found.astype("<i2").tobytes(), media_type=_BYTES)

    async def agreement(self, request: Request) -> Response:
        """Agreement of a coder with the result, or with another coder."""
        self._seeing()
        video, session = self._video(request), self.session
        coder, other = (request.query_params.get(name, "") for name in ("coder", "with"))
        mine = session.coder(coder).codes
        theirs = session.codes_of(other) if other else None
        found = await asyncio.to_thread(agreement_now, video, mine, theirs)
        return JSONResponse({**asdict(found), "others": session.others(coder)})

    async def codes(self, request: Request) -> Response:
        """What a coder coded in a video."""
        journal = self.session.coder(request.query_params.get("coder", ""))
        file = self._video(request).source
        return await _json(
            lambda: {"notes": journal.notes, "changes": [line_of(c) for c in journal.codes.changes(file)]}
        )

    async def save(self, request: Request) -> Response:
        """Take changes of a coder; answers when they are on the disk."""
        said = await _body(request)
        changes = [change_from(one) for one in said.get("changes", [])]
        blind = self.session.options.blind
        journal = self.session.coder(str(said.get("coder", "")))
        at = await asyncio.to_thread(journal.add, changes)
        return JSONResponse({"saved": len(changes), "at": at, "blind": blind})

    async def export(self, request: Request) -> Response:
        """Write a coder's codes as files; return their paths."""
        said = await _body(request)
        formats = tuple(one for one in FORMATS if one in said.get("formats", FORMATS))
        coder = str(said.get("coder", ""))
        return await _json(lambda: {"written": self.session.export(coder, formats)})

    async def detect(self, request: Request) -> Response:
        """Queue a video, or stop its detection."""
        if request.method == "POST":
            self.session.detect(request.path_params["video"])
        else:
            self.session.queue.stop(str(self._video(request).path))
        return await self.queue(request)

    async def queue(self, request: Request) -> Response:
        """How far detection is."""
        numbers = {str(one.path): k for k, one in enumerate(self.session.videos)}
        return JSONResponse([{"video": numbers.get(one.source), **asdict(one)} for one in self.session.queue.jobs()])

    async def camera(self, request: Request) -> Response:
        """Faces in a picture of the camera."""
        picture = await request.body()
        return await _json(lambda: [asdict(one) for one in self.session.camera.of(picture)])

    def _video(self, request: Request) -> ReviewVideo:
        return self.session.video(request.path_params["video"])

    def _path(self, request: Request) -> Path:
        path = self._video(request).path
        if not path.is_file():
            raise HTTPException(404, f"{path} is not there. Say where the videos are: --media FOLDER.")
        return path

    def _seeing(self) -> None:
        if self.session.options.blind:
            raise HTTPException(403, "This review is blind.")


async def _json(make: Callable[[], Any]) -> Response:
    return JSONResponse(await asyncio.to_thread(make))


async def _body(request: Request) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "Changes are JSON.")
    try:
        said = json.loads(await request.body())
    except ValueError:
        raise HTTPException(400, "The body is not JSON.") from None
    if not isinstance(said, dict) or not all(isinstance(one, dict) for one in said.get("changes", [])):
        raise HTTPException(400, "The body is not an object with a list of changes.")
    return said


def _whole(request: Request, name: str) -> int:
    value = request.query_params.get(name, "0")
    if not value.isdecimal() or len(value) > 9:
        raise StudyError(f"{name} is a whole number from 0; got {value[:20]!r}.")
    return int(value)


def _video(number: int, video: ReviewVideo) -> dict[str, Any]:
    return {
        "number": number,
        "source": video.source,
        "name": file_name(video.source),
        "found": video.path.is_file(),
        "detected": video.table is not None,
        "persons": list(video.persons),
        "aus": list(video.aus),
        "segments": [[one.onset_s, one.offset_s, one.person, one.weight] for one in video.segments],
    }

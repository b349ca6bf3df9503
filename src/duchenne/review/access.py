"""Which requests are answered: those of this machine's browser with the address that was printed.

The token stands in the path, so it comes with every request of the page and with none that another site can make. The
name of the host is checked against DNS rebinding, `Origin` and `Sec-Fetch-Site` against requests of other pages, those
of other ports of this machine among them.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from duchenne.files.numbers import whole_number

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Nothing from other hosts, nothing inline, in nobody's frame."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
MAX_BODY_BYTES = 8_000_000
"""Of a request: a camera's picture is the largest."""
_READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Access:
    """What a request must bring.

    Attributes:
        port: On which the server listens.
        token: First part of every path.
    """

    port: int
    token: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names under which this machine may be asked."""
        return tuple(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost"))

    @property
    def address(self) -> str:
        """The page."""
        return f"http://{self.hosts[0]}/{self.token}/"

    def fault(self, method: str, path: str, headers: dict[str, str]) -> str | None:
        """Return why a request is refused; None of one that may pass."""
        host = headers.get("host", "")
        if host not in self.hosts:
            return "This server answers under 127.0.0.1 and localhost only."
        given = path.split("/")[1] if path.startswith("/") else ""
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return "The address is not the one that duchenne review printed. Open that one."
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is not None and origin != f"http://{host}":
            return "Requests of other pages are refused."
        if method not in _READING and origin is None:
            return "A change needs the page's own Origin."
        is_visit = method in _READING and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("none", "same-origin") and not is_visit:
            return "Requests of other pages are refused."
        return None


class Guarded:
    """An application behind `Access`, whose answers forbid the browser everything that the page does not need."""

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to what is refused, 413 to what is too large, and let the rest through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send) if scope["type"] == "lifespan" else None
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        if fault := self._access.fault(scope["method"], scope["path"], headers):
            await _refuse(send_guarded, 403, fault)
        elif scope["method"] not in _READING and not _is_small(headers.get("content-length", "")):
            await _refuse(send_guarded, 413, f"A request has a length of at most {MAX_BODY_BYTES // 10**6} MB.")
        else:
            await self._app(scope, receive, send_guarded)


def _is_small(length: str) -> bool:
    number = whole_number(length)
    return number is not None and number <= MAX_BODY_BYTES


async def _refuse(send: Send, status: int, text: str) -> None:
    head = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": text.encode()})

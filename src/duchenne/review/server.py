"""The review server: on this machine only, until it is interrupted."""

import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from duchenne.errors import OutputError
from duchenne.review.access import Access, Guarded
from duchenne.review.review_session import ReviewOptions, ReviewSession

LOOPBACK = "127.0.0.1"


def serve(paths: Sequence[Path], options: ReviewOptions, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted.

    Args:
        paths: Results and videos.
        options: Of the review.
        port: Where to listen; 0 for any that is free.
        ready: Told the address of the page once it answers.

    Raises:
        OutputError: The port is taken.
        UsageError, StudyError: What is named cannot be read.
    """
    import uvicorn

    from duchenne.review.routes import application

    with closing(ReviewSession(paths, options)) as session, closing(_listening(port)) as listener:
        access = Access(listener.getsockname()[1], secrets.token_urlsafe(24))
        app = Guarded(application(session, access.token), access)
        # No log of requests: addresses hold the token.
        config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False, lifespan="off")
        config.timeout_graceful_shutdown = 2
        server = uvicorn.Server(config)
        ready(access.address)
        server.run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(64)
    except (OSError, OverflowError) as error:
        listener.close()
        raise OutputError(
            f"Port {port} cannot be used ({error}). Choose another with --port, or leave it out."
        ) from None
    return listener

"""`duchenne review`: a local page to look at videos, judge detected events and code by hand."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole


def review(
    *sources: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("review"),
    codes: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    media: Path | None = None,
    blind: Annotated[bool, Parameter(negative=())] = False,
    port: int = 0,
    no_browser: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Look at videos with their time lines, confirm, correct or add events, and see how far coders agree.

    Opens a page in the browser that only this machine can reach; nothing is sent anywhere else. What is coded is on the
    disk before the page says so, in one file for each coder. Ends with Ctrl+C. Needs the extra review. Examples:

    `duchenne review interviews.csv`

    `duchenne review interviews.csv --blind --codes plan.csv --output coding`

    `duchenne review anna.mp4 ben.mp4`, then detect in them from the page

    Parameters
    ----------
    sources
        Results of duchenne detect (.csv, .parquet, .jsonl), or videos that have not been processed yet.
    output
        Folder of the coders' files, of exports and of results that the page's queue detects; made if it is not there.
    codes
        Codes of others (ELAN, BORIS, tables of codes) to compare with; or a plan of duchenne sample, whose segments are
        to be coded. May be given several times.
    media
        Folder of the videos, where they have moved since detection.
    blind
        Hide scores, detected events, agreement and codes of others, for independent coding.
    port
        Port on 127.0.0.1; default: any free port.
    no_browser
        Do not open a browser, only print the address.
    """
    import webbrowser

    from duchenne.extras import needed

    needed("starlette")
    needed("uvicorn")
    from duchenne.review.review_session import ReviewOptions
    from duchenne.review.server import serve

    console = PlainConsole(stderr=True)

    def ready(address: str) -> None:
        console.say(f"The review is open at {address}")
        console.say(f"Codes go to {output}. Ctrl+C ends it.")
        if not no_browser:
            webbrowser.open(address)

    serve(sources, ReviewOptions(output, codes, media, blind), port, ready)
    return 0

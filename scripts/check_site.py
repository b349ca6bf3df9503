"""Look for dead links in a built site, and for anything that its pages would ask of another host.

    python scripts/check_site.py out/site

Links to other hosts are allowed and not followed; pictures, styles, scripts and fonts from other hosts are not allowed.
Ends with 1 and names page and address where something is wrong.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "img": "src",
    "script": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
}
"""Elements whose address a browser asks for by itself."""
STYLE_ADDRESS = re.compile(r"url\(\s*['\"]?((?:https?:)?//[^'\")]+)|@import\s+['\"]((?:https?:)?//[^'\"]+)")


class Page(HTMLParser):
    """The anchors and the addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names and what it points to."""
        values = dict(attrs)
        self.anchors |= {name for key in ("id", "name") if (name := values.get(key))}
        address = values.get(LOADED.get(tag, "href"))
        if address is None or values.get("rel") == "canonical":
            return
        (self.loads if tag in LOADED else self.links).append(address)


def faults(site: Path) -> list[str]:
    """Return what is wrong, one line each."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    found = [] if pages else [f"{site} holds no page. Build it with: make docs."]
    for path, page in pages.items():
        shown = path.relative_to(site.resolve())
        found += [f"{shown}: {one} is loaded from another host" for one in page.loads if urlsplit(one).netloc]
        for address in [*page.links, *page.loads]:
            if not _leads_somewhere(address, path, pages, site):
                found.append(f"{shown}: {address} leads nowhere")
    for style in site.rglob("*.css"):
        addresses = STYLE_ADDRESS.findall(style.read_text(encoding="utf-8"))
        found += [f"{style.relative_to(site)}: {''.join(one)} is loaded from another host" for one in addresses]
    return sorted(set(found))


def _leads_somewhere(address: str, path: Path, pages: dict[Path, Page], site: Path) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return True
    target = path
    if parts.path:
        base = site if parts.path.startswith("/") else path.parent
        target = (base / unquote(parts.path).lstrip("/")).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return False
    anchor = unquote(parts.fragment)
    return not anchor or anchor.startswith("__") or target not in pages or anchor in pages[target].anchors


def main(site: Path) -> int:
    """Print what is wrong and return 1, or 0 with a sound site."""
    found = faults(site)
    print("\n".join(found) if found else f"{site}: every link leads somewhere, nothing is loaded from another host.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

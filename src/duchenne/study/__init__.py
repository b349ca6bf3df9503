"""From results to findings: what a study does with the files of `duchenne detect`, on data frames (docs/study.md).

The functions are imported when they are first asked for; modules have other names than functions, so that neither
hides the other.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duchenne.study.agreement.agreement_table import agree
    from duchenne.study.au_events import events
    from duchenne.study.coding_sample import sample
    from duchenne.study.codings.reading import read_codes
    from duchenne.study.people_table import people, with_people
    from duchenne.study.plots import plot_face, plot_timeline
    from duchenne.study.presence_table import presence
    from duchenne.study.results import read_results
    from duchenne.study.summary_table import summary

__all__ = [
    "agree",
    "events",
    "people",
    "plot_face",
    "plot_timeline",
    "presence",
    "read_codes",
    "read_results",
    "sample",
    "summary",
    "with_people",
]

_HOMES = {
    "agree": "duchenne.study.agreement.agreement_table",
    "events": "duchenne.study.au_events",
    "people": "duchenne.study.people_table",
    "plot_face": "duchenne.study.plots",
    "plot_timeline": "duchenne.study.plots",
    "presence": "duchenne.study.presence_table",
    "read_codes": "duchenne.study.codings.reading",
    "read_results": "duchenne.study.results",
    "sample": "duchenne.study.coding_sample",
    "summary": "duchenne.study.summary_table",
    "with_people": "duchenne.study.people_table",
}


def __getattr__(name: str) -> Any:
    """Import a public function when it is first asked for, so that `--help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'duchenne.study' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)

"""Change the package in many small ways, one at a time, and see whether the tests of the room notice.

The changes of tests/mutants/named.toml come first; the others are drawn over all rooms by a seed, with the mutators of
mutmut. Each is made in a copy of the checkout; the tests that run the changed line, then the test files nearest to the
module, run until one fails (mutant_tests.py says which, mutant_runs.py runs them). A failure counts where the same test
passes without the change. What was found is kept in out/mutants.jsonl, so that a later call goes on; survivors that
change nothing stand in tests/mutants/survivors.csv.
"""

import argparse
import ast
import csv
import difflib
import hashlib
import json
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutant_runs import Copy, load
from mutant_tests import LIMIT_S, PACKAGE, ROOT, TESTS, measure, stale_files
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import get_ignored_lines

JOURNAL, KEPT = ROOT / "out" / "mutants.jsonl", ROOT / "out" / "mutants-drawn.json"
SEED, TOTAL = 2017, 300
TYPES = {"Bool", "Float", "Float32", "Int", "Num", "Shaped", "UInt8", "Annotated", "Literal"}


@dataclass(frozen=True)
class Change:
    """One change of one module: where, what it reads afterwards, and which test files come first."""

    key: str
    file: str
    line: int
    before: str
    after: str
    text: str
    first: tuple[str, ...] | list[str] = ()

    @property
    def room(self) -> str:
        """The folder of the module, at most two deep; a module of the top stands for itself."""
        return room_of(self.file)


def room_of(file: str) -> str:
    """Return the room of a module."""
    *folders, name = Path(file).with_suffix("").parts
    return "/".join(folders[:2]) or name


class Visitor(MutationVisitor):
    """Finds the places to change: also in properties, but not in types, nor in words meant for people."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise | cst.Decorator | cst.FormattedString | cst.ConcatenatedString):
            return True
        if isinstance(node, cst.SimpleString) and " " in node.value:
            return True
        if isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name) and node.value.value in TYPES:
            return True
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return False
        return super()._skip_node_and_children(node)


def possible(path: Path) -> tuple[cst.Module, list[tuple[cst.CSTNode, cst.CSTNode, int]]]:
    """Return a module and what may be changed in it: node, its replacement, line."""
    text, file = path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix()
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = Visitor(mutation_operators, get_ignored_lines(file, text, wrapper, None))
    module, places = wrapper.visit(visitor), wrapper.resolve(PositionProvider)
    lines = [places[one.original_node].start.line if one.original_node in places else 0 for one in visitor.mutations]
    return module, [(m.original_node, m.mutated_node, k) for m, k in zip(visitor.mutations, lines, strict=True)]


def drawn(total: int) -> list[Change]:
    """Return changes over all rooms, to each in proportion to what can be changed in it, in an order by chance.

    Chance is a hash of seed, module and place, so that work on other modules leaves the draw nearly as it is. Changes
    are kept beside the journal, as long as the package stays as it is.
    """
    paths = sorted(PACKAGE.rglob("*.py"))
    digest = hashlib.sha256(b"".join([*(path.read_bytes() for path in paths), Path(__file__).read_bytes()])).hexdigest()
    if KEPT.exists() and (kept := json.loads(KEPT.read_text(encoding="utf-8")))["package"] == digest:
        return [Change(**change) for change in kept["changes"]]
    rooms = defaultdict(list)
    for path in paths:
        module, found = possible(path)
        file = path.relative_to(PACKAGE).as_posix()
        ranks = [hashlib.sha256(f"{SEED} {file} {k}".encode()).hexdigest() for k in range(len(found))]
        rooms[room_of(file)] += [(rank, file, module, *one) for rank, one in zip(ranks, found, strict=True)]
    count = shares({room: len(found) for room, found in rooms.items()}, total)
    out: list[Change] = []
    for room, found in rooms.items():
        real = (change for one in sorted(found, key=lambda one: one[0]) if (change := change_of(*one)) is not None)
        out += [change for _, change in zip(range(count[room]), real, strict=False)]
    out.sort(key=lambda change: change.key)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({"package": digest, "changes": [asdict(change) for change in out]}), encoding="utf-8")
    return out


def shares(sizes: dict[str, int], total: int) -> dict[str, int]:
    """Return how many of a total fall to each room, by the largest remainders."""
    exact = {room: total * size / sum(sizes.values()) for room, size in sizes.items()}
    count = {room: int(value) for room, value in exact.items()}
    for room in sorted(exact, key=lambda room: count[room] - exact[room])[: total - sum(count.values())]:
        count[room] += 1
    return count


def change_of(rank: str, file: str, module: cst.Module, old: cst.CSTNode, new: cst.CSTNode, line: int) -> Change | None:
    """Return a change; None where the module would not be Python, or the same as before."""
    text = module.deep_replace(old, new).code
    try:
        if ast.dump(ast.parse(text)) == ast.dump(ast.parse(module.code)):
            return None
    except SyntaxError:
        return None
    before, after = module.code_for_node(old), module.code_for_node(new)
    key = hashlib.sha256(f"{rank} {before} -> {after}".encode()).hexdigest()[:12]
    return Change(key, file, line, before, after, text)


def named() -> list[Change]:
    """Return the changes of the committed list, by their names."""
    out = []
    for entry in tomllib.loads((TESTS / "mutants" / "named.toml").read_text(encoding="utf-8"))["change"]:
        text = (PACKAGE / entry["file"]).read_text(encoding="utf-8")
        before, _, after = text.partition(entry["find"])
        line, text = before.count("\n") + 1, before + entry["put"] + after
        out.append(Change(entry["name"], entry["file"], line, entry["find"], entry["put"], text, tuple(entry["tests"])))
    return out


def read_journal() -> dict[str, dict]:
    """Return the last entry of each change."""
    if not JOURNAL.exists():
        return {}
    entries = [json.loads(line) for line in JOURNAL.read_text(encoding="utf-8").splitlines()]
    return {entry["key"]: entry for entry in entries}


def report(changes: list[Change], done: dict[str, dict]) -> None:
    """Print the survivors with their change, and the shares."""
    with open(TESTS / "mutants" / "survivors.csv", encoding="utf-8", newline="") as file:
        reasons = {row["key"]: row["reason"] for row in csv.DictReader(file)}
    seen = [change for change in changes if change.key in done]
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for change in seen:
        rooms[change.room][done[change.key]["verdict"]] += 1
        if done[change.key]["verdict"] != "killed":
            print(f"\n{done[change.key]['verdict']} {change.key} {change.file}:{change.line}")
            print(f"changes nothing: {reasons[change.key]}" if change.key in reasons else diff_of(change))
    print("\nroom: killed of tried")
    for room, verdicts in sorted(rooms.items()):
        print(f"  {room}: {verdicts['killed']} of {verdicts.total()}")
    killed = sum(verdicts["killed"] for verdicts in rooms.values())
    if seen:
        print(f"{killed} of {len(seen)} killed ({killed / len(seen):.1%}), {len(changes)} drawn")


def diff_of(change: Change) -> str:
    """Return the lines that a change touches."""
    old = (PACKAGE / change.file).read_text(encoding="utf-8").splitlines()
    return "\n".join(list(difflib.unified_diff(old, change.text.splitlines(), lineterm="", n=1))[2:])


def main() -> None:
    """Try some of the changes and report on all that were tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first drawn change")
    parser.add_argument("--count", type=int, default=TOTAL, help="how many drawn changes to try")
    parser.add_argument("--named", action="store_true", help="try those of named.toml instead")
    parser.add_argument("--again", action="store_true", help="try those again that were not killed")
    parser.add_argument(
        "--seconds", type=float, default=LIMIT_S, help="seconds that the tests of a change take at most"
    )
    asked = parser.parse_args()
    changes, done = named() if asked.named else drawn(TOTAL), read_journal()
    if stale_files():
        measure()
    JOURNAL.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        load(copy.folder)
        for change in changes if asked.named else changes[asked.first : asked.first + asked.count]:
            if change.key in done and not (asked.again and done[change.key]["verdict"] != "killed"):
                continue
            start_s = time.monotonic()
            verdict, by = copy.try_change(change.file, change.line, change.text, change.first, asked.seconds)
            entry = {"key": change.key, "file": change.file, "line": change.line, "verdict": verdict, "by": by}
            done[change.key] = entry | {"seconds": round(time.monotonic() - start_s, 1)}
            with open(JOURNAL, "a", encoding="utf-8") as journal:
                journal.write(json.dumps(done[change.key]) + "\n")
            print(f"{verdict:10} {change.file}:{change.line} {by}", flush=True)
    report(changes, done)
    unnoticed = [change.key for change in changes if change.key in done and done[change.key]["verdict"] != "killed"]
    if asked.named and unnoticed:
        sys.exit(f"No test notices: {'; '.join(unnoticed)}")


if __name__ == "__main__":
    main()

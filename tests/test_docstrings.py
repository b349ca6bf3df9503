"""Examples in docstrings run; what is public has a docstring, and what users call has an example."""

import ast
import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import duchenne

ROOT = Path(duchenne.__file__).parent
LEAST_DOCUMENTED = 0.97
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def definitions(node: ast.AST, inside: str = ""):
    """Yield the public modules, classes, functions and methods of a tree, with their names."""
    yield inside or "module", node
    for child in getattr(node, "body", []):
        if isinstance(child, Definition) and not child.name.startswith("_"):
            name = f"{inside}.{child.name}" if inside else child.name
            yield from definitions(child, name) if isinstance(child, ast.ClassDef) else [(name, child)]


def documented(path: Path) -> dict[str, str | None]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {f"{module_name(path)}:{name}": ast.get_docstring(node) for name, node in definitions(tree)}


DOCSTRINGS = {name: text for path in sorted(ROOT.rglob("*.py")) for name, text in documented(path).items()}
EXAMPLES = {name: text for name, text in DOCSTRINGS.items() if text and ">>>" in text}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = dict(vars(importlib.import_module(name.partition(":")[0])))
    example = doctest.DocTestParser().get_doctest(EXAMPLES[name], names, name, None, None)
    said: list[str] = []
    ran = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=said.append)
    assert ran.attempted
    assert not ran.failed, "".join(said)


def test_what_is_public_has_a_docstring():
    bare = [name for name, text in DOCSTRINGS.items() if not text]
    assert len(DOCSTRINGS) > 1000
    assert 1 - len(bare) / len(DOCSTRINGS) >= LEAST_DOCUMENTED, bare


def called_by_users():
    for name in duchenne.__all__:
        value = getattr(duchenne, name)
        if not callable(value):
            continue
        yield name, value
        if inspect.isclass(value):
            methods = inspect.getmembers(value, inspect.isroutine)
            yield from ((f"{name}.{one}", member) for one, member in methods if not one.startswith("_"))


@pytest.mark.parametrize(
    ("name", "value"), called_by_users(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_users_call_has_an_example(name, value):
    home = inspect.unwrap(value).__module__
    assert f"{home}:{inspect.unwrap(value).__qualname__}" in EXAMPLES

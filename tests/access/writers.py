"""Finds the functions of the program that write, delete or start something, in its syntax trees.

A function writes if it calls a primitive that does, or another function that writes. Names are resolved through the imports; a
method is found by its name, whatever the object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Event, Thread

from tests.helpers import PROJECT

#: What writes, deletes or starts something in the standard library: functions, and methods of paths and files.
PRIMITIVES = {
    "os.rename",
    "os.replace",
    "os.unlink",
    "os.truncate",
    "os.O_CREAT",
    "shutil.rmtree",
    "shutil.copytree",
    "subprocess.Popen",
    ".unlink",
    ".rmdir",
    ".mkdir",
    ".touch",
    ".write_text",
    ".write_bytes",
    "gan.storage.lines.LineWriter",
}
#: Methods called like those of other things are not followed to who calls them; they are found themselves.
_COMMON = {"close", "end", "record", "path", "run"}
_COMMON |= {name for kind in (str, list, dict, set, Path, Thread, Event) for name in dir(kind)}

#: Folders whose objects others call.
_HOLDERS = ("gan.storage.", "gan.access.", "gan.runs.", "gan.sweeps.", "gan.quiz.")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """Return all modules of both wings."""
    found = [*(PROJECT / "gan").rglob("*.py"), *(PROJECT / "pages").rglob("*.py"), PROJECT / "dashboard.py"]
    return {module_of(path): path for path in found}


@cache
def names(module: str) -> dict[str, str]:
    """Return what each name at the top of a module, or imported inside of it, stands for: a module, or "module.name"."""
    found = {}
    for node in ast.walk(tree(modules()[module])):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.asname or one.name: one.name for one in node.names}
    for node in tree(modules()[module]).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = f"{module}.{node.name}"
    return found


def resolved(name: str) -> str:
    """Follow what a package passes on: "gan.runs.create" is "gan.runs.registry.create"."""
    module, _, last = name.rpartition(".")
    if module in modules() and (further := names(module).get(last)) and further != name:
        return resolved(further)
    return name


@cache
def functions() -> dict[str, ast.FunctionDef]:
    """Return all functions and methods by qualified name."""
    found = {}
    for module, path in modules().items():
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef):
                found[f"{module}.{node.name}"] = node
            elif isinstance(node, ast.ClassDef):
                inner = {f"{module}.{node.name}.{one.name}": one for one in node.body if isinstance(one, ast.FunctionDef)}
                found |= inner
    return found


@cache
def _methods(module: str) -> dict[str, set[str]]:
    """Return the methods that a module may call on some object, by name: of runs, sweeps and so on, and its own."""
    found: dict[str, set[str]] = {}
    for name in functions():
        *_, owner, last = name.split(".")
        is_near = name.startswith(f"{module}.") or (name.startswith(_HOLDERS) and not last.startswith("_"))
        if is_near and owner.lstrip("_")[:1].isupper() and last not in _COMMON:
            found.setdefault(last, set()).add(name)
    return found


def mentioned(module: str, node: ast.AST) -> Iterator[str]:
    """Yield the functions that a piece of a module calls or passes on, and the primitives by their plain names."""
    own = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    known = {name: target for name, target in names(module).items() if name not in own}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in known:
            yield resolved(known[part.id])
        elif isinstance(part, ast.Attribute):
            owner = part.value.id if isinstance(part.value, ast.Name) else ""
            target = resolved(known.get(owner, ""))
            if target in modules():
                yield resolved(f"{target}.{part.attr}")
            elif target:
                yield f"{target}.{part.attr}"
            else:
                yield f".{part.attr}"
                yield from _methods(module).get(part.attr, ())


@cache
def writers() -> frozenset[str]:
    """Return the qualified names of all functions that write."""
    uses = {name: set(mentioned(_home(name), node)) for name, node in functions().items()}
    found = set(PRIMITIVES)
    while more := {name for name, used in uses.items() if used & found} - found:
        found |= more
    return frozenset(found & set(functions()))


def _home(name: str) -> str:
    """Return the module of a function."""
    module = name.rpartition(".")[0]
    return module if module in modules() else module.rpartition(".")[0]


def is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def asked_by_pages() -> dict[str, set[str]]:
    """Return the functions of the engine that write and are mentioned in the dashboard, with the modules that do so."""
    found: dict[str, set[str]] = {}
    for module, path in modules().items():
        if not module.startswith("gan"):
            for name in set(mentioned(module, tree(path))) & writers():
                if name.startswith("gan."):
                    found.setdefault(name, set()).add(module)
    return found

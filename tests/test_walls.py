"""The walls between the wings: the server never loads torch, the engine never loads streamlit or plotly."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import PROJECT, environment, imports

HEAVY = {"torch", "torchvision", "torchmetrics", "torch_fidelity"}
SHOWING = {"streamlit", "plotly"}

#: What the server may always import; scoring.lines and scoring.doctor are the torch-free part of scoring.
HALL = [
    "gan",
    "gan.errors",
    "gan.words",
    "gan.config",
    "gan.presets",
    "gan.runs",
    "gan.launcher",
    "gan.sweeps",
    "gan.experiments",
    "gan.sweep_commands",
    "gan.forks",
    "gan.data.catalogue",
    "gan.data.tasks",
    "gan.data.commands",
    "gan.scoring.lines",
    "gan.scoring.doctor",
    "gan.scoring.results",
    "gan.scoring.significance",
    "gan.training.files",
]

ENGINE_FILES = sorted((PROJECT / "gan").rglob("*.py"))
SERVER_FILES = [*sorted((PROJECT / "pages").rglob("*.py")), *PROJECT.glob("dashboard.py")]

_IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(names: list[str]) -> set[str]:
    """Import modules in a fresh process and return the top-level packages that are loaded afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, json.dumps(names)],
        cwd=PROJECT, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def is_module(name: str) -> bool:
    """Return whether a dotted name is a module, rather than something in one."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def test_hall_loads_neither_wing() -> None:
    loaded = loaded_by([name for name in HALL if is_module(name)])
    assert not loaded & (HEAVY | SHOWING)


def test_command_line_loads_no_torch_before_it_trains() -> None:
    assert not loaded_by(["gan.__main__"]) & (HEAVY | SHOWING)


def test_server_process_never_loads_torch() -> None:
    assert not loaded_by(["dashboard"]) & HEAVY, "what the server imports when it starts"
    wanted = {name for path in SERVER_FILES for name in imports(path)}
    names = sorted(name for name in wanted if name.partition(".")[0] != "pages" and is_module(name))
    assert not loaded_by([name for name in HALL if is_module(name)] + names) & HEAVY


@pytest.mark.parametrize("path", SERVER_FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_page_imports_only_its_side(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imports(path)}
    assert not tops & HEAVY


@pytest.mark.parametrize("path", ENGINE_FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_engine_shows_nothing(path: Path) -> None:
    names = set(imports(path))
    assert not {name.partition(".")[0] for name in names} & (SHOWING | {"pages", "dashboard"})


@pytest.mark.parametrize("path", [*ENGINE_FILES, *SERVER_FILES], ids=lambda path: str(path.relative_to(PROJECT)))
def test_file_says_its_purpose(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith('"""') and len(first) > 20, f"the first line of {path.name} should say what it is for"

"""Import rules: the order of folders, where torch may be loaded, and what the server never loads."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from pages.parts.service import FIRST
from tests.helpers import PROJECT, environment, imports

#: The folders and single files of ``gan/`` from the lowest floor up: each may import only itself and earlier entries.
FLOORS = (
    "errors",
    "words",
    "palette",
    "places",
    "machine",
    "storage",
    "access",
    "catalogue",
    "config",
    "runs",
    "sweeps",
    "judging",
    "quiz",
    "data",
    "guests",
    "play",
    "lessons",
    "execution",
    "objective",
    "networks",
    "training",
    "scoring",
    "playground",
    "report",
    "commands",
    "__main__",
)

HEAVY = {"torch", "torchvision", "torchmetrics", "torch_fidelity"}
SHOWING = {"streamlit", "plotly"}

#: Folders that may import torch, and the files of ``data`` that may.
WITH_TORCH = {"objective", "networks", "training", "scoring", "playground", "commands"}
DATA_WITH_TORCH = {"loaders.py", "feed.py", "downloads.py"}

ENGINE_FILES = sorted((PROJECT / "gan").rglob("*.py"))
SERVER_FILES = [*sorted((PROJECT / "pages").rglob("*.py")), *PROJECT.glob("dashboard.py")]
FILES = [*ENGINE_FILES, *SERVER_FILES]

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
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def shown(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def module_of(path: Path) -> str:
    """Return the dotted name of a file's module."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in FILES}


@cache
def imported_files(path: Path) -> frozenset[Path]:
    """Return the project files imported anywhere in a file; for a module imported from a package, only the module."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {full if (full := f"{node.module}.{name.name}") in modules() else node.module for name in node.names}
    found = {modules()[name] for name in names if name in modules()}
    return frozenset(found - {path, PROJECT / "gan" / "__init__.py"})


def floor_of(path: Path) -> int:
    """Return the index in ``FLOORS`` of a file of ``gan/``."""
    return FLOORS.index(path.relative_to(PROJECT / "gan").parts[0].removesuffix(".py"))


def test_every_folder_has_a_floor() -> None:
    rooms = {path.relative_to(PROJECT / "gan").parts[0].removesuffix(".py") for path in ENGINE_FILES} - {"__init__"}
    assert rooms == set(FLOORS)


def test_no_import_from_a_lower_to_a_higher_floor() -> None:
    placed = [path for path in ENGINE_FILES if path != PROJECT / "gan" / "__init__.py"]
    above = {shown(path): [shown(one) for one in imported_files(path) if floor_of(one) > floor_of(path)] for path in placed}
    assert not {path: found for path, found in above.items() if found}


def test_no_import_circles() -> None:
    try:
        TopologicalSorter({path: imported_files(path) for path in FILES}).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(shown(path) for path in error.args[1]))


def importing_packages() -> dict[str, Path]:
    """Return the folders of packages, among those that the server loads, whose ``__init__.py`` imports modules of the package."""
    inits = [path for path in FILES if path.name == "__init__.py" and not WITH_TORCH & set(path.parts)]
    return {module_of(path): path.parent for path in inits if any(one.is_relative_to(path.parent) for one in imported_files(path))}


def imported_first(path: Path) -> set[str]:
    """Return the modules that import statements of a file begin with: ``a.b`` for ``import a.b`` and for ``from a.b import c``."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))))
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_threads_that_import_at_once_do_not_wait_for_one_another() -> None:
    packages = importing_packages()
    assert len(packages) > len(FIRST)
    past: dict[str, list[str]] = {}
    for path in FILES:
        for name in imported_first(path):
            for package, folder in packages.items():
                if name.startswith(f"{package}.") and not path.is_relative_to(folder):
                    past.setdefault(package, []).append(shown(path))
    assert set(past) == set(FIRST), f"import these from their package, or the package before the server serves: {past}"


_SERVE = """
import asyncio, sys
import dashboard
from pages.parts import service
assert not set(service.FIRST) & set(sys.modules), "this test proves nothing"
async def serve():
    async with service.lifespan(dashboard.app):
        print(set(service.FIRST) <= set(sys.modules))
asyncio.run(serve())
"""


def test_server_imports_first_what_threads_must_not_import_at_once(tmp_path: Path) -> None:
    env = environment(tmp_path, {"STREAMLIT_SERVER_HEADLESS": "true"})
    command = [sys.executable, "-c", _SERVE]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "True", done.stderr


_DRAW = """
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from gan.places import default_root
from gan.runs import examples
examples.offer(default_root())
test = AppTest.from_file("dashboard.py", default_timeout=60)
for page in ("home", "train", "play", "learn"):
    test.switch_page(f"pages/{page}.py").run()
    print(page, len(test.title), *test.exception, *{"pandas", "pyarrow"} & set(sys.modules))
"""


def test_usual_first_pages_are_drawn_without_pandas(tmp_path: Path) -> None:
    """Importing it takes longer than all else that a server does for its first page."""
    command = [sys.executable, "-c", _DRAW]
    env = environment(tmp_path, {"GAN_EXAMPLES": "1"})
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == ["home 1", "train 1", "play 1", "learn 1"], done.stderr


def may_load_torch(path: Path) -> bool:
    room = path.relative_to(PROJECT / "gan").parts[0]
    return room in WITH_TORCH or (room == "data" and path.name in DATA_WITH_TORCH)


def test_torch_and_pages_are_imported_only_where_allowed() -> None:
    refused = {path: SHOWING | {"pages", "dashboard"} | (set() if may_load_torch(path) else HEAVY) for path in ENGINE_FILES}
    refused |= dict.fromkeys(SERVER_FILES, HEAVY)
    found = {shown(path): {name.partition(".")[0] for name in imports(path)} & packages for path, packages in refused.items()}
    assert not {path: packages for path, packages in found.items() if packages}


def test_only_the_frame_makes_parts_of_pages_that_are_refreshed_by_time() -> None:
    found = [path.name for path in SERVER_FILES if "run_every=" in path.read_text(encoding="utf-8")]
    assert found == ["frame.py"], "frame.fragment shows an error as one sentence"


def test_torch_free_folders_load_no_torch() -> None:
    names = [module_of(path) for path in ENGINE_FILES]
    free = [name for name in names if name.partition(".")[2].partition(".")[0] not in WITH_TORCH | {"data"}]
    assert not loaded_by(free) & (HEAVY | SHOWING)


def test_configuration_is_light() -> None:
    assert not loaded_by(["gan.config", "gan.config.presets"]) & (HEAVY | SHOWING | {"numpy", "PIL", "pandas", "scipy"})


def test_command_line_loads_no_torch_before_it_trains() -> None:
    assert not loaded_by(["gan.__main__"]) & (HEAVY | SHOWING)


def test_server_process_never_loads_torch() -> None:
    assert not loaded_by(["dashboard"]) & HEAVY, "what the server imports when it starts"
    wanted = {module_of(one) for path in SERVER_FILES for one in imported_files(path) if one.is_relative_to(PROJECT / "gan")}
    assert not loaded_by(sorted(wanted)) & HEAVY


def test_every_file_states_its_purpose_in_its_first_line() -> None:
    first = {shown(path): path.read_text(encoding="utf-8").partition("\n")[0] for path in FILES}
    assert not {path: line for path, line in first.items() if not line.startswith('"""') or len(line) <= 20}

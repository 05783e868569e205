"""The recipes of docs/architecture.md: the files they name exist, and following the one for a loss gives a loss that trains."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import PROJECT, environment

ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
RECIPES = ARCHITECTURE.partition("## Where each kind of change goes")[2]


def recipe(title: str) -> str:
    """Return the steps under a heading."""
    return RECIPES.partition(f"### {title}\n")[2].partition("\n### ")[0]


def files_of(text: str) -> list[str]:
    """Return the files that a text names by path."""
    return re.findall(r"`((?:gan|pages|tests|docs)/[\w/]+\.\w+)`", text)


@pytest.mark.parametrize("kind", ["loss", "network family", "data set", "score", "file format", "verdict", "page", "command"])
def test_each_kind_of_change_has_a_recipe_of_files_that_exist(kind: str) -> None:
    named = [name for name in files_of(recipe(f"A {kind}")) if not re.search(r"/[A-Z]+\.", name)]  # NAME stands for a new file
    assert named
    assert [name for name in named if not (PROJECT / name).is_file()] == []


def test_every_file_of_the_tree_is_named() -> None:
    tables = ARCHITECTURE.partition("## Where each kind of change goes")[0]
    for path in (PROJECT / "gan").rglob("*.py"):
        folder = path.parent.name if path.parent.name in ("doctor", "metrics", "extractors", "rendered") else ""
        assert path.stem == "__init__" or f"`{path.name}`" in tables or (folder and f"{folder}/`" in tables), path


def test_following_the_recipe_for_a_loss_gives_a_loss_that_trains(tmp_path: Path) -> None:
    """Add a squared hinge loss only in the files named by the recipe; the contract tests then cover it."""
    first, second, third, *_ = files_of(recipe("A loss"))
    for folder in ("gan", "tests"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "written_by_*", "pages"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)

    def change(name: str, before: str, after: str) -> None:
        path = tmp_path / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, (name, before)
        path.write_text(text.replace(before, after), encoding="utf-8")

    change(
        first,
        "LOSSES: dict[str, Loss] = {",
        '''def squared_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: E max(0, 1 − D(x))² + E max(0, 1 + D(G(z)))², ≥ 0; 2 at D = 0."""
    return relu(1 - real).square().mean() + relu(1 + fake).square().mean()


LOSSES: dict[str, Loss] = {
    "squared-hinge": Loss(squared_hinge, raise_score),''',
    )
    change(second, '"wasserstein", "relativistic"]', '"wasserstein", "relativistic", "squared-hinge"]')
    change(
        third,
        "LOSSES: dict[str, LossFacts] = {",
        r"""LOSSES: dict[str, LossFacts] = {
    "squared-hinge": LossFacts(
        "Squared hinge", r"\mathbb{E}\max(0, 1-D(x))^2 + \mathbb{E}\max(0, 1+D(G(z)))^2", r"-\mathbb{E}D(G(z))",
        "Discriminator loss ≥ 0, generator loss of either sign, unbounded.",
        "D is 2 when the discriminator guesses.", "a test", guess=2.0,
    ),""",
    )
    change(
        "tests/objective/test_losses.py",
        '    "wasserstein": (lambda',
        """    "squared-hinge": (
        lambda r, f: mean([max(0.0, 1 - a) ** 2 for a in r]) + mean([max(0.0, 1 + b) ** 2 for b in f]),
        lambda r, f: -mean(f),
    ),
    "wasserstein": (lambda""",
    )

    (tmp_path / "tests" / "objective" / "test_new_loss.py").write_text(
        "from gan.commands.main import main\n\n"
        "def test_squared_hinge_trains(root, capsys):\n"
        '    assert main(["train", "--set", "objective.loss=squared-hinge", "--steps", "2", "--root", str(root)]) == 0\n'
        '    assert "Finished 2 steps" in capsys.readouterr().out\n'
    )
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-k", "squared or every_loss"]
    files = [f"tests/objective/{name}.py" for name in ("test_losses", "test_new_loss")]
    found = subprocess.run(
        [*command, *files], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240, check=False
    )
    assert found.returncode == 0, found.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", found.stdout)[-1]) >= 5, found.stdout

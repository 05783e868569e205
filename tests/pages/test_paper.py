"""The downloads of the preset "paper" fit a page, as text and as LaTeX sets them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gan.runs import Run
from pages.parts.evaluation import board, listing, texts
from tests.helpers import make_run
from tests.report.conftest import LINE, scored


def of_variants(chosen: list[Run]) -> board.Selection:
    """Return the selection with a row for each variant of scored runs."""
    whole = board.board(tuple(chosen), LINE["extractor_id"], "last", tuple(map(board.stamp, chosen)))
    return board.select(whole, "", (), (), board.SEEDS)


def long_named(root: Path) -> list[Run]:
    """Return runs of eight variants with three seeds each, that differ in many settings and have long names."""
    no_norm = {"networks.discriminator_norm": "none"}
    variants: dict[str, dict[str, Any]] = {
        "Baseline of the study, batch norm in both networks": {},
        "Two time scales: D learns four times as fast as G": {"optimizer.discriminator_lr": 8e-4},
        "R3GAN's objective, R1 & R2": {"objective.loss": "relativistic", "objective.r1": 0.1, "objective.r2": 0.1} | no_norm,
        "Wasserstein_GP": {
            "objective.loss": "wasserstein",
            "objective.gradient_penalty": 10,
            "networks.discriminator_norm": "none",
        },
        "Hinge loss, 100% of the data": {"objective.loss": "hinge"},
        "Label smoothing of a tenth": {"objective.label_smoothing": 0.1},
        "Wider networks (twice as many filters)": {"networks.width": 8},
        "z 16": {"networks.latent": 16},
    }
    found = []
    for place, (name, changes) in enumerate(variants.items()):
        for seed in range(3):
            found.append(make_run(root, changes | {"training.seed": seed}, name=name))
            scored(found[-1], fid=9.0 + 10 * place + seed)
    return found


def test_paper_fits_a_page_with_many_settings_and_long_names(root: Path) -> None:
    selection = of_variants(long_named(root))
    assert len(selection.board.settings) >= 9
    sheet = listing.sheet_of(selection, selection.paper)
    assert [head[0] for head in sheet.heads] == ["Run", "FID ↓", "IS ↑", "Precision ↑", "Recall ↑"]
    names = [row[0].replace(texts.NO_BREAK, " ") for row in sheet.rows]
    assert names[1:4] == [
        "Baseline of the study, batch norm in both networks",
        "Two time scales: D learns four times as fast as G (lr_D 8e-4)",
        "R3GAN's objective, R1 & R2 (norm_D none, relativistic, R1 0.1, R2 0.1)",
    ]
    assert names[-1] == "z 16", "not twice"
    assert "Unless a row says otherwise: latent size 8, width 4," in sheet.caption and "loss non-saturating" in sheet.caption
    tex = texts.latex(sheet)
    assert r"\begin{tabularx}{\linewidth}{>{\raggedright\arraybackslash}Xrrrr}" in tex and "(lr\\_D~8e-4)" in tex
    own = listing.sheet_of(selection, selection.paper[:-1])
    assert "Loss" in [head[0] for head in own.heads], "own choices of columns stay as they are"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
@pytest.mark.parametrize("runs", [6, 24])
def test_latex_compiles_and_stays_within_the_text(root: Path, tmp_path: Path, runs: int) -> None:
    selection = of_variants(long_named(root)[:runs])
    tex = texts.latex(listing.sheet_of(selection, selection.paper))
    start = r"\documentclass[11pt,a4paper]{article}\usepackage{booktabs,tabularx}\begin{document}"
    (tmp_path / "paper.tex").write_text(f"{start}\n{tex}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Overfull" not in done.stdout, done.stdout
    assert "(1 page" in done.stdout

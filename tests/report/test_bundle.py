"""The ZIP file of a report: its contents, one sentence per problem with a run, and targets that cannot be written."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gan import report, runs
from gan.report import album, bundle, contents
from gan.report import page as pages
from gan.runs import Run
from tests.helpers import assert_one_sentence, is_sentence, make_run, mount, run_gan, unmount
from tests.report.conftest import NASTY, PATIENCE


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return packed.namelist()


def test_command_writes_complete_zip(pair: tuple[Run, Run], tmp_path: Path) -> None:
    run, fork = pair
    out = tmp_path / "r.zip"
    done = run_gan("report", run.id, fork.id, run.id, "--out", out, "--with-generators", root=run.root, seconds=PATIENCE)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{out}\n")
    found = names(out.read_bytes())
    assert len(found) == len(set(found))
    for one in pair:
        assert {f"runs/{one.id}/{name}" for name in ("config.json", "scores.jsonl", "generator.safetensors", "sample.py")} <= {
            *found
        }
        assert sum(name.startswith(f"images/{one.id}-0") for name in found) == min(10, len(one.samples()))
    assert {name.partition("/")[0] for name in found} == {"report.html", "report.md", "images", "runs"}
    with zipfile.ZipFile(out) as packed:
        page, text = (packed.read(name).decode() for name in ("report.html", "report.md"))
    for part in ("9.07", "± 0.18", "Mode collapse", "python -m gan train --preset", "arXiv:1706.08500", "with torch 2"):
        assert part in page and part in text, part


def damage(run: Run, what: str) -> None:
    if what == "scores":
        run.scores_path.unlink()
    elif what == "no samples":
        for path in run.samples().values():
            path.unlink()
    elif what == "bad samples":
        for number, path in enumerate(run.samples().values()):
            path.write_bytes([b"GIF89a", b"", path.read_bytes()[:100], b"<svg onload='x'/>"][number % 4])
    elif what == "config":
        run.config_path.write_text('{"networks": [')
    elif what == "metrics":
        run.metrics_path.write_bytes(b"\0\xff\n{}\n")
    else:
        for path in (run.config_path, run.status_path, run.scores_path, run.metrics_path):
            path.write_bytes(b"\0")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("scores", "not been scored"),
        ("no samples", "no samples yet"),
        ("bad samples", "sample grids cannot be read"),
        ("config", "config.json cannot be read"),
        ("metrics", "no curves"),
        ("all", "not been scored"),
    ],
)
def test_damaged_run_is_reported_with_a_sentence(what: str, told: str, pair: tuple[Run, Run]) -> None:
    run, fork = pair
    damage(run, what)
    found = contents.gather([run, fork])
    assert any(told in sentence for sentence in found.complaints)
    assert all(is_sentence(sentence.removeprefix(f"{NASTY}: ") + ".") for sentence in found.complaints)
    with zipfile.ZipFile(io.BytesIO(bundle.pack(found))) as packed:
        assert told in packed.read("report.html").decode() and "onload" not in packed.read("report.html").decode()
        assert fork.id in packed.read("report.html").decode()


def test_run_that_has_not_started_can_be_reported(root: Path) -> None:
    found = contents.gather([make_run(root)])
    assert len(found.complaints) == 3
    assert "report.html" in names(bundle.pack(found))


def test_many_runs_stay_small(pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour noise is the worst case for PNG; one run gets a twelfth of the budget, as in a report of 12 runs."""
    run, _ = pair
    noise = Image.effect_noise((526, 526), 100)
    picture = Image.merge("RGB", [noise, noise.transpose(Image.Transpose.ROTATE_90), noise.transpose(Image.Transpose.ROTATE_180)])
    for path in [*run.samples().values(), run.reals_path]:
        picture.save(path)
    monkeypatch.setattr(album, "_VALUES", album._VALUES // 12)
    page = pages.write(contents.gather([run]))
    assert page.count("data:image/png") >= 14 and len(page) * 12 < 12e6


def refuse(pair: tuple[Run, Run], out: Path) -> str:
    run, _ = pair
    return assert_one_sentence(run_gan("report", run.id, "--out", out, root=run.root, seconds=PATIENCE))


@pytest.mark.parametrize(
    ("where", "told"),
    [("no/such/folder/r.zip", "No such file"), ("r.html", "does not end in .zip"), ("folder.zip", "directory")],
)
def test_target_that_cannot_be_written(where: str, told: str, pair: tuple[Run, Run], tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert told in refuse(pair, tmp_path / where)
    assert sorted(tmp_path.rglob("*")) == before


def test_target_inside_a_run_folder_is_refused(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    assert "inside a run folder" in refuse(pair, run.samples_path / "r.zip")


def test_full_disk_keeps_the_old_report(pair: tuple[Run, Run], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=16k")
    try:
        out = disk / "r.zip"
        out.write_bytes(b"old")
        assert "disk is full" in refuse(pair, out)
        assert out.read_bytes() == b"old" and [path.name for path in disk.iterdir()] == ["r.zip"]
    finally:
        unmount(disk)


def test_unknown_run(pair: tuple[Run, Run], tmp_path: Path) -> None:
    run, _ = pair
    done = run_gan("report", run.id, "20200101-000000-abcdef", "--out", tmp_path / "r.zip", root=run.root, seconds=PATIENCE)
    assert "There is no run" in assert_one_sentence(done) and not (tmp_path / "r.zip").exists()


def test_report_needs_no_torch() -> None:
    from tests.test_walls import HEAVY, SHOWING, loaded_by

    modules = sorted(f"gan.report.{path.stem}" for path in Path(report.__file__).parent.glob("*.py") if path.stem != "__init__")
    assert not loaded_by(modules) & (HEAVY | SHOWING)


def test_runs_with_the_same_name_get_distinct_names(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    fork.rename(NASTY)
    found: Any = {entry.name for entry in contents.gather([run, fork]).entries}
    assert len(found) == 2


def test_running_run_can_be_reported(root: Path) -> None:
    run = make_run(root)
    held = run.hold()
    assert len(report.as_zip([run])) > 1000
    held.release()
    assert runs.list_runs(root) == [run]

"""A report as one ZIP: HTML page, Markdown with pictures, and the configuration and scores of each run."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gan.errors import InputError, explained, shown
from gan.report import contents, generators, notes, page
from gan.report.contents import Report
from gan.runs import Run
from gan.storage import files as file_system

_PACKED = {".png", ".safetensors"}  # already compressed


def as_zip(chosen: Sequence[Run], *, with_generators: bool = False) -> bytes:
    """Return a report on the chosen runs as a ZIP; see :func:`pack`."""
    return pack(contents.gather(chosen), with_generators=with_generators)


def pack(report: Report, *, with_generators: bool = False) -> bytes:
    """Return a report as a ZIP of its :func:`files`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        add(archive, files(report, with_generators=with_generators))
    return packed.getvalue()


def files(report: Report, *, with_generators: bool = False) -> dict[str, bytes]:
    """Return the files of a report: ``report.html``, ``report.md``, ``images/``; per run config, changes and scores in ``runs/``.

    ``with_generators`` adds each generator with a script to sample from it. Raises InputError if a run has no generator.
    """
    text, pictures = notes.write(report)
    found: dict[str, bytes] = {"report.html": _encoded(page.write(report)), "report.md": _encoded(text), **pictures}
    for entry in report.entries:
        for path in (entry.run.config_path, entry.run.changes_path, entry.run.scores_path):
            with contextlib.suppress(OSError):  # missing files are reported as complaints, except changes, of which most have none
                found[f"runs/{entry.run.id}/{path.name}"] = path.read_bytes()
        if with_generators:
            found[f"runs/{entry.run.id}/generator.safetensors"] = generators.export(entry.run)
            found[f"runs/{entry.run.id}/sample.py"] = generators.SCRIPT.encode()
    return found


def add(archive: zipfile.ZipFile, named: Mapping[str, bytes], folder: str = "") -> None:
    """Add files by name to a ZIP, in a folder such as "Ann/"; what is compressed already is stored as it is."""
    for name, content in named.items():
        kind = zipfile.ZIP_STORED if Path(name).suffix in _PACKED else zipfile.ZIP_DEFLATED
        archive.writestr(f"{folder}{name}", content, compress_type=kind)


def write(chosen: Sequence[Run], out: Path, *, with_generators: bool = False) -> Report:
    """Write a report on the chosen runs to the ZIP file ``out`` and return it; on failure, an existing file stays unchanged."""
    report = contents.gather(chosen)
    content = pack(report, with_generators=with_generators)
    with explained("writing the report"):
        file_system.write_atomically(out, content)
    return report


def checked_target(out: Path, root: Path, suffix: str) -> Path:
    """Return ``out`` as an absolute path. Raises InputError if its suffix is wrong or it lies inside a run folder."""
    out = out.expanduser().absolute()
    if out.suffix.lower() != suffix:
        raise InputError(f"The file “{shown(out.name)}” does not end in {suffix}; add {suffix} to its name.")
    place, folder = out.resolve(), root.resolve()
    if place.is_relative_to(folder) and len(place.relative_to(folder).parts) > 1:
        raise InputError(f"{out} is inside a run folder, which is reserved for the program; choose another folder.")
    return out


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")

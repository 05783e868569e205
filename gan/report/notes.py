"""A report as Markdown, as GitHub and pandoc read it, with its pictures as files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gan.report.album import Picture
from gan.report.contents import Entry, Report
from gan.report.table import Table
from gan.scoring.glossary import BETTER

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#|~$&!:@^])")


def write(report: Report) -> tuple[str, dict[str, bytes]]:
    """Return the text, and the files that it shows by their paths beside it."""
    files: dict[str, bytes] = {}
    return "\n".join(_blocks(report, files)) + "\n", files


def escape(text: str) -> str:
    """Return free text on one line so that Markdown shows it letter by letter."""
    return _MARKUP.sub(r"\\\1", " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split()))


def _blocks(report: Report, files: dict[str, bytes]) -> Iterator[str]:
    yield f"# GAN report\n\nMade on {report.made} with GAN Duel. The same report with everything in one file is report.html.\n"
    yield "## Results\n"
    for table in report.tables:
        yield _results(table, report, files)
    yield from (f"- {escape(sentence)}" for sentence in report.complaints)
    if report.complaints:
        yield ""
    for number, (title, drawn) in enumerate(report.curves.items(), 1):
        yield f"### {escape(title)}\n\n{_file(files, f'fid-{number}.svg', drawn, title)}\n"
    for entry in report.entries:
        yield from _run(entry, files)
    if report.definitions:
        yield "## What the scores mean\n"
    for score in report.definitions:
        yield f"- **{score.title}**: `{score.formula}`, {score.range}; {BETTER[score.better]}. {score.meaning} {score.source}."
    yield "\n## Versions and machine\n"
    yield _facts(report.machine)


def _results(table: Table, report: Report, files: dict[str, bytes]) -> str:
    by_id = {entry.run.id: entry for entry in report.entries}
    rows = [["Samples", "Variant", *(escape(table.title(key)) for key in table.figures), "Verdict"]]
    for row in table.rows:
        entry = by_id[row.run.id] if row.run else None
        cells = [f"**{row.text(key)}**" if key in row.best else row.text(key) for key in table.figures]
        if entry is None:
            rows.append(["", escape(row.name), *cells, ""])
            continue
        settings = ", ".join(f"{title}: {value}" for title, value in table.variants[entry.run.id].items())
        verdicts = ", ".join([*([] if entry.faults else ["no fault found"]), *(verdict.title for verdict in entry.verdicts)])
        newest = entry.album.newest
        shown = _picture(files, entry, "samples", newest[1], "samples") if newest else ""
        name = f"**{escape(entry.name)}**" + (f" ({escape(settings)})" if settings else "")
        rows.append([shown, name, *cells, escape(verdicts)])
    line = table.line
    about = (
        f"{line['draws']} × {line['images']:,} images against {line['real_images']:,} of {line['data']}, {line['weights']} weights"
    )
    best = ", best checkpoints" if line.get("checkpoint") == "best" else ""
    return f"{escape(about + best)}\n\n{_table(rows)}"


def _run(entry: Entry, files: dict[str, bytes]) -> Iterator[str]:
    yield f"## {escape(entry.name)}\n\n{escape(entry.progress)}. {escape(entry.origin)}\n"
    for verdict in entry.verdicts:
        yield f"- **{escape(verdict.title)}**: {escape(verdict.sentence)} {escape(verdict.remedy)}"
    yield ""
    if entry.album.reals:
        yield f"Real images:\n\n{_picture(files, entry, 'reals', entry.album.reals, 'real images')}\n"
    for title, strip in (("First", entry.album.first), ("Last", entry.album.last)):
        if strip:
            shown = [_picture(files, entry, f"{step:08d}", picture, f"step {step}") for step, picture in strip]
            yield f"{title} snapshots:\n\n{_table([[f'step {step:,}' for step, _ in strip], shown])}"
    for number, (title, drawn) in enumerate(entry.curves.items(), 1):
        yield f"{_file(files, f'{entry.run.id}-curve-{number}.svg', drawn, title)}\n"
    if entry.recipe:
        yield f"How to make it again:\n\n{_code([*entry.recipe.commands, *entry.scoring])}"
        yield from (f"- {escape(note)}" for note in entry.recipe.notes)
        yield f"\nPreset: {escape(entry.preset)}. Settings that are not the preset's:\n"
        yield _facts(entry.changed) if entry.changed else "None.\n"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table, its first row as the head; cells are Markdown already."""
    written = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in written)


def _facts(facts: Mapping[str, str]) -> str:
    return _table([["", ""], *([escape(title), escape(value)] for title, value in facts.items())])


def _code(commands: Sequence[str]) -> str:
    """Return commands as a block, fenced by more backticks than there are in them."""
    text = "\n".join(commands)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}bash\n{text}\n{fence}\n"


def _picture(files: dict[str, bytes], entry: Entry, name: str, picture: Picture, text: str) -> str:
    return _file(files, f"{entry.run.id}-{name}.png", picture.content, text)


def _file(files: dict[str, bytes], name: str, content: bytes | str, text: str) -> str:
    path = f"images/{name}"
    files[path] = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return f"![{escape(text)}]({path})"

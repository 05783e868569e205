"""A report as Markdown for GitHub and pandoc, with its pictures as separate files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gan.judging import lines
from gan.judging.glossary import BETTER
from gan.report.album import Picture
from gan.report.contents import Entry, Report, badges
from gan.report.table import Table
from gan.words import escape


def write(report: Report) -> tuple[str, dict[str, bytes]]:
    """Return the text and its picture files by relative path."""
    files: dict[str, bytes] = {}
    return "\n".join(_blocks(report, files)) + "\n", files


def _blocks(report: Report, files: dict[str, bytes]) -> Iterator[str]:
    yield f"# GAN report\n\nMade on {report.made} with GAN Duel. report.html is the same report in a single file.\n"
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
        cells = [f"**{row.text(key)}**" if key in row.best else row.text(key) for key in table.figures]
        entries = [by_id[run.id] for run in row.runs]
        if not entries:
            rows.append(["", escape(row.name), *cells, ""])
            continue
        newest = entries[0].album.newest
        shown = _picture(files, entries[0], "samples", newest[1], "samples") if newest else ""
        settings = [f"{title}: {value}" for title, value in table.settings[row.runs[0].id].items()]
        seeds = f"seed{'s' * (len(row.seeds) > 1)} {', '.join(row.seeds)}"
        about = ", ".join([*settings, seeds, *([row.when] if row.when else [])])
        rows.append([shown, f"**{escape(row.name)}** ({escape(about)})", *cells, escape(", ".join(badges(entries, row.lines)))])
    parts = [f"### {escape(table.heading)}\n", f"{escape(table.about)}\n", _table(rows)]
    if any(row.best for row in table.rows):
        parts.append(f"Bold: {table.bold}.\n")
    if table.line and (caution := lines.caution(table.line)):
        parts.append(f"{escape(caution)}\n")
    if table.told:
        parts.append("".join(f"- {escape(sentence)}\n" for sentence in table.told))
    return "\n".join(parts)


def _run(entry: Entry, files: dict[str, bytes]) -> Iterator[str]:
    yield f"## {escape(entry.name)}\n\n{escape(entry.progress)}. {escape(entry.origin)}\n"
    yield from (f"- {escape(sentence)}" for sentence in entry.made)
    if entry.made:
        yield ""
    if entry.line and entry.summary:
        yield f"- {escape(entry.summary)}"
    for verdict in entry.verdicts:
        yield f"- **{escape(verdict.title)}**: {escape(verdict.sentence)} {escape(verdict.remedy)}"
    yield ""
    for name in dict.fromkeys(verdict.evidence for verdict in entry.verdicts if verdict.evidence in entry.evidence):
        yield f"{_file(files, f'{entry.run.id}-{name}.svg', entry.evidence[name], f'{name} of generated and real images')}\n"
    if entry.album.reals:
        yield f"Real images:\n\n{_picture(files, entry, 'reals', entry.album.reals, 'real images')}\n"
    for title, strip in (("First", entry.album.first), ("Last", entry.album.last)):
        if strip:
            shown = [_picture(files, entry, f"{step:08d}", picture, f"step {step}") for step, picture in strip]
            yield f"{title} snapshots:\n\n{_table([[f'step {step:,}' for step, _ in strip], shown])}"
    for number, (title, drawn) in enumerate(entry.curves.items(), 1):
        yield f"{_file(files, f'{entry.run.id}-curve-{number}.svg', drawn, title)}\n"
    if entry.recipe:
        yield f"Commands to reproduce this run:\n\n{_code([*entry.recipe.commands, *entry.scoring])}"
        yield from (f"- {escape(note)}" for note in entry.recipe.notes)
        yield f"\nPreset: {escape(entry.preset)}. Settings that differ from the preset:\n"
        yield _facts(entry.changed) if entry.changed else "None.\n"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table with the first row as its header; cells must already be Markdown."""
    written = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in written)


def _facts(facts: Mapping[str, str]) -> str:
    return _table([["", ""], *([escape(title), escape(value)] for title, value in facts.items())])


def _code(commands: Sequence[str]) -> str:
    """Return commands as a fenced block, with more backticks in the fence than in any command."""
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

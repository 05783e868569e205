"""A report as one self-contained HTML page with embedded pictures and style, and without scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources

from gan.judging import lines
from gan.judging.comparison import SOUND
from gan.judging.glossary import BETTER, SCORES
from gan.report.album import Picture
from gan.report.contents import Entry, Report, badges
from gan.report.markup import Html, join, tag
from gan.report.table import Row, Table

#: Blocks external resources and scripts, in case unescaped markup ever gets into the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_ICON = "data:,"


def write(report: Report) -> str:
    """Return the complete page."""
    style = resources.files("gan.report").joinpath("style.css").read_text(encoding="utf-8")
    count = len(report.entries)
    title = report.entries[0].name if count == 1 else f"{count} runs compared"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"GAN report: {title}"),
        tag("link", rel="icon", href=_ICON),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        tag("header", tag("p", "GAN report", class_="kicker"), tag("h1", title), tag("p", f"Made on {report.made} with GAN Duel.")),
        tag("main", *_sections(report)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(report: Report) -> Iterable[Html]:
    yield _results(report)
    if report.curves:
        charts = [_chart(title, drawn) for title, drawn in report.curves.items()]
        yield tag("section", tag("h2", "FID during training"), tag("div", *charts, class_="wide"), id="fid")
    for entry in report.entries:
        yield _run(entry)
    if report.definitions:
        yield _definitions(report)
    yield tag(
        "section",
        tag("h2", "Versions and machine"),
        _facts(report.machine),
        tag("p", "Versions used to make this report. Each run lists what it was trained with.", class_="small"),
        id="machine",
    )


def _results(report: Report) -> Html:
    by_id = {entry.run.id: entry for entry in report.entries}
    parts: list[Html] = []
    if sum(table.line is not None for table in report.tables) > 1:
        parts.append(
            tag("p", "Scores in different tables were measured differently and cannot be ranked against each other.", class_="note")
        )
    for table in report.tables:
        parts.append(tag("h3", table.heading))
        if table.about:
            parts.append(tag("p", table.about, class_="small"))
        parts.append(_main_table(table, by_id))
        if any(row.best for row in table.rows):
            parts.append(tag("p", f"Bold: {table.bold}.", class_="small"))
        if table.told:
            parts.append(tag("ul", *(tag("li", sentence) for sentence in table.told), class_="told"))
        if table.line and (caution := lines.caution(table.line)):
            parts.append(tag("p", caution, class_="note"))
        if others := [key for key in table.figures if key not in table.main]:
            parts.append(_figures(table, others))
    return tag("section", tag("h2", "Results"), *parts, id="results")


def _main_table(table: Table, by_id: Mapping[str, Entry]) -> Html:
    head = tag("tr", tag("th", "Samples"), tag("th", "Variant"), *(_head(table, key) for key in table.main), tag("th", "Verdict"))
    body = []
    for row in table.rows:
        entries = [by_id[run.id] for run in row.runs]
        cells = [tag("td", _figure_cell(table, row, key)) for key in table.main]
        if not entries:
            albums = (by_id[run.id].album for other in table.rows for run in other.runs)
            reals = next((album.some_reals for album in albums if album.some_reals), None)
            name = join(tag("strong", row.name), tag("div", "floor", class_="small"))
            body.append(tag("tr", tag("td", _image(reals, "real images")), tag("td", name), *cells, tag("td"), class_="floor"))
            continue
        name = tag("strong", _link(entries[0], row.name))
        variant = join(name, _variant(table.settings[row.runs[0].id]), tag("div", _seeds(row, entries), class_="small"))
        picture = tag("td", _image(entries[0].album.small, f"samples of {entries[0].name}"))
        body.append(tag("tr", picture, tag("td", variant), *cells, tag("td", *_badges(entries, row))))
    return _scrolling(tag("table", tag("thead", head), tag("tbody", *body), class_="main"))


def _seeds(row: Row, entries: Sequence[Entry]) -> Html:
    """Return the seeds of a row, linked if there are several, and the epoch and step of its scores."""
    if len(entries) == 1:
        told = [f"seed {row.seeds[0]}"]
    else:
        told = [f"{len(entries)} seeds: ", _link(entries[0], row.seeds[0])]
        for seed, entry in zip(row.seeds[1:], entries[1:], strict=True):
            told += [", ", _link(entry, seed)]
    return join(*told, tag("div", row.when) if row.when else None)


def _figures(table: Table, keys: Sequence[str]) -> Html:
    head = tag("tr", tag("th", "Variant"), *(_head(table, key) for key in keys))
    rows = (
        tag(
            "tr",
            tag("td", row.name, class_="name"),
            *(tag("td", _figure_cell(table, row, key)) for key in keys),
            class_=None if row.runs else "floor",
        )
        for row in table.rows
    )
    return _scrolling(tag("table", tag("thead", head), tag("tbody", *rows), class_="figures"))


def _head(table: Table, key: str) -> Html:
    arrow = {1: " ↑", -1: " ↓", 0: ""}[SCORES[key].better]
    return tag("th", tag("a", f"{table.title(key)}{arrow}", href=f"#score-{key}", title=BETTER[SCORES[key].better]))


def _figure_cell(table: Table, row: Row, key: str) -> Html:
    value, plus, spread = row.text(key).partition(" ± ")
    shown = tag("b", value, title=table.bold) if key in row.best else tag("span", value)
    return join(shown, tag("span", f" ± {spread}", class_="spread") if plus else None)


def _variant(settings: Mapping[str, str]) -> Html | None:
    if not settings:
        return None
    return tag(
        "div", *(tag("span", f"{title} ", tag("b", value), class_="setting") for title, value in settings.items()), class_="variant"
    )


def _badges(entries: Sequence[Entry], row: Row) -> list[Html]:
    return [_badge(text, kind) for text, kind in badges(entries, row.lines).items()]


def _badge(text: str, kind: str) -> Html:
    return tag("span", text, class_=f"badge {kind}")


def _run(entry: Entry) -> Html:
    album = entry.album
    parts = [tag("h2", entry.name), tag("p", entry.progress, ".", class_="small")]
    if entry.origin:
        parts.append(tag("p", entry.origin, class_="small"))
    parts += [tag("p", sentence, class_="small") for sentence in entry.made]
    parts += [tag("p", sentence, class_="note") for sentence in entry.complaints]
    parts.append(_verdicts(entry))
    if album.newest:
        step, picture = album.newest
        pair = [_captioned(picture, f"Samples at step {step:,}", f"samples of {entry.name}")]
        if album.reals:
            pair.append(_captioned(album.reals, "Real images", "real images"))
        parts.append(tag("div", *pair, class_="pair"))
    if album.last:
        for title, strip in (("First snapshots", album.first), ("Last snapshots", album.last)):
            pictures = (_captioned(picture, f"step {step:,}", f"samples at step {step:,}") for step, picture in strip)
            parts.append(tag("div", tag("h3", title), tag("div", *pictures, class_="strip"), class_="whole"))
    if entry.curves:
        charts = [_chart(title, drawn) for title, drawn in entry.curves.items()]
        parts.append(tag("div", *charts, class_="charts"))
    if entry.recipe:
        parts.append(_again(entry))
    if entry.settings:
        parts.append(_configuration(entry))
    return tag("section", *parts, id=entry.run.id, class_="run")


def _verdicts(entry: Entry) -> Html:
    kind = "good" if entry.summary == SOUND else "unknown"
    summary = tag("p", _badge(entry.summary, kind)) if entry.line and entry.summary else None
    items, seen = [], set()
    for verdict in entry.verdicts:
        drawn = None if verdict.evidence in seen else entry.evidence.get(verdict.evidence)
        seen.add(verdict.evidence)
        told = [verdict.sentence, " ", tag("em", verdict.remedy), tag("div", Html(drawn), class_="evidence") if drawn else None]
        items.append(tag("div", tag("dt", _badge(verdict.title, verdict.kind)), tag("dd", *told)))
    return join(summary, tag("dl", *items, class_="verdicts") if items else None)


def _again(entry: Entry) -> Html:
    assert entry.recipe is not None
    commands = "\n".join((*entry.recipe.commands, *entry.scoring))
    notes = (tag("p", note, class_="small") for note in entry.recipe.notes)
    return tag("div", tag("h3", "Commands to reproduce this run"), tag("pre", tag("code", commands)), *notes, class_="whole")


def _configuration(entry: Entry) -> Html:
    changed = _facts(entry.changed) if entry.changed else tag("p", "All settings equal those of the preset.")
    every = tag("details", tag("summary", f"All {len(entry.settings)} settings"), _facts(entry.settings))
    return join(
        tag("div", tag("h3", "Configuration"), tag("p", f"Preset: {entry.preset}.", class_="small"), changed, class_="whole"), every
    )


def _definitions(report: Report) -> Html:
    items = []
    for score in report.definitions:
        facts = f"{score.range}; {BETTER[score.better]}. {score.source}."
        title = tag("dt", score.title, " ", tag("code", score.formula), id=f"score-{score.key}")
        items.append(tag("div", title, tag("dd", score.meaning, tag("div", facts[:1].upper() + facts[1:], class_="small"))))
    about = (
        "Scores of a single run: mean ± sample standard deviation over independent draws of images. Scores of runs that differ "
        "only in their seed: mean ± sample standard deviation over these runs. g and r are the feature vectors of N generated and "
        "N real images. A bold score is clearly the best of its table: better than every other by more than the seeds "
        "explain or, without a second seed, by more than both spreads over draws."
    )
    return tag("section", tag("h2", "What the scores mean"), tag("p", about), tag("dl", *items, class_="definitions"), id="scores")


def _facts(facts: Mapping[str, str]) -> Html:
    items = (tag("div", tag("dt", title), tag("dd", value)) for title, value in facts.items())
    return tag("dl", *items, class_="facts")


def _chart(title: str, drawn: str) -> Html:
    return tag("figure", tag("figcaption", title), Html(drawn), class_="chart")


def _captioned(picture: Picture, caption: str, text: str) -> Html:
    return tag("figure", _image(picture, text), tag("figcaption", caption))


def _image(picture: Picture | None, text: str) -> Html | None:
    if picture is None:
        return None
    source = "data:image/png;base64," + base64.b64encode(picture.content).decode()
    return tag("img", src=source, width=picture.width, height=picture.height, alt=text)


def _link(entry: Entry, text: str) -> Html:
    return tag("a", text, href=f"#{entry.run.id}")


def _scrolling(table: Html) -> Html:
    return tag("div", table, class_="scroll", tabindex=0)

"""The ``guest``, ``guests`` and ``compare-sets`` commands: pictures made elsewhere, and any two sets of pictures."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gan import runs, words
from gan.access import people
from gan.catalogue import data_sets
from gan.commands.arguments import Parser, print_rows
from gan.commands.progress_bar import ProgressBar
from gan.config.data import SIZES
from gan.errors import InputError, explained, shown
from gan.execution import requests
from gan.guests import guest as guests
from gan.guests import importer, networks, reading
from gan.guests.guest import Guest
from gan.judging import conditions, lines
from gan.judging.request import EXTRACTORS, Plan
from gan.machine import usual_threads
from gan.storage import files
from gan.storage.jobs import Progress, Report

_MOST_DRAWN, _MOST_BYTES = 50_000, 2 << 30  # pictures of a generator, and their pixels


def add(command: Callable[..., Parser]) -> None:
    """Add the commands to the command line."""
    guest = command("guest", "Import pictures made elsewhere as a guest, and score them beside the runs.", bring, has_json=True)
    guest.add_argument(
        "path", type=Path, metavar="PATH", help="a folder, a ZIP, a .npz or .npy file, a contact sheet, or a generator"
    )
    guest.add_argument(
        "--discriminator", type=Path, metavar="FILE", help="of a generator: the discriminator trained with it, to train both on"
    )
    guest.add_argument("--data", required=True, metavar="NAME", help="data set that it imitates, and is scored against")
    guest.add_argument("--name", required=True, metavar="NAME", help="such as “Keras, epoch 500”")
    guest.add_argument("--note", default="", metavar="TEXT", help="a note")
    guest.add_argument(
        "--size", type=int, choices=(0, *SIZES), default=0, metavar="PIXELS", help="default: nearest to the pictures' own"
    )
    guest.add_argument(
        "--folders",
        choices=reading.FOLDERS,
        default="auto",
        help="what numbered folders are: auto (default) decides by their names; epoch, step, or no: all pictures together",
    )
    guest.add_argument("--batch", type=int, default=0, metavar="N", help="images per step, to convert steps to images seen")
    guest.add_argument("--weights", choices=("raw", "EMA"), default="raw", help="whether its generator was averaged (default: raw)")
    _add_sheet(guest)
    _add_plan(guest)
    guest.add_argument("--no-score", action="store_true", help="only import; score later with: python -m gan score ID")
    for hidden in ("--quiet", "--consume"):
        guest.add_argument(hidden, action="store_true", help=argparse.SUPPRESS)
    for hidden in ("--source", "--discriminator-source"):
        guest.add_argument(hidden, default="", help=argparse.SUPPRESS)
    guest.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    guest.add_argument("--most", type=int, default=0, help=argparse.SUPPRESS)
    guest.add_argument("--owner", type=people.Person.model_validate_json, default=people.TEACHER, help=argparse.SUPPRESS)

    listing = command("guests", "List the guests, or move one to the trash.", look_after, has_json=True)
    listing.add_argument("action", nargs="?", choices=("list", "delete"), default="list", metavar="ACTION", help="list or delete")
    listing.add_argument("guest_id", nargs="?", default="", metavar="ID", help="with delete: the guest")

    sets = command(
        "compare-sets", "Compare two sets of pictures: FID, KID, precision and more, with intervals.", compare, has_json=True
    )
    for name in ("a", "b"):
        sets.add_argument(name, metavar=name.upper(), help="a data set, a folder, a ZIP, or a .npz or .npy file")
    sets.add_argument("--extractor", choices=EXTRACTORS[:-1], default="auto", metavar="NAME", help="as for “score”")
    sets.add_argument(
        "--resizing",
        choices=("original", "clean"),
        default="original",
        help="for Inception: as its TensorFlow code and torch-fidelity (default), or clean: antialiased, as clean-fid",
    )
    sets.add_argument("--size", type=int, choices=SIZES, default=32, metavar="PIXELS", help="of data sets (default: 32)")
    sets.add_argument("--most", type=int, default=10_000, metavar="N", help="pictures of each for all but FID (default: 10000)")
    sets.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    sets.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_sheet(parser: Parser) -> None:
    parser.add_argument("--sheets", action="store_true", help="every picture is a contact sheet (default: if it is the only one)")
    parser.add_argument("--rows", type=int, default=0, metavar="N", help="rows of a contact sheet (default: found by its gaps)")
    parser.add_argument("--columns", type=int, default=0, metavar="N", help="columns of a contact sheet")


def _add_plan(parser: Parser) -> None:
    parser.add_argument("--extractor", choices=EXTRACTORS[:-1], default="auto", metavar="NAME", help="as for “score”")
    parser.add_argument("--images", type=int, default=2000, metavar="N", help="pictures per draw (default: 2000)")
    parser.add_argument("--draws", type=int, default=3, metavar="K", help="disjoint draws (default: 3, or as many as there are)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")


def bring(options: argparse.Namespace) -> int:
    """Import a guest and score it, with progress for the terminal and for the page."""
    plan = Plan(options.extractor, options.images, options.draws, options.seed)
    sheet = reading.Sheet(options.rows, options.columns) if options.sheets or options.rows or options.columns else None
    wish = importer.Wish(
        options.name, options.data, options.size, options.note, options.weights, options.batch, options.most,
        reading.Options(options.folders, sheet),
    )  # fmt: skip
    try:
        with (
            people.acting(options.owner),
            ProgressBar(is_quiet=options.quiet or options.json) as bar,
            Progress(requests.guest_path(options.root), "The import", is_terminal=not options.consume) as progress,
        ):

            def tell(sentence: str, share: float) -> None:
                progress.report(sentence, share)
                bar.report(sentence, share)

            if not options.path.exists():
                raise InputError(
                    f"There is nothing at {shown(str(options.path), most=200)}; expected a folder or a file of pictures."
                )
            data_sets.find(options.data)
            with requests.import_turn(tell):
                with _pictures_of(options, wish, _part(tell, 0.0, 0.2)) as (pictures, source, keep):
                    try:
                        found = importer.bring(options.root, pictures, wish, _part(tell, 0.2, 0.4), source, keep)
                    except InputError as error:  # an upload has a random file name; show the one that it had
                        raise InputError(str(error).replace(pictures.name, shown(source))) from None
                line = None if options.no_score else _score(found, plan, _part(tell, 0.4, 1.0))
            progress.finish(found.id)
    finally:
        for upload in (options.path, options.discriminator) if options.consume else ():
            with contextlib.suppress(OSError, AttributeError):
                upload.unlink()
    if options.json:
        print(
            files.to_json(
                {"guest": found.id, "name": found.label(), **found.facts().model_dump(mode="json"), "score": line}, indent=1
            )
        )
    elif not options.quiet:
        _print(found, line)
    return 0


@contextlib.contextmanager
def _pictures_of(options: argparse.Namespace, wish: importer.Wish, report: Report) -> Iterator[tuple[Path, str, importer.Keep]]:
    """Yield the path and name of what is imported, and what keeps its networks.

    Imported is the file itself, or pictures drawn from it if it is a generator.
    """
    source = options.source or options.path.name
    from gan.networks import foreign

    if not foreign.is_generator(options.path):
        if options.discriminator:
            raise InputError(f"“{shown(source)}” is no generator, so it takes no --discriminator; leave it out.")
        yield options.path, source, lambda guest: None
        return
    import torch

    from gan.networks.foreign import keeping
    from gan.training import sampling

    torch.set_num_threads(usual_threads())
    generator = foreign.read(options.path, source)
    judge = None
    if options.discriminator:
        judge = options.discriminator, options.discriminator_source or options.discriminator.name
        with contextlib.suppress(foreign.Misfit):  # a file that cannot be read is refused before anything is drawn
            foreign.read_pair(generator, *judge)
    affordable = max(importer.FEWEST, _MOST_BYTES // math.prod(generator.shape))
    count = min(options.images * options.draws, options.most or _MOST_DRAWN, _MOST_DRAWN, affordable)
    with explained("drawing pictures"), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.npz"
        sampling.write(sampling.stream_foreign(generator, count, options.seed, options.seconds), path, report)
        yield path, source, lambda guest: keeping.keep(guest, options.path, generator, judge, wish)


def _part(report: Report, start: float, end: float) -> Report:
    return lambda sentence, share: report(sentence, start + (end - start) * share)


def _score(found: Guest, plan: Plan, report: Report) -> dict[str, Any]:
    import torch

    from gan.scoring.guests import score_guest

    torch.set_num_threads(usual_threads())
    try:
        return score_guest(found, plan, report)
    except InputError as error:
        raise InputError(f"The guest {found.id} was imported, but not scored: {error}") from error


def _print(found: Guest, line: dict[str, Any] | None) -> None:
    facts = found.facts()
    at = f" at {len(facts.places)} {facts.unit}s" if len(facts.places) > 1 else ""
    print(f"{words.count(facts.images, 'picture')}{at} imported as {found.id}, “{found.label()}”.")
    if facts.network:
        print(networks.describe(found, facts.network))
    if line is None:
        return
    from gan.judging import doctor

    print(lines.describe(line))
    for sentence in conditions.tell(line):
        print(f"    {sentence}")
    for verdict in doctor.diagnose(found, line, [], found.scores()):
        print(f"    {verdict.title}: {verdict.sentence}")


def look_after(options: argparse.Namespace) -> int:
    """List the guests, or move one to the trash."""
    if bool(options.guest_id) != (options.action == "delete"):
        wrong = "needs the id of a guest" if options.action == "delete" else "takes no guest"
        raise InputError(f"“guests {options.action}” {wrong}; see “python -m gan guests --help”.")
    if options.action == "delete":
        found = guests.find(options.root, options.guest_id)
        if not isinstance(found, Guest):
            raise InputError(f"{options.guest_id} is a run, not a guest; delete it on the Watch page.")
        label = found.label()  # its name moves with it
        runs.delete(found)
        sentence = f"“{label}” is in the trash; restore it with: python -m gan trash restore {found.id}"
        print(files.to_json({"deleted": found.id}, indent=1) if options.json else sentence)
        return 0
    rows = [_row(one) for one in guests.list_guests(options.root)]
    empty = "No guests yet; import pictures made elsewhere with: python -m gan guest PATH --data NAME --name NAME"
    print_rows(rows, lambda row: f"{row['id']}  {row['images']:>7}  {row['data']:<16}{row['name']}", empty, as_json=options.json)
    return 0


def _row(guest: Guest) -> dict[str, Any]:
    facts = {"images": 0, "data": "damaged"}
    with contextlib.suppress(InputError):
        facts = guest.facts().model_dump(mode="json", exclude={"places", "conditions"})
    return {"id": guest.id, "name": guest.label(), **facts}


def compare(options: argparse.Namespace) -> int:
    """Compare two sets of pictures and print the figures with their intervals and the floor."""
    import torch

    from gan.scoring import sets

    torch.set_num_threads(usual_threads())
    plan = sets.Plan(options.extractor, options.resizing, options.size, options.most, options.seed)
    with ProgressBar(is_quiet=options.quiet or options.json) as bar:
        found = sets.compare(options.a, options.b, plan, bar.report)
    print(files.to_json(sets.as_json(found), indent=1) if options.json else sets.describe(found))
    for sentence in found.notes:
        if not options.json:
            print(sentence, file=sys.stderr)
    return 0

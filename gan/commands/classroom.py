"""The ``class`` commands: start a class, show its codes; export the reports of all students, archive or clear their work."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan.access import classroom, servers
from gan.access.classroom import Classroom
from gan.commands.arguments import Parser, print_rows
from gan.commands.progress_bar import ProgressBar
from gan.errors import InputError
from gan.execution import archives, requests
from gan.places import PROJECT
from gan.report import bundle, everyone
from gan.storage.jobs import Progress


def add(commands: Any, command: Callable[..., Parser]) -> None:
    """Add the ``class`` commands to the command line."""
    about = "Start the dashboard for a class in the local network; show its codes; export, archive or clear the students' work."
    started = command("class", about, _start, commands=commands)
    started.add_argument("--port", type=int, default=8501, help="port of the dashboard (default: 8501)")
    started.add_argument(
        "--address",
        default="",
        help="address to listen on (default: the whole network; behind a proxy or a sign-in, this computer)",
    )
    started.add_argument(
        "--servers",
        type=int,
        default=1,
        help=f"processes that share the visitors of a large class, each at a port of its own, from --port on (1 to {servers.MOST}, "
        "default: 1)",
    )
    actions = started.add_subparsers(dest="action", metavar="ACTION")

    def action(name: str, help: str, run: Callable[[argparse.Namespace], int], *, has_json: bool = False) -> Parser:
        return command(name, help, run, has_json=has_json, commands=actions)

    action("codes", "Show the code of the class and the teacher's code.", _show_codes)
    exported = action("export", "Write one ZIP with a folder per person: the report on that person's ended runs.", _export)
    exported.add_argument("out", type=Path, metavar="FILE", help="ZIP file")
    exported.add_argument("--with-teacher", action="store_true", help="add the report on the teacher's runs")
    exported.add_argument("--quiet", action="store_true", help="no progress bar")
    for name, run, help in (
        ("archive", _archive, "Move all runs, sweeps and imported data sets of students to an archive, which can be restored."),
        ("clear", _clear, "Move all runs of students to the trash, and their sweeps and data sets to an archive."),
    ):
        action(name, help, run).add_argument("--stop", action="store_true", help="stop the students' runs that are under way first")
    action("archives", "List the archives.", _list, has_json=True)
    action("restore", "Move the contents of an archive back.", _restore).add_argument("name", metavar="ARCHIVE")


def _start(options: argparse.Namespace) -> int:
    """Become the server of the dashboard. Streamlit reads the environment after its configuration file, and flags last."""
    if not 1 <= options.port <= 65535:
        raise InputError(f"--port is {options.port}, expected a number from 1 to 65535.")
    if not 1 <= options.servers <= servers.MOST:
        raise InputError(f"--servers is {options.servers}, expected a number from 1 to {servers.MOST}.")
    if options.port + options.servers > 65536:
        raise InputError(f"{options.servers} servers from port {options.port} on need ports above 65535; choose a lower --port.")
    if not classroom.is_on():
        os.environ["GAN_CLASS"] = "1"
    if options.servers > 1:
        os.environ["GAN_CLASS_SERVERS"] = str(options.servers)
    os.environ["GAN_RUNS"] = str(options.root.resolve())
    if options.address or classroom.mode() == "code":
        os.environ["STREAMLIT_SERVER_ADDRESS"] = options.address or "0.0.0.0"
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "dashboard.py"), "--server.port", str(options.port)]
    sys.stdout.flush()
    if os.name != "nt":  # there, replacing a process would give the terminal back
        os.execv(sys.executable, command)
    return subprocess.call(command)


def _show_codes(options: argparse.Namespace) -> int:
    opened = Classroom(options.root)
    if not opened.path.exists():
        raise InputError(f"No class has been opened in {options.root}; start one with “python -m gan class”.")
    state = opened.state()
    print(f"Code of the class: {state.code}\nTeacher's code: {state.teacher_code}")
    return 0


def _export(options: argparse.Namespace) -> int:
    out = bundle.checked_target(options.out, options.root, ".zip")
    path = requests.class_export_path(options.root)
    is_terminal = out.resolve() != path.with_suffix(".zip").resolve()  # the page Class asks for that file
    with Progress(path, "The export", is_terminal=is_terminal) as noted, ProgressBar(is_quiet=options.quiet) as bar:

        def tell(sentence: str, share: float) -> None:
            noted.report(sentence, share)
            bar.report(sentence, share)

        shares = everyone.write(options.root, out, tell, with_teacher=options.with_teacher)
        noted.finish(str(out))
    for share in shares:
        if share.left_out:
            print(f"{share.person.name or 'unknown'}: left out: {share.left_out}", file=sys.stderr)
    print(out)
    return 0


def _archive(options: argparse.Namespace) -> int:
    found = _ready(options)
    print(f"Moved {found} to the archive {archives.archive(options.root)}.")
    return 0


def _clear(options: argparse.Namespace) -> int:
    found = _ready(options)
    name = archives.clear(options.root)
    print(f"Moved {found.cleared(name)}.")
    return 0


def _ready(options: argparse.Namespace) -> archives.Belongings:
    """Return what belongs to students, after stopping what is under way if that was asked for; trainers need a moment to stop."""
    if options.stop:
        archives.stop_and_wait(options.root)
    return archives.belongings(options.root)


def _list(options: argparse.Namespace) -> int:
    rows = [
        {"name": one.name, "runs": len(one.runs), "sweeps": len(one.sweeps), "data_sets": len(one.sets), "contents": str(one)}
        for one in archives.list_archives(options.root)
    ]
    empty = f"There are no archives in {options.root}."
    print_rows(rows, lambda row: f"{row['name']}  {row['contents']}", empty, as_json=options.json)
    return 0


def _restore(options: argparse.Namespace) -> int:
    print(f"Restored {archives.restore(options.root, options.name)}.")
    return 0

"""Export of a generator as a safetensors file with the metadata needed to rebuild it; never pickle."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gan.errors import InputError, RunFailed, explained
from gan.execution import processes
from gan.guests.guest import Guest
from gan.runs import Run, checkpoints
from gan.storage import files

#: Draws eight rows of images from an exported generator, one class a column if it has classes. The same script is in
#: docs/report.md.
SCRIPT = """\
import json, pathlib, safetensors, sys, torch
sys.path.insert(0, "")  # the folder of the program, where this is run
import gan.config, gan.networks, gan.data.feed as feed, gan.training.labels as labels, gan.training.pictures as pictures
file = safetensors.safe_open(pathlib.Path(__file__).with_name("generator.safetensors"), "pt")
settings = gan.config.parse(json.loads(file.metadata()["config"]), stored=True)
generator = gan.networks.build(settings)[0].eval().requires_grad_(False)
generator.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
columns = len(settings.columns) or 8  # one class a column
images = generator(torch.randn(8 * columns, settings.networks.latent), labels.in_columns(settings, 8 * columns))
picture = pictures.scatter(None, images) if settings.data.is_points else pictures.grid(feed.to_pixels(images), columns=columns)
picture.save(pathlib.Path(__file__).with_name("images.png"))
"""

#: Returns, as raw bytes, the tensors of a checkpoint ("last" or "best") that :func:`gan.training.statistics.estimate` changes.
Estimate = Callable[[Run, str], Mapping[str, bytes]]

_AVERAGED, _RAW = "average/module.", "generator/"  # prefixes of the generator's tensors in a checkpoint
_STATISTICS = ".running_mean"  # end of the name of a batch norm's mean
_PATIENCE = 300  # seconds for a process that estimates statistics
_ALIGNED = 8  # bytes; alignment of the first tensor


def export(run: Run, checkpoint: str = "last", estimate: Estimate | None = None) -> bytes:
    """Return the generator of a run's newest intact checkpoint, "last" or "best", as a safetensors file.

    Uses the averaged weights if there are any. The metadata are strings: ``config`` (JSON, as in config.json), ``run``, ``name``,
    ``step`` and ``weights`` (EMA or raw). Checkpoints of earlier versions lack the batch-norm statistics of the averaged weights;
    ``estimate`` supplies them, by default in a process of its own, because estimating needs torch. The generator of a guest is
    returned as it is kept, if it is one of ours. Raises InputError if there is no intact checkpoint, no readable configuration, or
    no such generator.
    """
    if isinstance(run, Guest):
        return _of_guest(run, checkpoint)
    config = run.config()
    content, step, facts = _newest(run, checkpoint)
    tensors = _tensors(content)
    prefix = _AVERAGED if any(name.startswith(_AVERAGED) for name in tensors) else _RAW
    kept = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if prefix == _AVERAGED and not facts.get(checkpoints.OWN_STATISTICS) and any(name.endswith(_STATISTICS) for name in kept):
        if estimate is None:
            return _exported_elsewhere(run, checkpoint)
        estimated = estimate(run, checkpoint)
        kept = {name: (facts, memoryview(estimated.get(name, data))) for name, (facts, data) in kept.items()}
    about = {
        "config": files.to_json(config.model_dump(mode="json")),
        "run": run.id,
        "name": run.label(),
        "step": str(step),
        "weights": "EMA" if prefix == _AVERAGED else "raw",
    }
    header: dict[str, Any] = {"__metadata__": about}
    place = 0
    for name, (facts, data) in kept.items():
        header[name] = {**facts, "data_offsets": [place, place + len(data)]}
        place += len(data)
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % _ALIGNED)
    return b"".join([struct.pack("<Q", len(written)), written, *(data for _, data in kept.values())])


def _of_guest(guest: Guest, checkpoint: str) -> bytes:
    """Return the generator of a guest."""
    if checkpoint == "best":
        raise InputError(f"{guest.id} is a guest, which has one generator; leave out --checkpoint.")
    path, network = guest.generator_path, guest.facts().network
    if path != guest.export_path:
        why = network.misfit if network else "It is not one of the networks here."
        raise InputError(f"{why.rstrip('.')}, so it cannot be exported in the format of runs; take its original file, {path}.")
    with explained("reading the generator"):
        return path.read_bytes()


def _exported_elsewhere(run: Run, checkpoint: str) -> bytes:
    """Return what the command ``export`` writes, in a process that may import torch."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "generator.safetensors"
        options = ["--checkpoint", checkpoint, "--out", str(out), "--root", str(run.root.resolve())]
        try:
            done = processes.run(["export", run.id, *options], _PATIENCE)
        except subprocess.TimeoutExpired:
            raise InputError(
                f"Preparing the generator of run {run.id} took more than {_PATIENCE} s; export it when the machine is less busy."
            ) from None
        if done.returncode:
            raise InputError(done.stderr.strip() or f"The generator of run {run.id} could not be exported; look at its log.")
        return out.read_bytes()


def _newest(run: Run, checkpoint: str) -> tuple[bytes, int, dict[str, Any]]:
    """Return the verified tensors of a run's newest intact checkpoint, its step and its facts."""
    folder = run.best_path if checkpoint == "best" else run.checkpoints_path
    complaints = []
    for step in reversed(checkpoints.steps(folder)):
        try:
            content, facts = _verified(folder, step)
            return content, step, facts
        except RunFailed as error:
            complaints.append(str(error))
    if complaints:
        raise InputError(f"{' '.join(complaints).rstrip('.')}; run {run.id} has no intact checkpoint; train it for longer.")
    if checkpoint == "best":
        raise InputError(f"Run {run.id} has no best checkpoint; leave out --checkpoint to export the newest one.")
    raise checkpoints.none_yet(run)


def _verified(folder: Path, step: int) -> tuple[bytes, dict[str, Any]]:
    try:
        facts = checkpoints.read_facts(folder, step)
        content = checkpoints.tensors_path(folder, step).read_bytes()
        if hashlib.sha256(content).hexdigest() != facts.get("sha256"):
            raise ValueError("its SHA-256 does not match")
        return content, facts
    except (OSError, ValueError) as error:
        raise RunFailed(f"The checkpoint of step {step} is damaged ({error}).") from None


def _tensors(content: bytes) -> dict[str, tuple[dict[str, Any], memoryview]]:
    """Return the tensors of a verified safetensors file by name, in file order: a dict of dtype and shape, and the bytes."""
    (size,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    data = memoryview(content)[8 + size :]
    found = {}
    for name, facts in sorted(header.items(), key=lambda item: item[1]["data_offsets"][0]):
        start, end = facts["data_offsets"]
        found[name] = {"dtype": facts["dtype"], "shape": facts["shape"]}, data[start:end]
    return found


def write(run: Run, out: Path, checkpoint: str = "last", estimate: Estimate | None = None) -> None:
    """Write the generator of a run to the file ``out``. Raises InputError on failure; an existing file then stays unchanged."""
    content = export(run, checkpoint, estimate)
    with explained("writing the generator"):
        files.write_atomically(out, content)

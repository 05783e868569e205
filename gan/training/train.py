"""Train a run, and describe in its status how that ended, whatever happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from gan.errors import InputError, RunFailed
from gan.runs import Run, Status
from gan.storage import files
from gan.training.failures import describe
from gan.training.loop import RESERVE_BYTES, Observer, Replaced, Trainer
from gan.training.quick import LoadScorer
from gan.training.team import ALONE, Lost, Team

log = logging.getLogger("gan")


def train(
    run: Run,
    observe: Observer = lambda status, line: None,
    should_stop: Callable[[], bool | str] = lambda: False,
    scorer: LoadScorer | None = None,
    is_replaced: Callable[[], bool] = lambda: False,
    team: Team = ALONE,
) -> Status:
    """Train a run to its end and return its final status; the caller holds the run (:meth:`gan.runs.Run.hold`).

    Continues from the newest intact checkpoint, if any. The final state is "finished", "stopped" (by the control file, or by
    ``should_stop``, which may return the reason; "queued" if that is :class:`gan.training.loop.Evicted`), "diverged" (a loss or a
    weight became NaN or infinite) or "failed" (see the message). If it ``is_replaced`` by a trainer on another host, it ends
    without another write, and the state is "interrupted"; so it is if another process of the ``team``, which this one leads, has
    been killed.
    """
    trainer = None
    reserve = run.path / ".reserve"
    try:
        run.clear_rubbish()
        files.write_atomically(reserve, bytes(RESERVE_BYTES), durable=False)
        trainer = Trainer(run, observe, scorer, is_replaced, team)
        return trainer.play(should_stop)
    except Replaced as error:
        log.warning(str(error))
        return run.status().model_copy(update={"state": "interrupted", "message": str(error)})
    except Lost as error:
        log.warning(str(error))
        if not (message := team.failure()):
            return run.status().model_copy(update={"state": "interrupted", "message": f"{error} Resume the run."})
    except (InputError, RunFailed) as error:
        message = str(error)
    except Exception as error:
        message = describe(error)
        with suppress(OSError):
            log.exception("The training failed")
    finally:
        team.end()
    if is_replaced():
        return run.status()
    with suppress(OSError):
        reserve.unlink()
    status = trainer.status if trainer else run.status()
    status = status.model_copy(update={"state": "failed", "message": message, "heartbeat": time.time()})
    with suppress(OSError):
        run.write_status(status)
    with suppress(OSError):
        log.error(message)
    return status

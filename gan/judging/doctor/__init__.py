"""The doctor: diagnoses faults of a generator from its scores and training curves.

Every rule compares a measurement with the same measurement of real images, or with a reference value of the loss. A verdict
states both, in words and as numbers, names the picture that shows it, and has a remedy to launch as a fork
(``gan.judging.remedies``). Thresholds are deliberately wide: held-out real images must get no verdict.
"""

from gan.judging.doctor.diagnosis import diagnose, examine, examine_curves, examine_scores, is_examined, logged
from gan.judging.doctor.images import LOOKS, MEMORISED
from gan.judging.doctor.kept import judge, keep
from gan.judging.doctor.now import Standing, tell
from gan.judging.doctor.progress import EARLY, UNTRAINED
from gan.judging.doctor.trend import during_training
from gan.judging.doctor.verdict import EVIDENCE, Verdict

__all__ = [
    "EARLY",
    "EVIDENCE",
    "LOOKS",
    "MEMORISED",
    "UNTRAINED",
    "Standing",
    "Verdict",
    "diagnose",
    "during_training",
    "examine",
    "examine_curves",
    "examine_scores",
    "is_examined",
    "judge",
    "keep",
    "logged",
    "tell",
]

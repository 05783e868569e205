"""The doctor: what is wrong with a generator, told from its measurements.

Every rule compares a measurement with the same measurement of real images (or with a number that a loss makes meaningful). A
verdict holds both, in words and as numbers, names the picture that shows it, and has a remedy that a fork can be launched with
(``gan.judging.remedies``). Thresholds are wide on purpose: held-out real images must get a clean bill.
"""

from gan.judging.doctor.diagnosis import diagnose, examine, examine_curves, examine_scores, is_examined, logged
from gan.judging.doctor.images import LOOKS, MEMORISED
from gan.judging.doctor.trend import during_training
from gan.judging.doctor.verdict import EVIDENCE, Verdict

__all__ = [
    "EVIDENCE",
    "LOOKS",
    "MEMORISED",
    "Verdict",
    "diagnose",
    "during_training",
    "examine",
    "examine_curves",
    "examine_scores",
    "is_examined",
    "logged",
]

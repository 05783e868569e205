"""Charts as pure functions from data to a Vega-Lite specification or a Plotly figure; no streamlit."""

from pages.parts.charts.curves import HEIGHT, MOST_POINTS, curves, kept_curves, thin
from pages.parts.charts.detection import CLASS, DISCRIMINATOR, YOU, accuracies, detection
from pages.parts.charts.looks import brightness, counts, look, points, shares_of_classes
from pages.parts.charts.scores import against, neighbours, parallel, scores, training
from pages.parts.charts.style import camera, is_wide, mark

__all__ = [
    "CLASS",
    "DISCRIMINATOR",
    "HEIGHT",
    "MOST_POINTS",
    "YOU",
    "accuracies",
    "against",
    "brightness",
    "camera",
    "counts",
    "curves",
    "detection",
    "is_wide",
    "kept_curves",
    "look",
    "mark",
    "neighbours",
    "parallel",
    "points",
    "scores",
    "shares_of_classes",
    "thin",
    "training",
]

"""The colours of charts, in the dashboard and in reports."""

from __future__ import annotations

#: Readable on light and dark backgrounds: generated, highlighted, and real images.
INDIGO, ORANGE, GRAY = "#6c63ff", "#f76707", "#9097a8"

#: Colours of many series, in order; distinct on both backgrounds, and for red-green colour blindness as far as twelve allow.
SERIES = (
    INDIGO,
    ORANGE,
    "#12b886",
    "#e64980",
    "#1c9ed8",
    "#c79a00",
    "#ae3ec9",
    "#82a31a",
    "#d9480f",
    "#0ca6a6",
    GRAY,
    "#c2557a",
)

#: Darker variants for white backgrounds, and the colours of the series of a report, in order.
DARK_ORANGE, DARK_INDIGO, DARK_GRAY = "#e8590c", "#4f46e5", "#6b7280"
ON_WHITE = (DARK_ORANGE, DARK_INDIGO, "#0f9d76", "#c2255c", "#1c7ed6", "#946200", DARK_GRAY)

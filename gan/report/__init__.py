"""Reports on runs as a ZIP (HTML page, Markdown, pictures), and export of generators; torch-free."""

from gan.report.bundle import as_zip, write

__all__ = ["as_zip", "write"]

"""Reports on runs as a ZIP with a page, a text and pictures; generators as files of their own; torch-free."""

from gan.report.bundle import as_zip, write

__all__ = ["as_zip", "write"]

"""Shared parts of the pages; no file here is a page itself."""

"""Tests of the dashboard: its logic without a browser, and user flows in a real one."""

"""Tests of the dashboard: its logic without a browser, and what people do in a real one."""

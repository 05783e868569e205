"""Tests of reports and exported generators."""

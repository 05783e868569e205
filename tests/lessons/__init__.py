"""Tests of the lessons: what they say, and what their games do."""

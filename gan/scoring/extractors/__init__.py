"""Feature extractors: what turns images or points into features."""

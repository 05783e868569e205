"""What scores and logged curves mean: words, comparisons, verdicts, remedies."""

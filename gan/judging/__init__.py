"""The meaning of scores and logged curves: glossary, comparisons, verdicts and remedies."""

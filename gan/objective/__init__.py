"""Losses, penalties and augmentation: pure functions of tensors."""

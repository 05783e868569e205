"""What the two networks are rewarded for: pure functions of tensors."""

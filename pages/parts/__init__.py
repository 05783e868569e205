"""What pages share; nothing here becomes a page of its own."""

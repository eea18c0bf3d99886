"""Which claims of the TC-AE paper hold at a size that two CPU cores can train."""

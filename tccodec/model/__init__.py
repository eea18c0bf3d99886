"""A released model: its folder, its tensors, where it is found by name or id, what it costs."""

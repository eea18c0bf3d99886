"""Files and their names: atomic writes, walks through folders, names as text.

Nothing here imports torch, numpy or Pillow.
"""

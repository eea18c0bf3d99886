"""Files and their names: written whole or not at all, found in folders, shown to people.

Nothing here imports torch, numpy or Pillow.
"""

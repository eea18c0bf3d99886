"""Attacks on the readers of files, models and pictures: `python -m tests.attacks --help`.

`seal.py` and `second_reader.py` are written from docs/reference/format.md and use nothing of the
package, so that a mistake of the package is not repeated here.
"""

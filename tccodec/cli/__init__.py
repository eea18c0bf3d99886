"""The command line: one module per command, imported only when that command runs.

Exit status: 0 success, 1 something failed (one sentence on stderr says what), 2 wrong usage,
130 interrupted.
"""

from tccodec.cli.program import main

__all__ = ["main"]

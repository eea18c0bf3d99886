"""The command line: one module per command, each loaded only when it is run.

Exit status: 0 all done, 1 something failed (said in one sentence on stderr), 2 wrong usage,
130 interrupted.
"""

from tccodec.cli.program import main

__all__ = ["main"]

"""The command line: one module per command, imported only when that command runs.

Exit status: 0 success, 1 something failed (one sentence on stderr says what), 2 wrong usage,
130 interrupted.
"""

import signal
import threading

# Until `main` takes Ctrl-C, it ends the program at once; else it would be a traceback of imports.
_early = (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
)
if _early:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    from tccodec.cli.program import main
finally:
    if _early:
        signal.signal(signal.SIGINT, signal.default_int_handler)

__all__ = ["main"]

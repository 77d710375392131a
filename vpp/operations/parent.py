"""A process that ends when whoever started it is gone, however that went."""

import os
import signal
import threading
import time
from contextlib import suppress

EVERY_S = 1.0


def end_with_parent() -> None:
    """Linux: SIGTERM at once; elsewhere, and where that is not to be had, the process id tells within a second."""
    parent = os.getppid()
    with suppress(AttributeError, OSError):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent").start()

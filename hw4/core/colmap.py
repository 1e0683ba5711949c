"""pycolmap, which takes over signals when it is imported: SIGTERM stays with whoever had it.

Its own answer is a C++ stack and an abort. The handlers of faults stay its own.
"""

import signal
import threading

import pycolmap

__all__ = ["pycolmap"]

_handler = signal.getsignal(signal.SIGTERM)
# Python tells what it set itself, and sets it in the main thread only.
if _handler is not None and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, _handler)

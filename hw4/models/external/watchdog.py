"""Ends a group of processes once whoever started this script is gone, also where that was killed.

``python watchdog.py GROUP FOLDER``: a byte on standard input says that all has been put away; its end without
one, that the group is to end and the folder to go.
"""

import os
import shutil
import signal
import sys
import time

GRACE_S = 2.0


def main() -> None:
    """Wait for either."""
    if sys.stdin.buffer.read(1):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(int(sys.argv[1]), number)
        except OSError:
            break
        time.sleep(GRACE_S)
    shutil.rmtree(sys.argv[2], ignore_errors=True)


if __name__ == "__main__":
    main()

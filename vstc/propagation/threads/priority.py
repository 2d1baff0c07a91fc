"""Who goes first where more threads are ready than there are cores."""

from __future__ import annotations

import os
import sys
import threading

STEP = 5
_LEAST = 19


def let_networks_go_first() -> None:
    """Lower the priority of the calling thread, which is not the main one, for good.

    The thread of the networks limits a pipeline, or waits for a GPU that it should not keep
    waiting; whatever else takes a core from it makes all frames late. Only Linux has priorities
    of threads; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    # Threads begin with the priority of those that start them; that of the main one stays.
    nice = min(os.getpriority(os.PRIO_PROCESS, os.getpid()) + STEP, _LEAST)
    thread = threading.get_native_id()
    if os.getpriority(os.PRIO_PROCESS, thread) < nice:
        os.setpriority(os.PRIO_PROCESS, thread, nice)

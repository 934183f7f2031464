"""The process that started this one."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process of multiprocessing as soon as the one that started it has ended, even if that was killed.

    One of a fork server would not notice: its system parent is the server, which lives as long as it does.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "started by multiprocessing"

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()

"""Child processes that stay between trials. All others that a trial starts end with it."""

KEPT: set[int] = set()
"""Process numbers; what is below them stays too."""


def keep_child(pid: int) -> None:
    """Has a child process of this one outlive the trial that started it; it ends with this process.

    For programs that take long to start and serve many trials. The process belongs to this one's process group.

    Args:
        pid: its number.
    """
    KEPT.add(pid)

"""What code of one process shares: signals, child processes and global random numbers."""

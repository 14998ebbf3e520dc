"""What the kernel counts of another process."""

import os
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used, user and system."""
    # Fields 14 and 15 of proc_pid_stat(5); the name before them is in parentheses and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

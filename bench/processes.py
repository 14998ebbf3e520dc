"""What the kernel counts of another process."""

import os
import re
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used, user and system."""
    # Fields 14 and 15 of proc_pid_stat(5); the name before them is in parentheses and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0

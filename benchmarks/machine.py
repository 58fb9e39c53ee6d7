"""What the figures of a benchmark come from."""

import os
import platform


def cpu():
    """The processor and its cores, in words."""
    name = platform.processor() or platform.machine()
    if platform.system() == "Linux":
        with open("/proc/cpuinfo") as file:
            found = [line.split(":", 1)[1] for line in file if line.startswith("model name")]
        name = found[0].strip() if found else name  # other kinds of processors have no such line
    return f"{name}, {os.cpu_count()} cores"

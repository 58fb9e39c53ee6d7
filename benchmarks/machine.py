"""What the figures of a benchmark come from."""

import platform


def cpu():
    """The processor and its cores, in words."""
    if platform.system() != "Linux":
        return platform.processor()
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores"

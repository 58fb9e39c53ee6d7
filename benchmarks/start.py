"""What does starting cost?

Times fresh Python processes that take turns: importing torch, importing kforge, installing it as
`keras`, and an empty script run directly and through the runner; prints medians of the processor
time that each took, in milliseconds, which other programs on the machine disturb little.

    python benchmarks/start.py [--rounds 11]
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile

import torch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Modules are compiled once, as on any machine where a program runs more than once.
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}


def seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], cwd=ROOT, env=ENVIRONMENT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        direct, script = os.path.join(folder, "direct.py"), os.path.join(folder, "script.py")
        with open(direct, "w") as f:
            f.write(f"import sys; sys.path.append({ROOT!r})\nimport kforge as keras\n")
        with open(script, "w") as f:
            f.write("import keras\n")
        commands = {
            "import torch": ["-c", "import torch"],
            "import kforge": ["-c", "import torch, kforge"],
            "import kforge; kforge.install()": ["-c", "import kforge; kforge.install()"],
            "script: import kforge as keras": [direct],
            "script: import keras, through the runner": ["-m", "kforge", script],
        }
        times = {name: [] for name in commands}
        for turn in range(rounds + 1):
            for name, command in commands.items():
                taken = seconds(command)
                if turn:
                    times[name].append(taken)
    median = {name: 1e3 * statistics.median(found) for name, found in times.items()}
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores")
    for name, found in median.items():
        print(f"{name:42} {found:6.0f} ms")
    torch_alone, with_kforge, _, by_script, by_runner = median.values()
    print(f"kforge beyond torch: {with_kforge - torch_alone:.0f} ms (at most 250)")
    print(f"the runner beyond the script: {by_runner - by_script:.0f} ms (at most 200)")


if __name__ == "__main__":
    main()

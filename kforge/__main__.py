"""`python -m kforge script.py`: runs a Keras program with `import keras` meaning kforge."""

import builtins
import importlib.machinery
import io
import os
import pkgutil
import runpy
import sys
import types

from .compat.paths import install

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo", "digits.py")

USAGE = """\
usage: python -m kforge SCRIPT [ARGUMENT ...]     run a script in which `import keras` is kforge
       python -m kforge -m MODULE [ARGUMENT ...]  the same for a module
       python -m kforge --demo                    train a small network on handwritten digits
"""


def main():
    match sys.argv[1:]:
        case ["-h" | "--help"]:
            print(USAGE, end="")
        case ["-m", module, *arguments]:
            _run(_run_module, module, ["-m", *arguments])
        case ["--demo"]:
            _run(_run_path, DEMO, [DEMO])
        case [path, *arguments] if not path.startswith("-"):
            _run(_run_path, path, [path, *arguments])
        case _:
            sys.stderr.write(USAGE)
            sys.exit(2)


def _run(run, target, argv):
    """`run(target)` as the main program: with its own `__main__`, `sys.argv` and tracebacks."""
    sys.argv = argv
    program = types.ModuleType("__main__")
    program.__annotations__ = {}
    program.__builtins__ = builtins
    sys.modules["__main__"] = program
    try:
        run(target)
    except SystemExit:
        raise
    except BaseException:
        # Python itself then prints the error and chooses the exit status; only its view of the
        # traceback has to begin where the program does.
        show = sys.excepthook

        def show_from_program(kind, error, traceback):
            traceback = _from_program(traceback)
            show(kind, error.with_traceback(traceback), traceback)

        sys.excepthook = show_from_program
        raise


def _from_program(traceback):
    """The traceback after the last frame of this file."""
    kept = traceback
    while traceback is not None:
        if traceback.tb_frame.f_globals is globals():
            kept = traceback.tb_next
        traceback = traceback.tb_next
    return kept


def _run_module(name):
    install()
    runpy._run_module_as_main(name)


def _run_path(path):
    """Runs a script, or the `__main__` of a folder or an archive."""
    path = os.path.join(os.getcwd(), path)
    is_container = pkgutil.get_importer(path) is not None
    folder = path if is_container else os.path.dirname(os.path.realpath(path))
    is_safe_path = getattr(sys.flags, "safe_path", sys.flags.isolated)
    if not is_safe_path:
        del sys.path[0]  # the working directory, which `-m kforge` put there
    if is_container or not is_safe_path:
        sys.path.insert(0, folder)
    install()
    if is_container:
        runpy._run_module_as_main("__main__", alter_argv=False)
    else:
        _run_file(path)


def _run_file(path):
    try:
        with io.open_code(path) as f:
            source = f.read()
    except OSError as e:
        sys.stderr.write(
            f"{sys.executable}: can't open file {path!r}: [Errno {e.errno}] {e.strerror}\n"
        )
        sys.exit(2)
    program = sys.modules["__main__"]
    program.__file__ = path
    program.__cached__ = None
    program.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    exec(compile(source, path, "exec", dont_inherit=True), vars(program))


if __name__ == "__main__":
    main()

"""`python -m kforge script.py`: runs a Keras program with `import keras` meaning kforge."""

import builtins
import importlib.machinery
import io
import linecache
import os
import pkgutil
import runpy
import sys
import types

from . import parallel
from .compat import pitfalls
from .compat.paths import install

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo", "digits.py")

USAGE = """\
usage: python -m kforge [--no-shims] SCRIPT [ARGUMENT ...]
       python -m kforge [--no-shims] -m MODULE [ARGUMENT ...]
       python -m kforge [--no-shims] -c CODE [ARGUMENT ...]
       python -m kforge [--no-shims] - [ARGUMENT ...]
       python -m kforge --demo
       torchrun --nproc_per_node=2 -m kforge SCRIPT [ARGUMENT ...]

Runs a script, a module, code, or what comes from the standard input, as `python` does, but with
`import keras` meaning kforge; or trains a small network on handwritten digits (--demo).
Under torchrun it trains in several processes, a GPU each.

The program also finds again what newer versions of Python, NumPy and other packages have removed,
such as `np.float`; not so with --no-shims, or KFORGE_SHIMS=0 in the environment. Options of Python
itself go before -m: python -u -m kforge SCRIPT.
"""


def main():
    """Runs the command line; exits with status 2, as Python does, for wrong arguments."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--no-shims"]:
        os.environ[pitfalls.VARIABLE] = "0"  # for the program's own runs of the runner, too
        del arguments[0]
    match arguments:
        case ["-h" | "--help"]:
            print(USAGE, end="")
        case ["--demo"]:
            _run(_run_path, DEMO, [DEMO])
        case ["-m", module, *rest]:
            _run(_run_module, module, ["-m", *rest])
        case ["-c", code, *rest]:
            _run(_run_code, code, ["-c", *rest])
        case ["-", *rest]:
            _run(_run_input, sys.stdin, ["-", *rest])
        case [path, *rest] if not path.startswith("-"):
            _run(_run_path, path, [path, *rest])
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
    parallel.join()
    if not parallel.is_first():  # its output would be that of the first process once more
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    try:
        run(target)
    except SystemExit as e:
        if not e.code:
            parallel.leave()
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
    parallel.leave()


def _from_program(traceback):
    """The traceback after the last frame of this file."""
    kept = traceback
    while traceback is not None:
        if traceback.tb_frame.f_globals is globals():
            kept = traceback.tb_next
        traceback = traceback.tb_next
    return kept


def _prepare():
    """What is done just before the program runs, and after `sys.path` is its own."""
    install()
    if pitfalls.wanted():
        pitfalls.restore()


def _run_module(name):
    _prepare()
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
    _prepare()
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
    _execute(source, path)


def _run_code(code):
    _start_in_folder()
    if sys.version_info >= (3, 13):  # there, tracebacks show the lines of such code
        linecache.cache["<string>"] = (len(code), None, code.splitlines(True), "<string>")
    _execute(code, "<string>")


def _run_input(stream):
    _start_in_folder()
    program = sys.modules["__main__"]
    program.__file__, program.__cached__ = "<stdin>", None
    _execute(stream.read(), "<stdin>")


def _start_in_folder():
    """Python looks for the modules of code without a file in the working directory."""
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = ""
    sys.modules["__main__"].__loader__ = importlib.machinery.BuiltinImporter
    _prepare()


def _execute(source, name):
    exec(compile(source, name, "exec", dont_inherit=True), vars(sys.modules["__main__"]))


if __name__ == "__main__":
    main()

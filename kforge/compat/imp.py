"""What programs took from Python's module `imp`, which Python 3.12 removed."""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from importlib import reload

__all__ = ["load_source", "new_module", "reload"]


def new_module(name):
    """An empty module."""
    return types.ModuleType(name)


def load_source(name, pathname, file=None):
    """Loads a source file as a module under this name."""
    loader = importlib.machinery.SourceFileLoader(name, pathname)
    spec = importlib.util.spec_from_file_location(name, pathname, loader=loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

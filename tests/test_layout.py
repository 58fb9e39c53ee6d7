"""The house rules, read from the sources: imports go down, files and functions stay short."""

import ast
import importlib
import os
import sys
from functools import cache

import pytest

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kforge")

# What may import what: a module imports from its own line or from lines above it. The longest
# name that fits a module decides; "" is kforge/__init__.py, "engine." is its package's __init__.
LEVELS = """
    config registry compat execution parallel passes philox rules tuning
    devices dtypes trees utils
    dimensions indexing generated module_runner probes symbolic placement opaque variable
    operations differentiation lowering
    backend weighting
    activations constraints functions initializers losses optimizers regularizers
    metrics
    engine.
    callbacks training
    saving
    engine engine.files engine.model engine.sequential
    layers
    models
    utils.layer_utils utils.losses_utils utils.metrics_utils utils.multi_gpu_utils
    utils.test_utils utils.vis_utils compat.widened
    applications compat.removed compat.scipy_misc compat.tensorflow. datasets preprocessing wrappers
    __init__
    __main__ convert
"""

MAX_LINES = 500
MAX_FUNCTION_LINES = 60

# Imported by whoever imports kforge; everything else is imported by the function that needs it.
EAGER = {"torch", "numpy"}
LAZY = {
    "h5py", "yaml", "safetensors",
    "IPython", "PIL", "matplotlib", "onnx", "onnxruntime", "onnxscript", "pandas", "pydot",
    "requests", "scipy", "sklearn", "tensorboard",
}  # fmt: skip


def sources():
    """{module name below kforge: path}; a package has the name of its folder."""
    found = {}
    for folder, _, files in os.walk(ROOT):
        within = os.path.relpath(folder, ROOT).replace(".", "").split(os.sep)
        if within[0] == "demo" or within[-1] == "alias":
            continue  # programs, not modules of kforge
        for file in files:
            stem, extension = os.path.splitext(file)
            if extension == ".py":
                parts = [*within, stem] if stem != "__init__" or within == [""] else within
                found[".".join(filter(None, parts))] = os.path.join(folder, file)
    return found


SOURCES = sources()


@cache
def tree(module):
    with open(SOURCES[module], encoding="utf-8") as f:
        return ast.parse(f.read())


def imports(module):
    """(imported module, line, whether inside a function) for each import of a module."""
    is_package = os.path.basename(SOURCES[module]) == "__init__.py"
    nested = {id(n) for f in functions(module) for n in ast.walk(f)}
    parts = [] if module == "__init__" else module.split(".")
    folder = parts if is_package else parts[:-1]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in nested
        elif isinstance(node, ast.ImportFrom):
            named = (node.module or "").split(".") if node.module else []
            if node.level:
                named = ["kforge", *folder[: len(folder) - node.level + 1], *named]
            for alias in node.names:
                below = ".".join([*named, alias.name])
                is_module = named[0] == "kforge" and below[len("kforge.") :] in SOURCES
                yield below if is_module else ".".join(named), node.lineno, id(node) in nested


def own_imports(module):
    """(imported kforge module, line) for each import of kforge's own."""
    for name, line, _ in imports(module):
        first, _, rest = name.partition(".")
        if first == "kforge":
            yield rest or "__init__", line


def functions(module):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]


def test_every_folder_of_modules_is_a_package():
    for path in SOURCES.values():
        folder = os.path.dirname(path)
        assert os.path.exists(os.path.join(folder, "__init__.py")), (
            f"{folder} is left out of wheels"
        )


def level(module):
    """The line of `LEVELS` that a module belongs to."""
    places = {n: i for i, names in enumerate(LEVELS.strip().splitlines()) for n in names.split()}
    name = module
    while name:
        if name in places:
            return places[name]
        name = name.rpartition(".")[0]
        if name + "." in places:
            return places[name + "."]
    raise AssertionError(f"kforge.{module} has no place in LEVELS")


@pytest.mark.parametrize("module", SOURCES)
def test_imports_go_down(module):
    for imported, line in own_imports(module):
        assert level(imported) <= level(module), f"{SOURCES[module]}:{line} imports {imported}"


def test_no_module_imports_itself_by_a_detour():
    done = set()

    def visit(module, path):
        assert module not in path, " imports ".join([*path[path.index(module) :], module])
        if module not in done:
            for imported, _ in own_imports(module):
                visit(imported, [*path, module])
            done.add(module)

    for module in SOURCES:
        visit(module, [])


@pytest.mark.parametrize("module", SOURCES)
def test_only_torch_and_numpy_are_imported_at_once(module):
    for name, line, is_nested in imports(module):
        first = name.partition(".")[0]
        known = EAGER | {"kforge"} | sys.stdlib_module_names | (LAZY if is_nested else set())
        assert first in known, f"{SOURCES[module]}:{line} imports {name}"


@pytest.mark.parametrize("module", SOURCES)
def test_files_and_functions_are_short(module):
    with open(SOURCES[module], encoding="utf-8") as f:
        assert len(f.readlines()) <= MAX_LINES
    for function in functions(module):
        length = function.end_lineno - function.lineno + 1
        assert length <= MAX_FUNCTION_LINES, f"{function.name} has {length} lines"


@pytest.mark.parametrize("module", SOURCES)
def test_what_is_public_is_listed(module):
    body = tree(module).body
    assert ast.get_docstring(tree(module)), "has no docstring"
    if module == "__main__":
        return
    loaded = importlib.import_module("kforge" if module == "__init__" else f"kforge.{module}")
    defined = {n.name for n in body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    if all(name.startswith("_") for name in defined) and not hasattr(loaded, "__all__"):
        return
    assert len(set(loaded.__all__)) == len(loaded.__all__)
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []

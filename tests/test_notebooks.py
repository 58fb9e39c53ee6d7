"""The notebooks run, and are committed with what they show.

``python -m tests.test_notebooks [NAME ...]`` runs them, or those whose names contain one of these,
and writes their outputs anew.
"""

import glob
import importlib.util
import os
import re
import sys
import tempfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTEBOOKS = sorted(glob.glob(os.path.join(ROOT, "notebooks", "*.ipynb")))

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
# Looked for, not imported: with ipykernel loaded, progress bars take this for a notebook.
if not all(importlib.util.find_spec(name) for name in ("ipykernel", "matplotlib")):
    pytest.skip("needs the extra notebook", allow_module_level=True)

SMALL = """
%load_ext kforge
%%
import keras, numpy as np
from IPython.display import SVG
from keras.layers import Dense
from keras.utils.vis_utils import model_to_dot
model = keras.models.Sequential([Dense(2, input_shape=(3,))])
model.compile("sgd", "mse")
model
%%
SVG(model_to_dot(model).create(prog="dot", format="svg"))
%%
model.fit(np.zeros((64, 3)), np.zeros((64, 2)), epochs=2)
print(np.float, keras.__version__)
%%
%unload_ext kforge
import sys
print("keras" in sys.modules, "float" in vars(np))
"""


def execute(notebook, folder, monkeypatch):
    """Runs a notebook in a folder, in a kernel that finds this kforge."""
    paths = filter(None, [ROOT, os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in the other tests
    monkeypatch.setenv("IPYKERNEL_CELL_NAME", "cell")  # in warnings, instead of a file's name
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return notebook


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def texts(notebook):
    """All that a notebook shows as text."""
    for output in outputs(notebook):
        yield output.get("text", "")
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/png"):
                yield data


def pictures(notebook):
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=os.path.basename)
def test_it_is_committed_with_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [o for o in outputs(notebook) if o.output_type == "error"]
    shown = "\n".join(texts(notebook))
    assert shown and not re.search(r"/(home|root|tmp|usr|work|Users)\b|[A-Z]:\\", shown)
    size = os.path.getsize(path)
    assert size < 300_000, "keep plots small"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=os.path.basename)
def test_it_runs(path, tmp_path, monkeypatch):
    notebook = nbformat.read(path, as_version=4)
    plots = pictures(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    execute(notebook, tmp_path, monkeypatch)
    assert pictures(notebook) == plots


def test_notebooks_are_there():
    assert len(NOTEBOOKS) >= 6


def test_the_extension(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell(text.strip()) for text in SMALL.split("%%\n")]
    notebook = execute(nbformat.v4.new_notebook(cells=cells), tmp_path, monkeypatch)
    table, picture, trained, after = (cell.outputs[-1] for cell in notebook.cells[1:])
    assert "<table>" in table.data["text/html"]
    assert picture.data["image/svg+xml"].startswith("<svg")
    first, second, *rest = trained.text.splitlines()
    assert first == "Epoch 1/2" and second.startswith("64/64 [====") and "loss: " in second
    assert rest[-1] == "<class 'float'> 2.3.1" and len(rest) == 3
    assert after.text == "False False\n"


def main():
    names = sys.argv[1:] or [""]
    for path in [p for p in NOTEBOOKS if any(name in os.path.basename(p) for name in names)]:
        notebook = nbformat.read(path, as_version=4)
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            execute(notebook, folder, patch)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        notebook.metadata.language_info = {"name": "python"}
        nbformat.write(notebook, path)
        print(os.path.basename(path))


if __name__ == "__main__":
    main()

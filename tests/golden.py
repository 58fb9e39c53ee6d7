"""What Keras 2.3.1 computed: programs recorded in data/golden with their arrays and results.

@golden.cases("functions_losses", "mean_squared_error")
def test_function(case):
    golden.check(case)
"""

import functools
import gzip
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import kforge

DATA = Path(__file__).parent / "data" / "golden"
RTOL, ATOL = 1e-4, 1e-5  # a case can ask for others


class Case:
    """One recorded program: `id`, the fields of its JSON as `spec`, and its `arrays`."""

    def __init__(self, spec, stored):
        self.id, self.spec = spec["id"], spec
        self.arrays = {k.partition("/")[2]: k for k in stored.files if k.startswith(self.id + "/")}
        self.stored = stored

    def __repr__(self):
        return self.id

    def array(self, name):
        """A stored array."""
        return self.stored[self.arrays[name]]

    def listed(self, prefix):
        """Stored arrays prefix0, prefix1, ... as a list."""
        found = []
        while f"{prefix}{len(found)}" in self.arrays:
            found.append(self.array(f"{prefix}{len(found)}"))
        return found

    def expected(self):
        """The stored results."""
        return self._decode(self.spec["out"])

    def _decode(self, tree):
        if isinstance(tree, dict):
            if set(tree) == {"$array"}:
                return self.array(tree["$array"])
            return {k: self._decode(v) for k, v in tree.items()}
        return [self._decode(v) for v in tree] if isinstance(tree, list) else tree


@functools.cache
def load(file):
    """All cases of a file, {id: case}."""
    stored = np.load(DATA / f"{file}.npz")
    path = DATA / f"{file}.json"
    packed = DATA / f"{file}.json.gz"
    text = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    specs = json.loads(text)["cases"]
    return {spec["id"]: Case(spec, stored) for spec in specs}


def cases(file, pattern=""):
    """Parametrizes a test by the cases of a file whose whole id matches a regular expression."""
    found = [c for c in load(file).values() if re.fullmatch(pattern or ".*", c.id)]
    assert found, f"no case of {file} matches {pattern}"
    return pytest.mark.parametrize("case", found, ids=repr)


def check(case, rtol=None, atol=None, **names):
    """Runs the program of a case, and asserts that its results are those of Keras.

    `names`: functions that it uses.
    """
    found = run(case, **names)
    rtol = case.spec.get("rtol", RTOL) if rtol is None else rtol
    atol = case.spec.get("atol", ATOL) if atol is None else atol
    wanted = case.expected()
    if isinstance(wanted.get("raises"), dict):  # the wording may be better than Keras's
        found, wanted = ({"raises": x["raises"]["type"]} for x in (found, wanted))
    same(found, wanted, rtol, atol)


def same(found, wanted, rtol=RTOL, atol=ATOL, at="out"):
    """Asserts that two trees of results agree; of a dictionary, that it has what is wanted."""
    if isinstance(wanted, dict):
        assert set(wanted) <= set(found), f"{at}: {sorted(found)}"
        for k, v in wanted.items():
            same(found[k], v, rtol, atol, f"{at}[{k!r}]")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), f"{at}: {len(found)} items, not {len(wanted)}"
        for i, v in enumerate(wanted):
            same(found[i], v, rtol, atol, f"{at}[{i}]")
    elif wanted is None or isinstance(wanted, (str, bool)):
        assert found == wanted, at
    else:
        found, wanted = np.asarray(found), np.asarray(wanted)
        assert found.shape == wanted.shape, at
        if wanted.dtype.kind in "fc":
            np.testing.assert_allclose(found, wanted, rtol, atol, err_msg=at)
        else:
            np.testing.assert_array_equal(found, wanted, err_msg=at)


def run(case, **more):
    """What the program of a case puts into `out`, evaluated, with gradients where it has them."""
    K, spec = kforge.backend, case.spec
    settings = K.epsilon(), K.floatx(), K.image_data_format()
    kforge.config.reset_uids()
    names = {"keras": kforge, "K": K, "L": kforge.layers, "np": np, "out": {}, "data": str(DATA)}
    names.update(more, init=_Initial(case))
    for name, kind in spec["args"].items():
        array = case.array(f"in_{name}")
        made = {"variable": K.variable, "constant": K.constant, "numpy": lambda a, dtype: a}[kind]
        names[name] = made(array, dtype=array.dtype.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.random.seed(0)
            exec(compile(spec["code"], os.devnull, "exec"), names)
        return _evaluated(_with_gradients(names, case))
    finally:
        for setter, value in zip((K.set_epsilon, K.set_floatx, K.set_image_data_format), settings):
            setter(value)


class _Initial:
    """`init(model)` in a program: gives a model its stored first weights."""

    def __init__(self, case):
        self.case, self.count = case, 0

    def __call__(self, model):
        model.set_weights(self.case.listed(f"init{self.count}_"))
        self.count += 1
        return model


def _with_gradients(names, case):
    K, out, wanted = kforge.backend, names["out"], case.spec.get("grads")
    if wanted:
        ys = out["y"] if isinstance(out["y"], (list, tuple)) else [out["y"]]
        total = sum(K.sum(y * K.constant(g)) for y, g in zip(ys, case.listed("G")))
        out["grads"] = dict(zip(wanted, K.gradients(total, [names[n] for n in wanted])))
    return out


def _evaluated(tree):
    if isinstance(tree, dict):
        return {str(k): _evaluated(v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_evaluated(v) for v in tree]
    if tree is None or isinstance(tree, (str, bool, int, float, np.ndarray, np.generic)):
        return tree
    return np.asarray(kforge.backend.eval(tree))

"""Programs for TensorFlow 1 give what they gave there."""

import json
import pathlib

import pytest

import kforge
from tests.compat.tensorflow_programs import PROGRAMS, plain

RECORDED = pathlib.Path(__file__).parent.parent / "data" / "tensorflow_programs.json"


@pytest.fixture(scope="module", autouse=True)
def tf():
    kforge.install()
    import tensorflow

    yield tensorflow
    kforge.uninstall()


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text())


def same(found, wanted):
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float):
        return found == pytest.approx(wanted, rel=2e-4, abs=2e-5)
    return found == wanted and type(found) is type(wanted)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_results(tf, recorded, program):
    tf.reset_default_graph()
    found, wanted = plain(program(tf)), recorded[program.__name__]
    different = [pair for pair in zip(found, wanted) if not same(*pair)]
    assert same(found, wanted), different

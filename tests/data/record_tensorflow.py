"""Writes tensorflow.npz, the values of the expressions in compat/tensorflow_*cases.py, and
tensorflow_programs.json, the results of compat/tensorflow_programs.py.

Run by a Python that has TensorFlow: python tests/data/record_tensorflow.py
"""

import importlib.util
import json
import os

import numpy as np
import tensorflow

FOLDER = os.path.dirname(os.path.abspath(__file__))

tf = tensorflow.compat.v1
tf.disable_v2_behavior()


def cases(name):
    path = os.path.join(os.path.dirname(FOLDER), "compat", f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record_programs(found):
    results = {}
    for program in found.PROGRAMS:
        tf.reset_default_graph()
        results[program.__name__] = found.plain(program(tensorflow))
    with open(os.path.join(FOLDER, "tensorflow_programs.json"), "w") as f:
        json.dump(results, f)
        f.write("\n")


def main():
    found, recorded = cases("tensorflow_cases"), {}
    for code in (*found.CASES, *cases("tensorflow_library_cases").CASES):
        with tf.Graph().as_default(), tf.Session() as session:
            names = {k: tf.placeholder(v.dtype, v.shape) for k, v in found.ARRAYS.items()}
            out = eval(code, {"tf": tf, "np": np, **names})
            feeds = {names[k]: v for k, v in found.ARRAYS.items()}
            values = session.run(out, feeds)
        several = isinstance(values, (list, tuple))
        for i, value in enumerate(values if several else [values]):
            recorded[f"{code}|{i if several else ''}"] = np.asarray(value)
    record_programs(cases("tensorflow_programs"))
    np.savez_compressed(os.path.join(FOLDER, "tensorflow.npz"), **recorded)


if __name__ == "__main__":
    main()

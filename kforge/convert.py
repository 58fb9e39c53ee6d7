"""`python -m kforge.convert`: model files from one format to another, on the command line."""

import argparse
import contextlib
import logging
import os
import sys
import warnings

import numpy as np
import torch

from . import saving
from .layers import Embedding
from .models import load_model, model_from_json, model_from_yaml
from .saving.contents import copy_weights, describe, has_model
from .saving.files import open_reader, open_writer
from .saving.targets import save_for
from .utils.atomic import atomic_write
from .utils.terminal import printable

__all__ = ["main"]

HDF5 = (".h5", ".hdf5")
WEIGHTS = (*HDF5, ".safetensors")
ENDINGS = (*WEIGHTS, ".pt2", ".onnx")

DESCRIPTION = """\
Converts a model between files of Keras 1.2 to 2.3, tf.keras, tf_keras and kforge (.h5), safetensors
files (.safetensors), programs of torch.export (.pt2) and ONNX (.onnx). No code in a file is run.
"""

EPILOG = """\
exit status: 0 when all is done, 1 when the file cannot be read or converted or --check fails (the
reason is on standard error), 2 for wrong arguments.
"""

# Sizes for --check where a model takes any.
BATCH, SIZE = 2, 64
TOLERANCE = 1e-4


class Refusal(Exception):
    """A conversion that is not possible; the message says why."""


def main(arguments=None):
    """Runs the command line, gives its exit status; see `python -m kforge.convert --help`."""
    options = _parsed(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *args, **kwargs: _say("warning", message)
        try:
            return _run(options)
        except (Refusal, OSError, ValueError, NotImplementedError, ImportError) as error:
            _say("error", error)
            return 1


def _parsed(arguments):
    parser = argparse.ArgumentParser(
        "python -m kforge.convert",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", help="the file to read: .h5 or .safetensors")
    parser.add_argument("output", nargs="?", help=f"the file to write: {', '.join(ENDINGS)}")
    parser.add_argument(
        "--architecture", metavar="FILE", help="the model's JSON or YAML, if INPUT has only weights"
    )
    parser.add_argument("--inspect", action="store_true", help="print what is in the input")
    parser.add_argument(
        "--check", action="store_true", help="compare what both files compute on random data"
    )
    parser.add_argument(
        "--dialect",
        choices=["keras2", "tf_keras"],
        default="keras2",
        help="whose .h5 to write: Keras 2.0 to 2.3's (the default) or tf.keras's",
    )
    parser.add_argument(
        "--channels-first",
        action="store_true",
        help="images of .pt2 and .onnx have channels second",
    )
    options = parser.parse_args(arguments)
    if options.output is None and not options.inspect:
        parser.error("give an output file, or --inspect")
    if options.output is not None and _ending(options.output) not in ENDINGS:
        parser.error(f"the output has to end in one of {', '.join(ENDINGS)}: {options.output}")
    if options.check and options.output is None:
        parser.error("--check needs an output file")
    if options.channels_first and _ending(options.output or "") in WEIGHTS:
        parser.error("--channels-first is for .pt2 and .onnx files")
    return options


def _run(options):
    with open_reader(options.input) as reader:
        if options.inspect:
            print("\n".join(describe(reader)))
        if options.output is None:
            return 0
        if not has_model(reader) and options.architecture is None:
            _copy(reader, options)
            return 0
        is_compiled = reader.text("training_config") is not None
    model = _model(options, is_compiled and _ending(options.output) in WEIGHTS)
    _write(model, options)
    print(f"wrote {options.output}")
    return _check(model, options) if options.check else 0


def _copy(reader, options):
    """Weights without a model, which stay as they are."""
    if options.check or _ending(options.output) not in WEIGHTS:
        raise Refusal(
            f"{options.input} has only weights. Give the model, which `model.to_json()` wrote, as "
            "`--architecture model.json`."
        )
    with open_writer(options.output) as writer:
        copy_weights(reader, writer)
    print(f"wrote {options.output}")


# ---- reading and writing ------------------------------------------------------------------------


def _model(options, compile):
    try:
        if options.architecture is None:
            return load_model(options.input, compile=compile)
        with open(options.architecture, "rb") as file:
            text = file.read()
        is_json = text.lstrip().startswith(b"{")
        model = (model_from_json if is_json else model_from_yaml)(text)
        model.load_weights(options.input)
        return model
    except ValueError as error:
        if "custom_objects" not in str(error):
            raise
        raise Refusal(
            f"{error}\nThis command runs no code but kforge's own. Convert the file in a program "
            f"that has the class or function:\n"
            f"    from kforge.models import load_model\n"
            f"    model = load_model({options.input!r}, custom_objects={{...}})\n"
            f"    model.save({_example(options.output)!r})  # or model.to_torch()"
        ) from error


def _write(model, options):
    ending = _ending(options.output)
    data_format = "channels_first" if options.channels_first else "channels_last"
    if ending == ".pt2":
        program = saving.to_program(model, data_format)
        with atomic_write(options.output) as file:
            torch.export.save(program, file)
    elif ending == ".onnx":
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # of packages that are not needed
        saving.to_onnx(model, options.output, data_format)
    elif ending in HDF5:
        save_for(options.dialect, model, options.output)
    else:
        model.save(options.output)


def _ending(path):
    return os.path.splitext(path)[1].lower()


def _example(path):
    return path if _ending(path) in WEIGHTS else "model.safetensors"


# ---- checking -----------------------------------------------------------------------------------


def _check(model, options):
    """Compares what both models compute; gives the exit status."""
    inputs = _random_inputs(model)
    wanted = _listed(model.predict(inputs, batch_size=len(inputs[0])))
    if options.channels_first:
        inputs = [np.moveaxis(x, -1, 1) if x.ndim in (4, 5) else x for x in inputs]
    found = RUNNERS.get(_ending(options.output), _predicted)(options.output, inputs)
    worst = max(_difference(f, w) for f, w in zip(found, wanted, strict=True))
    if not worst <= TOLERANCE:
        raise Refusal(f"check failed: the outputs differ by {worst:.1e}, relative to the largest.")
    print(f"checked: the outputs differ by {worst:.1e} at most, relative to the largest")
    return 0


def _difference(found, wanted):
    """The largest difference, as a part of the largest value; infinite for other shapes."""
    found, wanted = np.asarray(found, "float64"), np.asarray(wanted, "float64")
    if found.shape != wanted.shape:
        return float("inf")
    if np.array_equal(found, wanted, equal_nan=True):
        return 0.0
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))


def _random_inputs(model):
    """Arrays that the model takes: whole numbers where it looks them up in tables."""
    rng = np.random.RandomState(0)
    tables = [part.input_dim for part in model.modules() if isinstance(part, Embedding)]
    found = []
    for tensor in model.inputs:
        batch, *shape = tensor.shape
        shape = [BATCH if batch is None else batch, *(SIZE if n is None else n for n in shape)]
        if tables or not tensor.dtype.is_floating_point:
            x = rng.randint(0, min(tables, default=2), shape)
        else:
            x = rng.normal(size=shape)
        found.append(torch.as_tensor(x).to(tensor.dtype).numpy())
    return found


def _predicted(path, inputs):
    model = load_model(path, compile=False)
    return _listed(model.predict(inputs, batch_size=len(inputs[0])))


def _run_program(path, inputs):
    with torch.no_grad():
        return _listed(torch.export.load(path).module()(*map(torch.as_tensor, inputs)))


def _run_onnx(path, inputs):
    with contextlib.suppress(ImportError):
        from onnxruntime import InferenceSession

        session = InferenceSession(path)
        return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs)})
    import onnx
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(onnx.load(path))
    return session.run(None, dict(zip(session.input_names, inputs)))


RUNNERS = {".pt2": _run_program, ".onnx": _run_onnx}


def _listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _say(kind, message):
    lines = str(message).split("\n")  # which may be those of a file
    print(f"{kind}:", "\n".join(map(printable, lines)), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""`tf.train`'s checkpoints: variables by name in TensorFlow's own files."""

import glob
import os
import re
import types

from . import errors
from .bundle import read_bundle, shapes_and_dtypes, write_bundle
from .scopes import global_variables

__all__ = [
    "NewCheckpointReader",
    "Saver",
    "checkpoint_exists",
    "get_checkpoint_state",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]


class NewCheckpointReader:
    """The tensors of a checkpoint, read as they are asked for."""

    def __init__(self, filepattern):
        self._prefix = _prefix(filepattern)
        self._found = shapes_and_dtypes(self._prefix)

    def get_variable_to_shape_map(self):
        """{name: shape, a list}."""
        return {name: list(shape) for name, (shape, _) in self._found.items()}

    def get_variable_to_dtype_map(self):
        """{name: dtype}."""
        return {name: dtype for name, (_, dtype) in self._found.items()}

    def has_tensor(self, tensor_str):
        """Whether there is a tensor of this name."""
        return tensor_str in self._found

    def get_tensor(self, tensor_str):
        """The value of a tensor, a NumPy array; `NotFoundError` if there is none of this name."""
        if tensor_str not in self._found:
            raise errors.NotFoundError(f"Key {tensor_str} not found in checkpoint {self._prefix}.")
        return read_bundle(self._prefix, [tensor_str])[tensor_str]


def _prefix(path):
    """The checkpoint at a path, or the latest one in a folder."""
    path = os.fspath(path)
    found = latest_checkpoint(path) if os.path.isdir(path) else path
    if found is None or not os.path.exists(f"{found}.index"):
        raise errors.NotFoundError(f"There is no checkpoint {path!r}: no file {path}.index.")
    return found


load_checkpoint = NewCheckpointReader


def load_variable(ckpt_dir_or_file, name):
    """The value of a variable in a checkpoint, a NumPy array."""
    return NewCheckpointReader(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def list_variables(ckpt_dir_or_file):
    """Pairs of (name, shape) of what a checkpoint holds."""
    return sorted(NewCheckpointReader(ckpt_dir_or_file).get_variable_to_shape_map().items())


def checkpoint_exists(checkpoint_prefix):
    """Whether there is a checkpoint."""
    return os.path.exists(f"{checkpoint_prefix}.index")


# ---- which there are ----------------------------------------------------------------------------


def get_checkpoint_state(checkpoint_dir, latest_filename=None):
    """What the list in a folder says: `model_checkpoint_path`, the latest; None without a list."""
    path = os.path.join(checkpoint_dir, latest_filename or "checkpoint")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        text = f.read()
    pairs = re.findall(r'^(\w+): "(.*)"$', text, re.MULTILINE)
    whole = [(key, _within(checkpoint_dir, path.replace('\\"', '"'))) for key, path in pairs]
    return types.SimpleNamespace(
        model_checkpoint_path=next((p for k, p in whole if k == "model_checkpoint_path"), ""),
        all_model_checkpoint_paths=[p for k, p in whole if k == "all_model_checkpoint_paths"],
    )


def _within(folder, path):
    return path if os.path.isabs(path) else os.path.join(folder, path)


def latest_checkpoint(checkpoint_dir, latest_filename=None):
    """The latest checkpoint that a folder lists, None if there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


# ---- saving -------------------------------------------------------------------------------------


class Saver:
    """Saves variables by their names, and restores them; files are TensorFlow's.

    `var_list`: variables, or {name: variable}; all that there are without it. Of the checkpoints
    of a folder the latest `max_to_keep` stay. A graph is not saved.
    """

    def __init__(
        self,
        var_list=None,
        reshape=False,
        sharded=False,
        max_to_keep=5,
        keep_checkpoint_every_n_hours=10000.0,
        name=None,
        restore_sequentially=False,
        saver_def=None,
        builder=None,
        defer_build=False,
        allow_empty=False,
        **kwargs,
    ):
        given = global_variables() if var_list is None else var_list
        if not isinstance(given, dict):
            given = list(given)
            names = [v.name.removesuffix(":0") for v in given]
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(
                    f"At least two variables have the same name: {twice[0]}. Give a dictionary, "
                    "{name: variable}, or `Model.save_weights` what layers hold."
                )
            given = dict(zip(names, given))
        if not given and not allow_empty:
            raise ValueError("No variables to save")
        self._variables, self._most, self._kept = dict(given), max_to_keep, []

    @property
    def last_checkpoints(self):
        """The checkpoints that this one saved and kept."""
        return list(self._kept)

    def save(
        self,
        sess,
        save_path,
        global_step=None,
        latest_filename=None,
        meta_graph_suffix="meta",
        write_meta_graph=True,
        write_state=True,
        strip_default_attrs=False,
        save_debug_info=False,
    ):
        """Writes a checkpoint, `save_path` with the number of the step; gives its path."""
        folder = os.path.dirname(save_path)
        if folder and not os.path.isdir(folder):
            raise ValueError(f"Parent directory of {save_path} doesn't exist, can't save.")
        if global_step is not None:
            step = global_step.eval() if hasattr(global_step, "eval") else global_step
            save_path = f"{save_path}-{int(step)}"
        write_bundle(save_path, {n: v.numpy() for n, v in self._variables.items()})
        self._kept = [*(p for p in self._kept if p != save_path), save_path]
        while self._most and len(self._kept) > self._most:
            for path in glob.glob(f"{glob.escape(self._kept.pop(0))}.*"):
                os.remove(path)
        if write_state:
            self._list(folder, latest_filename or "checkpoint", save_path)
        return save_path

    def _list(self, folder, name, latest):
        paths = [("model_checkpoint_path", latest)]
        paths += [("all_model_checkpoint_paths", path) for path in self._kept]
        lines = []
        for key, path in paths:
            path = path if os.path.isabs(path) else os.path.relpath(path, folder or ".")
            quoted = path.replace('"', '\\"')
            lines.append(f'{key}: "{quoted}"\n')
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.writelines(lines)

    def restore(self, sess, save_path):
        """Sets the variables to what a checkpoint holds; `NotFoundError` where it lacks one."""
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        held = shapes_and_dtypes(_prefix(save_path))
        for name, variable in self._variables.items():
            if name not in held:
                raise errors.NotFoundError(
                    f"Key {name} not found in checkpoint {save_path}. It has {sorted(held)[:5]}..."
                )
            if tuple(held[name][0]) != tuple(variable.shape):
                raise errors.InvalidArgumentError(
                    f"{name}: the checkpoint {save_path} has shape {tuple(held[name][0])}, the "
                    f"variable {tuple(variable.shape)}."
                )
        for name, value in read_bundle(save_path, list(self._variables)).items():
            variable = self._variables[name]
            setter = getattr(variable, "load", variable.assign)
            setter(value)

"""Callbacks: what happens at the beginning and the end of batches, epochs and trainings."""

from .. import parallel
from .backup import BackupAndRestore
from .base import BaseLogger, Callback, CallbackList, History, LambdaCallback, TerminateOnNaN
from .checkpoints import EarlyStopping, ModelCheckpoint
from .progress import EpochLines, EvaluationBar, ProgbarLogger
from .rates import LearningRateScheduler, ReduceLROnPlateau
from .records import CSVLogger, RemoteMonitor
from .tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
]


def configure(
    callbacks,
    model,
    mode="train",
    verbose=0,
    validation_data=None,
    count_mode="samples",
    batches=None,
    **params,
):
    """The `CallbackList` of a loop: what the user gave, and what `verbose` asks for.

    `mode` is "train", "test" or "predict". Of a training, `model.history` becomes the record, and
    `batches` are its data, whose `order`, if any, is part of backups. `params` are those of
    `Callback.params`.
    """
    given = callbacks.callbacks if isinstance(callbacks, CallbackList) else callbacks
    given = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
    for callback in given:
        if isinstance(callback, type):
            raise TypeError(
                f"`callbacks` has the class {callback.__name__} in it; pass an object of it, "
                f"`{callback.__name__}(...)`."
            )
    verbose = verbose if parallel.is_first() else 0
    if mode == "train":
        shown = [ProgbarLogger, EpochLines][verbose == 2](count_mode)
        model.history = History()
        given = [*([shown] if verbose else []), *given, model.history]
    elif verbose == 1:
        given.append(EvaluationBar())
    found = CallbackList([c for c in given if parallel.is_first() or not _is_report(c)])
    for callback in given:
        if isinstance(callback, BackupAndRestore):
            callback.callbacks = [c for c in given if isinstance(c, Callback) and c is not callback]
            callback.batches = batches
    found.set_params({**params, "verbose": verbose})
    found.set_model(model)
    for callback in given:
        callback.validation_data = validation_data
    return found


def _is_report(callback):
    return getattr(callback, "is_report", False)

"""What the facade does not have, but many scripts have met, and what to use instead."""

__all__ = ["advice"]

_FROZEN = (
    "there is no graph of TensorFlow to freeze or write: `model.to_torch()` gives a module of "
    "torch alone, `kforge.saving.export.to_onnx(model, path)` an ONNX file, `model.save(path)` HDF5"
)
_RECORDS = "read records by a generator, or convert them once to HDF5 or NumPy's files"
_ESTIMATOR = "train a `keras.Model` by `compile` and `fit`"
_SLIM = "build the network of `keras.layers` or `tf.layers`; `keras.applications` has known ones"

_ADVICE = {
    "GraphDef": _FROZEN,
    "TFRecordReader": _RECORDS,
    "contrib.crf": "write the forward algorithm with `K.rnn`, or use a layer of the script's own",
    "contrib.eager": "`tf.GradientTape` and `tf.function` run code at once",
    "contrib.estimator": _ESTIMATOR,
    "contrib.learn": _ESTIMATOR,
    "contrib.lite": _FROZEN,
    "contrib.seq2seq": "loop with `tf.while_loop` or `K.rnn`",
    "contrib.slim.nets": _SLIM,
    "contrib.tpu": "kforge runs on what PyTorch runs on: CPUs and CUDA devices",
    "contrib.tensorrt": _FROZEN,
    "data.TFRecordDataset": _RECORDS,
    "data.experimental": "`tf.data.Dataset` has the plain steps",
    "estimator": _ESTIMATOR,
    "feature_column": "`keras.layers.Embedding`, `keras.utils.to_categorical` and `Concatenate`",
    "graph_util": _FROZEN,
    "import_graph_def": "load the model's HDF5 file by `keras.models.load_model`",
    "io.parse_single_example": _RECORDS,
    "io.write_graph": _FROZEN,
    "lite": _FROZEN,
    "lookup": "a Python dictionary, before the data come to the model",
    "nn.all_candidate_sampler": "`tf.nn.sampled_softmax_loss` and `tf.nn.nce_loss` draw classes",
    "parse_example": _RECORDS,
    "parse_single_example": _RECORDS,
    "profiler": "`torch.profiler` measures; `kforge.Model.summary` counts parameters",
    "python_io": _RECORDS,
    "python.framework.convert_to_constants": _FROZEN,
    "python.framework.graph_io": _FROZEN,
    "python.framework.graph_util": _FROZEN,
    "python.saved_model": _FROZEN,
    "python.tools": _FROZEN,
    "quantization": "`torch.ao.quantization`, on `model.to_torch()`",
    "saved_model": _FROZEN,
    "sparse_placeholder": "`K.placeholder(shape, sparse=True)`, fed with SciPy's matrices",
    "tpu": "kforge runs on what PyTorch runs on: CPUs and CUDA devices",
    "train.Checkpoint": "`Model.save_weights`, or `tf.train.Saver` for variables by name",
    "train.CheckpointManager": "`keras.callbacks.ModelCheckpoint`, or `tf.train.Saver`",
    "train.Example": _RECORDS,
    "train.MonitoredTrainingSession": "`tf.Session`, and `tf.train.Saver` to save",
    "train.import_meta_graph": "build the model, then `tf.train.Saver().restore(session, path)`",
    "train.shuffle_batch": "`tf.data.Dataset.from_tensor_slices(...).shuffle(n).batch(m)`",
    "train.slice_input_producer": "`tf.data.Dataset.from_tensor_slices`",
    "train.string_input_producer": "`tf.data.Dataset.list_files`",
    "train.write_graph": _FROZEN,
}


def advice(path):
    """What to use instead of a symbol, ``tensorflow.`` left out; "" where nothing is known."""
    path = path.removeprefix("compat.v1.").removeprefix("compat.v2.")
    while path:
        if path in _ADVICE:
            return f" Instead: {_ADVICE[path]}."
        path = path.rpartition(".")[0]
    return ""

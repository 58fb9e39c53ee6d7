"""Writes what TensorBoard shows."""

import os

import numpy as np

from .. import backend as K
from .base import Callback

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes logs, histograms, the graph of layers, images of weights and embeddings to `log_dir`.

    Every `histogram_freq` epochs: histograms of weights and, of the first `batch_size` samples of
    the validation data, of the outputs of layers and, with `write_grads`, of gradients; with
    `write_images` also weights as images. Every `embeddings_freq` epochs: what the layers
    `embeddings_layer_names` (all Embedding layers if None) make of `embeddings_data`, with labels
    from the file or {layer: file} `embeddings_metadata`, looked for in `log_dir` first. Logs are
    written after each epoch, or after each batch (`update_freq` "batch"), or every `update_freq`
    samples.
    """

    is_report = True

    def __init__(
        self,
        log_dir="./logs",
        histogram_freq=0,
        batch_size=32,
        write_graph=True,
        write_grads=False,
        write_images=False,
        embeddings_freq=0,
        embeddings_layer_names=None,
        embeddings_metadata=None,
        embeddings_data=None,
        update_freq="epoch",
    ):
        self.log_dir, self.batch_size = log_dir, batch_size or 32
        self.histogram_freq, self.write_graph = histogram_freq, write_graph
        self.write_grads, self.write_images = write_grads, write_images
        self.embeddings_freq, self.embeddings_layer_names = embeddings_freq, embeddings_layer_names
        self.embeddings_metadata, self.embeddings_data = embeddings_metadata or {}, embeddings_data
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.samples_seen = self.samples_seen_at_last_write = 0
        # Scripts look at `merged`, TensorFlow's summaries in one: here `writer` writes each itself.
        self.writer = self.merged = None
        if update_freq == "epoch" and type(self).on_batch_end is TensorBoard.on_batch_end:
            self.on_batch_end = super().on_batch_end  # the loop need not call anything

    def set_model(self, model):
        """Opens a file of events, and writes the graph."""
        self.model = model
        self._functions = {}
        self.writer = _writer()(str(self.log_dir))
        if self.write_graph:
            self.writer.file_writer.add_event(_graph_event(model))
        if self.embeddings_freq and self.embeddings_data is None:
            raise ValueError("To visualize embeddings, embeddings_data must be provided.")

    def on_batch_end(self, batch, logs=None):
        """Writes the logs of a batch, if it is time."""
        self.samples_seen += logs["size"]
        if self.samples_seen - self.samples_seen_at_last_write >= self.update_freq:
            self._write_logs(logs, self.samples_seen)
            self.samples_seen_at_last_write = self.samples_seen

    def on_epoch_end(self, epoch, logs=None):
        """Writes the logs of an epoch and, if it is time, the rest."""
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            if not self.validation_data:
                raise ValueError(
                    "If printing histograms, validation_data must be provided, and cannot be a "
                    "generator."
                )
            self._write_weights(epoch)
            self._write_values(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        self._write_logs(logs, epoch if self.update_freq == "epoch" else self.samples_seen)
        self.writer.flush()

    def on_train_end(self, _):
        """Closes the file."""
        self.writer.close()

    def _write_logs(self, logs, index):
        for name, value in logs.items():
            if name not in ("batch", "size") and np.ndim(value) == 0:
                self.writer.add_scalar(name, value, index)

    def _write_weights(self, epoch):
        for weight in (w for layer in self.model.layers for w in layer.weights):
            name, value = weight.name.replace(":", "_"), weight.numpy()
            self.writer.add_histogram(name, value, epoch)
            image = _as_image(value) if self.write_images else None
            if image is not None:
                self.writer.add_image(name, image, epoch, dataformats="HW")

    def _write_values(self, epoch):
        """Histograms of outputs and gradients."""
        model, data = self.model, [a[: self.batch_size] for a in self.validation_data]
        inputs, targets = list(model.inputs), list(model.targets)
        tensors = {}
        for layer in model.layers:
            outputs = layer.get_output_at(0)
            outputs = outputs if isinstance(outputs, list) else [outputs]
            names = [f"{layer.name}_out_{i}" for i in range(len(outputs))]
            tensors.update(zip(names if len(outputs) > 1 else [f"{layer.name}_out"], outputs))
        self._write_histograms("out", inputs, tensors, data[: len(inputs)], epoch)
        if self.write_grads:
            weights = model.trainable_weights
            if "grad" not in self._functions:
                names = [f"{w.name.replace(':', '_')}_grad" for w in weights]
                tensors = dict(zip(names, K.gradients(model.total_loss, weights)))
            fed = inputs + targets + list(model.sample_weights)
            data += [np.ones(len(data[0])) for _ in fed[len(data) :]]
            self._write_histograms("grad", fed, tensors, data[: len(fed)], epoch)

    def _write_histograms(self, kind, inputs, tensors, data, epoch):
        if kind not in self._functions:
            function = K.function([*inputs, K.learning_phase()], list(tensors.values()))
            self._functions[kind] = (list(tensors), function)
        names, function = self._functions[kind]
        for name, value in zip(names, function([*data, 0])):
            self.writer.add_histogram(name, np.asarray(value), epoch)

    def _write_embeddings(self, epoch):
        model, data = self.model, self.embeddings_data
        data = data if isinstance(data, list) else [data]
        wanted = self.embeddings_layer_names or [
            layer.name for layer in model.layers if type(layer).__name__ == "Embedding"
        ]
        if "embeddings" not in self._functions:
            outputs = [model.get_layer(name).output for name in wanted]
            function = K.function([*model.inputs, K.learning_phase()], outputs)
            self._functions["embeddings"] = function
        for name, value in zip(wanted, self._functions["embeddings"]([*data, 0])):
            files = self.embeddings_metadata
            file = files.get(name) if isinstance(files, dict) else files
            self.writer.add_embedding(
                value.reshape(len(value), -1),
                tag=name,
                global_step=epoch,
                **_labels(file, self.log_dir),
            )


def _writer():
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "The TensorBoard callback needs the tensorboard package: "
            "`pip install kforge[tensorboard]`."
        ) from error

    class Writer(SummaryWriter):
        """Takes the summaries of TensorFlow, too, which callbacks of scripts add to it."""

        def add_summary(self, summary, global_step=None):
            """Adds a summary, serialized or not, of a step."""
            if isinstance(summary, bytes):
                from tensorboard.compat.proto.summary_pb2 import Summary

                summary = Summary.FromString(summary)
            self.file_writer.add_summary(summary, global_step)

    return Writer


def _graph_event(model):
    """The layers of a model and what each takes, as TensorBoard's graph page shows it."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef

    graph = GraphDef()
    for layer in model.layers:
        inputs = {
            source.name: None for node in layer._inbound_nodes for source in node.inbound_layers
        }
        graph.node.append(NodeDef(name=layer.name, op=type(layer).__name__, input=list(inputs)))
    return Event(graph_def=graph.SerializeToString())


def _as_image(weight):
    """A picture of a weight, numbers from 0 to 1; None of those that have too many axes."""
    image = np.squeeze(weight)
    if image.ndim == 0 or image.ndim > 3:
        return None
    if image.ndim == 1:
        image = image[None]
    elif image.ndim == 3:  # kernels one below the other
        image = np.moveaxis(image, -1, 0).reshape(-1, image.shape[1])
    elif image.shape[0] > image.shape[1]:
        image = image.T
    low, high = image.min(), image.max()
    return (image - low) / ((high - low) or 1.0)


def _labels(file, folder):
    """Arguments of `add_embedding` for the lines of a file; with tabs, the first is a header."""
    if not file:
        return {}
    in_folder = os.path.join(folder, file)
    with open(in_folder if os.path.exists(in_folder) else file, encoding="utf-8") as f:
        lines = [line.split("\t") for line in f.read().splitlines()]
    if len(lines[0]) == 1:
        return {"metadata": [line[0] for line in lines]}
    return {"metadata": lines[1:], "metadata_header": lines[0]}

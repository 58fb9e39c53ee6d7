"""Models as plain torch modules, which need nothing of this package."""

import contextlib
import copy
import logging
import warnings

import torch
from torch import fx

from .. import config, differentiation, generated, lowering, operations, passes, symbolic
from ..backend import nn as backend_nn
from ..backend.loops import Loop as RecordedLoop
from ..execution import giving
from ..module_runner import ModuleRunner
from ..symbolic import KerasTensor, Op
from ..trees import leaves, map_leaves
from ..utils.atomic import atomic_write
from ..variable import UPDATES, Variable, pending_change
from .expansions import EXPANSIONS, KERNELS, SizedTensor, is_order_of_flags
from .portable import Loop
from .raising import Names, part_name, raise_modules, sweep

__all__ = ["to_onnx", "to_program", "to_torch"]


# The size, in examples, of axes of which it is unknown: large enough for windows and strides.
_EXAMPLE = 64


def to_torch(model, data_format="channels_last"):
    """A `torch.nn.Module` that computes what `model.predict` does, with copies of the weights.

    It is an `fx.GraphModule` of `torch.nn` parts named after the layers, on the CPU, in eval mode;
    it pickles, and runs where this package is not installed. Inputs are as the model's; with
    `data_format` "channels_first", images and volumes (inputs of 4 and 5 axes) have their channels
    second. In train mode dropout and batch normalization train; noise of other kinds is left out.
    Stateful layers have their states as buffers, which each call changes.

    Raises `NotImplementedError`, naming the layer, for code that runs on values in Python.
    """
    return _export(model, config.check_data_format(data_format), Exporter)


def to_program(model, data_format="channels_last"):
    """`to_torch` as a `torch.export.ExportedProgram`; unknown sizes, as of the batch, stay so.

    With torch 2.6, recurrent layers need sequences of a known length.
    """
    data_format = config.check_data_format(data_format)
    module = _export(model, data_format, ProgramExporter)
    moved = data_format == "channels_first" and not _has_channels_first(model)
    batch, examples, dynamic = torch.export.Dim("batch"), [], []
    for tensor in model.inputs:
        shape = list(tensor.shape)
        if moved and len(shape) in (4, 5):
            shape = [shape[0], shape[-1], *shape[1:-1]]
        examples.append(
            torch.zeros([_EXAMPLE if n is None else n for n in shape], dtype=tensor.torch_dtype)
        )
        unknown = {i: torch.export.Dim.DYNAMIC for i, n in enumerate(shape) if n is None}
        dynamic.append({**unknown, 0: batch} if 0 in unknown else unknown)
    with warnings.catch_warnings():
        # torch's recurrent modules hold their weights a second time, in a list.
        warnings.filterwarnings("ignore", "The tensor attributes .*_flat_weights")
        return torch.export.export(
            module, tuple(examples), dynamic_shapes=tuple(dynamic), strict=False
        )


def to_onnx(model, path, data_format="channels_last"):
    """Writes `to_torch` as an ONNX file; inputs and outputs are called as their layers.

    Raises `NotImplementedError` for stateful models.
    """
    try:
        import onnxscript  # noqa: F401 - torch uses it
    except ImportError as error:
        raise ImportError("ONNX needs more packages: `pip install kforge[onnx]`.") from error
    if model.stateful:
        raise NotImplementedError(
            f"Model {model.name!r} is stateful, and ONNX has no state: take states as inputs "
            "(`initial_state`) and give them as outputs (`return_state`)."
        )
    program, names = to_program(model, data_format), model.output_names
    outputs = [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]
    with torch.no_grad(), _quiet_torch():
        made = torch.onnx.export(program, output_names=outputs, dynamo=True, verbose=False)
    with atomic_write(path) as file:
        file.write(made.model_proto.SerializeToString())


@contextlib.contextmanager
def _quiet_torch():
    """Within this context, torch does not warn of itself, and of packages that it could use."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _export(model, data_format, kind):
    if model.inputs is None:
        raise ValueError(
            f"Model {model.name!r} is not built: call it on data, or `build` it, to export it."
        )
    exporter = kind(model.inputs)
    results = exporter.compute(model.outputs, model.state_updates)
    if data_format == "channels_first" and not _has_channels_first(model):
        results = exporter.take_channels_first(results)
    trained = {id(w.native) for w in model.trainable_weights}
    return exporter.finish(results, generated.identifier(model.name), trained).cpu().eval()


def _has_channels_first(model):
    """Whether the model itself has channels second."""
    return any(getattr(m, "data_format", None) == "channels_first" for m in model.modules())


class Exporter(lowering.Builder):
    """Builds a graph whose tensors are attributes, and whose operations are all torch's."""

    def __init__(self, inputs, phase=0):
        super().__init__(inputs, phase)
        self.names, self.tensors, self.modules = Names(), {}, {}
        self.copies = {}  # ModuleRunner -> the name of its module

    # ---- what stands in the graph ----

    def hold(self, tensor):
        name = getattr(tensor, "keras_name", "constant")
        name = self.names.new(".".join(map(generated.identifier, name.split("/"))))
        self.tensors[name] = tensor
        return self.graph.get_attr(name)

    def value(self, x, side_effect=False):
        tensor = x.native if isinstance(x, Variable) else x
        if isinstance(tensor, torch.Tensor) and id(tensor) not in self.nodes:
            self.nodes[id(tensor)] = self.hold(tensor)  # met while an operation is expanded
        return super().value(x, side_effect)

    def emit(self, op):
        if op.func is differentiation.sum_gradients or (
            op.func is pending_change and op.args[1] is None
        ):
            raise self.impossible(op)
        if op.func is operations.phase_select and self.dropout(op):
            return
        super().emit(op)
        node = self.nodes.get((op, None))
        if isinstance(node, fx.Node):
            node.meta.setdefault("scope", op.scope)

    def dropout(self, op):
        """Whether `op` is plain dropout, now a module."""
        train, test = op.args
        if not isinstance(train, KerasTensor) or train.op.func is not backend_nn._dropout:
            return False
        dropped, rate = train.op.args[:2]
        if dropped.key != getattr(test, "key", None) or not isinstance(rate, float):
            return False
        name = part_name(op.scope, "dropout", self.names)
        module = torch.nn.Dropout(rate)
        self.nodes[op, None] = self.submodule(name, module, (self.value(test),))
        return True

    def submodule(self, name, module, args):
        """A call of a module."""
        self.modules[name] = module
        return self.graph.call_module(name, args)

    def call(self, op):
        function = op.func
        if isinstance(function, RecordedLoop):
            return self.loop(op)
        if isinstance(function, ModuleRunner):
            return self.module_call(op)
        if function in EXPANSIONS or not _is_torchs(function):
            return self.expand(op)
        settings = [x for x in leaves([op.args, op.kwargs]) if not _is_tensor(x)]
        is_method = getattr(torch.Tensor, getattr(function, "__name__", ""), None) is function
        if not is_method and not generated.can_say(function, settings):
            raise self.impossible(op)
        return super().call(op)

    # ---- operations that torch does not have ----

    def expand(self, op):
        """The nodes for what a function of this package does to tensors with sizes."""
        function = {**EXPANSIONS, **KERNELS}.get(op.func, op.func)
        args, kwargs = map_leaves(self.sized, [op.args, op.kwargs])
        start = Op(None).serial
        try:
            # What operations give has sizes.
            with giving(SizedTensor), symbolic.recording(), config.name_scope(op.scope):
                found = function(*args, **kwargs)
        except Exception as error:
            raise self.impossible(op) from error
        several = isinstance(found, (list, tuple))
        nodes = self.inline(list(found) if several else [found], start)
        if not several:
            return nodes[0]
        self.nodes.update({(op, i): node for i, node in enumerate(nodes)})
        return nodes

    def sized(self, x):
        """A tensor as one with sizes, on which everything is recorded."""
        if isinstance(x, torch.Tensor):
            stored = SizedTensor(Op(symbolic.placeholder), None, (x.detach().to("meta"),) * 2)
            self.nodes[stored.key] = self.value(x)
            return stored
        return SizedTensor(x.op, x.index, x.probes) if isinstance(x, KerasTensor) else x

    def loop(self, op):
        """A loop over steps: its body is a graph of its own."""
        elements, carry, _, _ = op.args
        trace = op.func.trace
        builder = BodyExporter(trace.inputs + trace.outside, self.phase)
        body = builder.finish(builder.compute(trace.outputs, ()), "Body", ())
        shared = [*trace.outside, *builder.captured]
        nodes = [[self.value(t) for t in tensors] for tensors in (elements, carry, shared)]
        module = Loop(body, trace.results, op.func.axis, op.func.backwards)
        name = self.names.new(f"{op.scope.replace('/', '.')}.loop".strip("."))
        return self.submodule(name, module, tuple(nodes))

    def module_call(self, op):
        """A call of a torch module that was a layer."""
        training, inputs, _ = op.args
        if training:
            raise self.impossible(op)
        args = tuple(self.value(x) for x in inputs)
        if op.func not in self.copies:
            module, name = copy.deepcopy(op.func.module), op.scope.replace("/", ".") or "module"
            self.names.taken -= {f"{name}.{own}" for own in module.state_dict()}
            name = self.copies[op.func] = self.names.new(name)
            self.modules[name] = module
        node = self.graph.call_module(self.copies[op.func], args)
        if not op.func.several:
            self.nodes[op, 0] = node
        return node

    def impossible(self, op):
        """The error for an operation that has no equivalent."""
        layer = f"Layer {op.scope}" if op.scope else "The model"
        return NotImplementedError(
            f"{layer}: the operation {op.name!r} runs Python code on values, or is no torch "
            "operation, and cannot be exported. Write it with functions of torch or of K that do "
            "not look at values, or export the part of the model before it."
        )

    # ---- the module ----

    def take_channels_first(self, results):
        """Inputs that are images or volumes come with channels second; gives the new `results`."""
        moved = {}
        for tensor in self.inputs:
            rank, node = len(tensor.shape), self.nodes[tensor.key]
            if rank in (4, 5):
                with self.graph.inserting_after(node):
                    last = self.graph.call_function(torch.permute, (node, (0, *range(2, rank), 1)))
                node.replace_all_uses_with(last, delete_user_cb=lambda user, n=last: user is not n)
                moved[node] = last
        return [moved.get(node, node) for node in results]

    def finish(self, results, name, trained):
        """The module that gives `results`: a tuple if there are several.

        `trained` has the ids of the tensors that are to require gradients.
        """
        changes = [
            self.graph.call_method(UPDATES[kind][0].__name__, (self.value(v), *operands, *extra))
            for kind, v, operands, extra in self.changes
        ]
        output = self.graph.output((tuple(results), changes))
        passes.simplify(self.graph)
        held = {name: _as_held(t, id(t) in trained) for name, t in self.tensors.items()}
        self.modules.update(self.raised(held))
        results = output.args[0][0]
        output.args = (self.returned(results),)
        root = torch.nn.Module()
        for node in self.graph.nodes:
            if node.op == "get_attr":
                _place(root, node.target, held[node.target])
            elif node.op == "call_module":
                _place(root, node.target, self.modules[node.target])
        self.graph.lint()
        return fx.GraphModule(root, self.graph, name)

    def raised(self, held):
        """Modules that now stand for calls of functions."""
        return raise_modules(self.graph, held, self.names)

    def returned(self, results):
        """What the module returns."""
        return results[0] if len(results) == 1 else results


class ProgramExporter(Exporter):
    """Builds graphs that `torch.export` takes for sequences of any length, and ONNX."""

    def call(self, op):
        if op.func is torch.argsort:
            fits = is_order_of_flags(op)
        else:
            fits = op.func in KERNELS and op.args[0].shape[0] is None
        return self.expand(op) if fits else super().call(op)


class BodyExporter(Exporter):
    """Builds the body of a loop: what it holds is passed to it, and it gives a tuple."""

    hold = lowering.Builder.hold

    def raised(self, held):
        sweep(self.graph)
        return {}

    def returned(self, results):
        return results


def _is_torchs(function):
    """Whether a process without this package has the function."""
    home = (getattr(function, "__module__", None) or "torch").partition(".")[0]
    return home != __name__.partition(".")[0]


def _is_tensor(x):
    return isinstance(x, (symbolic.Symbolic, torch.Tensor))


def _as_held(tensor, trains):
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(tensor.detach(), requires_grad=trains)
    return tensor.detach()


def _place(root, name, part):
    """Puts a module, or a copy of a tensor, under a dotted name."""
    *folders, last = name.split(".")
    for folder in folders:
        if folder not in root._modules:
            root.add_module(folder, torch.nn.Module())
        root = root._modules[folder]
    if isinstance(part, torch.nn.Module):
        root.add_module(last, part)
    elif last in root._parameters or last in root._buffers:
        return
    elif isinstance(part, torch.nn.Parameter):
        copied = torch.nn.Parameter(_copy(part), requires_grad=part.requires_grad)
        root.register_parameter(last, copied)
    else:
        root.register_buffer(last, _copy(part))


def _copy(tensor):
    return tensor.detach().clone(memory_format=torch.contiguous_format)

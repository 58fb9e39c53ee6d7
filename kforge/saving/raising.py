"""From calls of torch's functions to `torch.nn` modules, in a graph whose tensors are attributes.

A module with weights is named after the layer that has them, and stands for all calls that use
them. Where a weight is used in another way, too, the function stays.
"""

import inspect
import operator
from collections import defaultdict

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["Names", "part_name", "raise_modules", "sweep"]


class Names:
    """Names of the parts of a module, each given once, and none that modules have already."""

    def __init__(self):
        self.taken = set()

    def new(self, name):
        """`name`, with a number if it is taken; what is in no folder has no dots."""
        parts = [part + "_" * hasattr(torch.fx.GraphModule, part) for part in name.split(".")]
        inside = any(".".join(parts[:n]) in self.taken for n in range(1, len(parts)))
        name = base = ("_" if inside else ".").join(parts)
        number = 1
        while name in self.taken or any(known.startswith(f"{name}.") for known in self.taken):
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name


# ---- rules for functions with weights ----------------------------------------------------------
#
# A rule takes the function's arguments. It gives those of the module; the module's weights by
# name, as nodes; and what makes the module from tensors for those.


def _linear(input, weight, bias=None):
    def make(weight, **others):
        return nn.Linear(weight.shape[1], weight.shape[0], "bias" in others)

    return [input], {"weight": weight, "bias": bias}, make


def _convolution(kind):
    def rule(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        def make(weight, **others):
            outputs, inputs, *window = weight.shape
            options = {"dilation": dilation, "groups": groups, "bias": "bias" in others}
            return kind(inputs * groups, outputs, tuple(window), stride, padding, **options)

        return [input], {"weight": weight, "bias": bias}, make

    return rule


def _transposed(kind):
    def rule(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        def make(weight, **others):
            inputs, outputs, *window = weight.shape
            options = {"groups": groups, "bias": "bias" in others, "dilation": dilation}
            more = (tuple(window), stride, padding, output_padding)
            return kind(inputs, outputs * groups, *more, **options)

        return [input], {"weight": weight, "bias": bias}, make

    return rule


def _embedding(weight, input):
    return [input], {"weight": weight}, lambda weight: nn.Embedding(*weight.shape)


def _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn):
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    kind = kinds.get(len(input.meta.get("shape", ())))
    if kind is None or training:
        return None

    def make(running_mean, **others):
        affine = "weight" in others or "bias" in others
        module = kind(len(running_mean), eps, momentum, affine)
        module.num_batches_tracked = torch.zeros((), dtype=torch.int64, device="cpu")
        for name, value in (("weight", 1.0), ("bias", 0.0)):
            if affine and name not in others:
                fixed = torch.full_like(running_mean, value)
                setattr(module, name, nn.Parameter(fixed, requires_grad=False))
        return module

    weights = {"weight": weight, "bias": bias}
    return [input], {**weights, "running_mean": running_mean, "running_var": running_var}, make


def _recurrent(kind, **options):
    def rule(input, hidden, weights, biased, layers, dropout, train, bidirectional, batch_first):
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")

        def make(weight_ih_l0, weight_hh_l0, **others):
            size = weight_ih_l0.shape[1], weight_hh_l0.shape[1]
            return kind(*size, bias=biased, batch_first=batch_first, **options)

        states = hidden if isinstance(hidden, (list, tuple)) else [hidden]
        if all(_is_zero(state) for state in states):
            return [input], dict(zip(names, weights)), make
        hidden = tuple(hidden) if len(states) > 1 else hidden
        return [input, hidden], dict(zip(names, weights)), make

    return rule


def _is_zero(state):
    """Whether a state is what the module begins with by itself."""
    return state.target == "unsqueeze" and state.args[0].target == "new_zeros"


WEIGHTED = {
    F.linear: _linear,
    torch.conv1d: _convolution(nn.Conv1d),
    torch.conv2d: _convolution(nn.Conv2d),
    torch.conv3d: _convolution(nn.Conv3d),
    torch.conv_transpose1d: _transposed(nn.ConvTranspose1d),
    torch.conv_transpose2d: _transposed(nn.ConvTranspose2d),
    torch.conv_transpose3d: _transposed(nn.ConvTranspose3d),
    torch.embedding: _embedding,
    F.embedding: lambda input, weight: _embedding(weight, input),
    torch.batch_norm: _batch_norm,
    torch.lstm: _recurrent(nn.LSTM),
    torch.gru: _recurrent(nn.GRU),
    torch.rnn_tanh: _recurrent(nn.RNN, nonlinearity="tanh"),
    torch.rnn_relu: _recurrent(nn.RNN, nonlinearity="relu"),
}

# ---- rules for functions without weights --------------------------------------------------------

_POOL = {
    torch.max_pool1d: nn.MaxPool1d,
    torch.max_pool2d: nn.MaxPool2d,
    torch.max_pool3d: nn.MaxPool3d,
}
_MEAN = {F.avg_pool1d: nn.AvgPool1d, F.avg_pool2d: nn.AvgPool2d, F.avg_pool3d: nn.AvgPool3d}


def _pooling(kind):
    def rule(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
        return input, kind(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)

    return rule


def _averaging(kind):
    def rule(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        return input, kind(kernel_size, stride, padding, ceil_mode, count_include_pad)

    return rule


def _activation(kind):
    return lambda input, inplace=False: (input, kind())


STATELESS = {
    **{function: _pooling(kind) for function, kind in _POOL.items()},
    **{function: _averaging(kind) for function, kind in _MEAN.items()},
    torch.relu: _activation(nn.ReLU),
    F.relu: _activation(nn.ReLU),
    F.relu6: _activation(nn.ReLU6),
    torch.sigmoid: _activation(nn.Sigmoid),
    torch.tanh: _activation(nn.Tanh),
    F.selu: _activation(nn.SELU),
    F.softplus: _activation(nn.Softplus),
    F.softsign: _activation(nn.Softsign),
    F.elu: lambda input, alpha=1.0, inplace=False: (input, nn.ELU(alpha)),
    F.leaky_relu: lambda input, negative_slope=0.01, inplace=False: (
        input,
        nn.LeakyReLU(negative_slope),
    ),
    torch.softmax: lambda input, dim: (input, nn.Softmax(dim)),
}


def _apply(rules, node):
    """What the rule for a call gives, None if there is none for its arguments."""
    rule = rules.get(node.target) if node.op == "call_function" else None
    if rule is None:
        return None
    try:
        given = inspect.signature(rule).bind(*node.args, **node.kwargs)
    except TypeError:
        return None
    return rule(*(tuple(a) if isinstance(a, list) else a for a in given.args), **given.kwargs)


# ---- weights ------------------------------------------------------------------------------------

# What may be between an attribute and a weight of a module: it is computed now, once.
_FOLDED = {
    *("transpose", "t", "unsqueeze", "unbind", "chunk", "split"),
    *(torch.permute, torch.unsqueeze, torch.unbind, torch.chunk, torch.functional.split),
    *(torch.cat, torch.zeros_like, operator.getitem),
}


class _Weight:
    """The value of a node that follows from attributes alone, and their names."""

    def __init__(self, value, sources):
        self.value, self.sources = value, sources


class _Weights:
    """The nodes of a graph that are weights; `tensors` are its attributes by name."""

    def __init__(self, tensors):
        self.tensors, self.known = tensors, {}

    def find(self, node):
        """The `_Weight` of a node, or None."""
        if node not in self.known:
            self.known[node] = self._evaluate(node)
        return self.known[node]

    def _evaluate(self, node):
        if node.op == "get_attr":
            return _Weight(self.tensors[node.target], (node.target,))
        operands = [self.find(a) for a in node.all_input_nodes] or [None]
        if node.target not in _FOLDED or None in operands:
            return None
        values = dict(zip(node.all_input_nodes, (w.value for w in operands)))
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
        called = getattr(torch.Tensor, node.target) if node.op == "call_method" else node.target
        with torch.no_grad():
            return _Weight(called(*args, **kwargs), tuple(s for w in operands for s in w.sources))

    def users(self, graph, sources):
        """The nodes that use these attributes, or what follows from them, for something else."""
        found = set()
        waiting = [n for n in graph.nodes if n.op == "get_attr" and n.target in sources]
        while waiting:
            for user in waiting.pop().users:
                if self.find(user) is None:
                    found.add(user)
                else:
                    waiting.append(user)
        return found


def _filled(make, weights, tensors):
    """The module that `make` gives, with copies of the weights."""
    with torch.device("meta"):
        module = make(**{name: weight.value for name, weight in weights.items()})
    for name, weight in weights.items():
        own = weight.value.detach().clone(memory_format=torch.contiguous_format)
        if name in module._parameters:
            trains = any(tensors[s].requires_grad for s in weight.sources)
            own = nn.Parameter(own, requires_grad=trains)
        setattr(module, name, own)
    return module


# ---- all of a graph -----------------------------------------------------------------------------


def raise_modules(graph, tensors, names):
    """Replaces calls in `graph` by modules: gives {name: module}.

    `tensors` are the graph's attributes by name; nodes have the names of their layers as
    ``meta["scope"]``.
    """
    _rows_to_sequences(graph)
    modules = _raise_weighted(graph, _Weights(tensors), names)
    sweep(graph)
    names.taken = {n.target for n in graph.nodes if n.op in ("call_module", "get_attr")}
    for node in list(graph.nodes):
        found = _apply(STATELESS, node)
        if found is not None:
            scope, kind = node.meta.get("scope", ""), type(found[1]).__name__.lower()
            name = part_name(scope, kind, names)
            modules[name] = found[1]
            _replace(graph, node, name, (found[0],))
    return modules


def sweep(graph):
    """Removes what no output needs."""
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))


def part_name(scope, kind, names):
    """A name for a part of a layer: the layer's, if it has no other part."""
    layer = scope.replace("/", ".")
    if layer in names.taken:
        return names.new(f"{layer}_{kind}")
    is_folder = any(name.startswith(f"{layer}.") for name in names.taken)
    return names.new(f"{layer}.{kind}" if layer and is_folder else layer or kind)


def _raise_weighted(graph, weights, names):
    groups = defaultdict(list)
    for node in graph.nodes:
        found = _apply(WEIGHTED, node)
        if found is None:
            continue
        _, nodes, make = found
        own = {name: weights.find(n) for name, n in nodes.items() if n is not None}
        if None not in own.values():
            settings = repr(torch.fx.node.map_arg((node.args, node.kwargs), lambda n: None))
            key = (node.target, settings, tuple((n, w.sources) for n, w in own.items()))
            groups[key].append((node, own, make))
    modules = {}
    for group in groups.values():
        _, own, make = group[0]
        sources = {s for weight in own.values() for s in weight.sources}
        if weights.users(graph, sources) != {node for node, *_ in group}:
            continue
        first = next(iter(own.values())).sources[0]
        names.taken -= sources
        name = names.new(_module_name(first, sources, weights.tensors))
        modules[name] = _filled(make, own, weights.tensors)
        for node, *_ in group:
            _replace(graph, node, name, tuple(_apply(WEIGHTED, node)[0]))
    return modules


def _module_name(source, sources, tensors):
    """The layer's name; with the weight's, where the layer has weights of other modules as well."""
    layer, _, weight = source.rpartition(".")
    if not layer:
        return weight
    others = {t for t in tensors if t.rpartition(".")[0] == layer} - sources
    return f"{layer}.{weight.removesuffix('_kernel')}" if others else layer


def _replace(graph, node, name, inputs):
    with graph.inserting_before(node):
        made = graph.call_module(name, inputs)
        made.meta.update(node.meta)
        if node.target is torch.lstm:  # the module gives (outputs, (state, carry))
            last = graph.call_function(operator.getitem, (made, 1))
            for user in list(node.users):
                if user.args[1]:
                    user.args = (last, user.args[1] - 1)
    node.replace_all_uses_with(made)
    graph.erase_node(node)


_SEQUENCES = {
    torch.conv2d: torch.conv1d,
    torch.max_pool2d: torch.max_pool1d,
    F.avg_pool2d: F.avg_pool1d,
}


def _rows_to_sequences(graph):
    """Where sequences go through a kernel as images of one row, the kernel for sequences."""
    for node in list(graph.nodes):
        users = list(node.users)
        if node.target not in _SEQUENCES or len(users) != 1 or not _is(users[0], "squeeze"):
            continue
        tensors = 2 if node.target is torch.conv2d else 1
        if not all(_is(a, "unsqueeze") for a in node.args[:tensors]):
            continue
        args = [a.args[0] for a in node.args[:tensors]]
        args += [a[1:] if isinstance(a, (list, tuple)) else a for a in node.args[tensors:]]
        with graph.inserting_before(node):
            made = graph.call_function(_SEQUENCES[node.target], tuple(args))
            made.meta.update(node.meta)
        users[0].replace_all_uses_with(made)
        graph.erase_node(users[0])
        graph.erase_node(node)


def _is(node, name):
    """Whether a node is a call of `squeeze` or `unsqueeze` for axis 2."""
    called = isinstance(node, torch.fx.Node) and node.target in (name, getattr(torch, name))
    return called and tuple(node.args[1:]) == (2,)

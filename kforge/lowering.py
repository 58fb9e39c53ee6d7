"""From symbolic tensors to one `torch.fx.GraphModule`: plain generated Python over torch.

`lower` collects the operations between some inputs and some outputs. Variables and other tensors
that the graph holds become extra arguments of the generated function, so that a run looks nothing
up. The learning phase is decided here: of each branch on it, only the one taken is generated.
"""

import operator

import torch
from torch import fx

from . import generated, passes, placement, symbolic
from .differentiation import sum_gradients, track
from .operations import after, ancestors, dependencies, learning_phase, phase_select, topological
from .symbolic import KerasTensor, Op, Symbolic
from .trees import leaves, map_leaves
from .variable import UPDATES, Variable, pending_change, to_numpy

__all__ = ["Builder", "Lowered", "evaluate", "lower"]


class Lowered:
    """A generated function: call it with the inputs; it gives the list of outputs.

    `module` is the `fx.GraphModule`, `captured` the tensors passed after the inputs, `changes`
    the updates: (in-place function, variable, positions among the outputs, extra arguments).
    """

    def __init__(self, module, captured, outputs, changes, needs_grad, phase):
        self.module, self.captured, self.phase = module, captured, phase
        self.forward = module.forward
        self.outputs, self.changes, self.needs_grad = outputs, changes, needs_grad

    def run(self, inputs):
        """Outputs for a list of inputs, with updates carried out; gradients only if needed."""
        found = self.compute(inputs)
        self.carry_out(found)
        return found[: self.outputs]

    def compute(self, inputs):
        """Outputs, and what `carry_out` takes. An output may be memory of a variable."""
        grad = torch.enable_grad() if self.needs_grad else torch.no_grad()
        with symbolic.executing(self.phase), grad:
            return self.forward(*inputs, *self.captured)

    def carry_out(self, found):
        """Changes the variables, from what `compute` gave."""
        if torch.is_grad_enabled():
            with torch.no_grad():
                return self.carry_out(found)
        for change, variable, positions, extra in self.changes:
            if variable is None:
                change([found[i] for i in positions])
            else:
                variable.modify(change, found[positions[0]], *extra)


def lower(outputs, inputs=(), updates=(), phase=0, create_graph=False):
    """Generates the function from `inputs` to `outputs`, carrying out `updates`.

    `inputs` may be any symbolic tensors: the graph is cut there. Raises `ValueError` where an
    output needs a placeholder that is not among them.
    """
    builder = Builder(inputs, phase)
    return builder.build(list(outputs), list(updates), create_graph)


# Operations that are not computed, or that work wherever their arguments are.
_UNPLACED = {sum_gradients, pending_change, after, learning_phase, phase_select}
_UNPLACED |= {symbolic.constant, symbolic.placeholder}


class Builder:
    """Generates functions. Subclasses may place the tensors that a graph holds otherwise (`hold`),
    or compute operations otherwise (`call`)."""

    def __init__(self, inputs, phase):
        self.inputs, self.phase = list(inputs), phase
        self.graph = fx.Graph()
        self.nodes = {}  # Op, (Op, index) or id(tensor) -> fx node
        self.held, self.captured, self.homes = [], [], {}  # leaves, their tensors, {node: device}
        self.tracked = set()
        self.changes = []

    def build(self, outputs, updates, create_graph):
        """The `Lowered` function."""
        results = self.compute(outputs, updates, create_graph)
        n, changes = len(results), []
        for kind, variable, operands, extra in self.changes:
            positions = list(range(len(results), len(results) + len(operands)))
            if self.home is not None and variable is not None:
                to = variable.device
                operands = [self.graph.call_function(placement.move, (x, to)) for x in operands]
            results += operands
            change = UPDATES[kind][0] if variable is not None else kind
            changes.append((change, variable, positions, extra))
        self.graph.output(tuple(results))
        if self.home is not None:
            placement.place(self.graph, self.homes)
        passes.optimize(self.graph)
        module = fx.GraphModule(torch.nn.Module(), self.graph, "Lowered")
        return Lowered(module, self.captured, n, changes, self.needs_grad, self.phase)

    def compute(self, outputs, updates, create_graph=False):
        """Adds all operations; gives the nodes of `outputs`, and puts the updates in `changes`."""
        fed = {t.key for t in self.inputs}
        roots = [t for t in leaves([outputs, updates]) if isinstance(t, KerasTensor)]
        order = topological(roots, fed, self.phase)
        grads = [op for op in order if op.func is sum_gradients]
        for op in grads:
            self.tracked |= {x.key if isinstance(x, KerasTensor) else id(x) for x in op.args[1]}
        self.create_graph = create_graph or (len(grads) > 1 and _nested(grads))
        sizes = placement.sizes_among(order, outputs)
        self.place(order, outputs, sizes)
        self.home = placement.home_of(order, self.held, sizes)
        for op in order:
            self.emit(op)
            if self.home is not None and op.func not in _UNPLACED:
                node = self.nodes[op, None]
                node = node.args[0] if node.target is track else node
                placement.mark(node, op, self.home, op in sizes)
        for value in updates:
            self.value(value, side_effect=True)
        self.needs_grad = bool(grads)
        return [self.value(t) for t in outputs]

    def place(self, order, outputs, sizes):
        """Placeholders come first: the inputs, then every tensor that the graph holds."""
        for i, tensor in enumerate(self.inputs):
            node = self.parameter(tensor._name or f"input_{i}")
            self.nodes.setdefault(tensor.key, node)
        for tensor in placement.constants_for(sizes, order):
            self.nodes[id(tensor)] = self.hold(tensor.to(placement.HOST))
        held = [op.args[0] for op in order if op.func is symbolic.constant]
        held += [leaf for op in order for leaf in dependencies(op, self.phase)]
        for leaf in held + leaves(outputs):
            tensor = leaf.native if isinstance(leaf, Variable) else leaf
            if isinstance(tensor, torch.Tensor) and id(tensor) not in self.nodes:
                self.held.append(leaf)
                self.nodes[id(tensor)] = self.hold(tensor)
        for key in [k for k in self.nodes if k in self.tracked]:
            self.nodes[key] = self.graph.call_function(track, (self.nodes[key],))

    def hold(self, tensor):
        """The node of a tensor that the graph holds: a parameter, to which it is passed."""
        self.captured.append(tensor)
        node = self.parameter(getattr(tensor, "keras_name", "constant"))
        self.homes[node] = tensor.device
        return node

    def parameter(self, name):
        """A parameter of the generated function, under a name that no other has."""
        node = self.graph.placeholder(generated.identifier(name))
        node.target = node.name
        return node

    def emit(self, op):
        """Adds what computes `op`; its value is then in `nodes`."""
        if op.func is symbolic.placeholder:
            raise symbolic.NotFed(f"You must feed a value for placeholder tensor {op.name!r}.")
        if op.func is symbolic.constant:
            node = self.nodes[id(op.args[0])]
        elif op.func is learning_phase:
            node = self.graph.call_function(bool, (bool(self.phase),))
        elif op.func is phase_select:
            node = self.value(op.args[0 if self.phase else 1])
        elif op.func is after:
            for change in op.args[1]:
                self.value(change, side_effect=True)
            node = self.value(op.args[0])
        elif op.func is pending_change:
            self.change(op)
            return
        elif op.func is sum_gradients:
            ys, xs = ([self.value(t) for t in ts] for ts in op.args)
            node = self.graph.call_function(sum_gradients, (ys, xs, self.create_graph))
            node.meta["gradients_of"] = xs
        else:
            node = self.call(op)
        if (op, None) in self.tracked and node.target is not track:
            node = self.graph.call_function(track, (node,))
        self.nodes[op, None] = node

    def call(self, op):
        args, kwargs = map_leaves(self.argument, [op.args, op.kwargs])
        name = getattr(op.func, "__name__", "")
        if getattr(torch.Tensor, name, None) is op.func:
            return self.graph.call_method(name, tuple(args), kwargs)
        if generated.can_say(op.func, args, kwargs):
            return self.graph.call_function(op.func, tuple(args), kwargs)
        function, nodes = generated.closure(op.func, args, kwargs, op.name)
        return self.graph.call_function(function, tuple(nodes))

    def argument(self, leaf):
        if not isinstance(leaf, (Symbolic, torch.Tensor)):
            return leaf
        node = self.value(leaf)
        if isinstance(node, fx.Node):  # rewrites look at sizes
            probe = symbolic.probe_of(leaf, 0)
            node.meta["shape"] = tuple(getattr(probe, "shape", ()))
            node.meta["dtype"] = getattr(probe, "dtype", None)
        return node

    def value(self, x, side_effect=False):
        """The node of a symbolic tensor, variable or tensor."""
        if isinstance(x, Variable):
            node = self.nodes[id(x.native)]
            if x.layout is None:
                return node
            if ("keras", id(x.native)) not in self.nodes:
                self.nodes["keras", id(x.native)] = self.in_keras_layout(x.layout, node, x.native)
            return self.nodes["keras", id(x.native)]
        if not isinstance(x, KerasTensor):
            return self.nodes[id(x)] if isinstance(x, torch.Tensor) else x
        if x.key in self.nodes:
            return self.nodes[x.key]
        if x.op.func is pending_change:
            return None if side_effect else self.updated(x.op)
        node = self.graph.call_function(operator.getitem, (self.nodes[x.op, None], x.index))
        if x.key in self.tracked:
            node = self.graph.call_function(track, (node,))
        self.nodes[x.key] = node
        return node

    def in_keras_layout(self, layout, node, native):
        """The node of a variable's value in Keras's layout."""
        stored = KerasTensor(Op(symbolic.placeholder), None, (native.detach().to("meta"),) * 2)
        self.nodes[stored.key] = node
        return self.inline([layout.to_keras(stored)], stored.op.serial)[0]

    def inline(self, tensors, start):
        """Adds the operations, recorded after the one numbered `start`, that make `tensors`."""
        new, waiting = set(), [t.op for t in tensors if isinstance(t, KerasTensor)]
        while waiting:
            op = waiting.pop()
            if op.serial > start and op not in new:
                new.add(op)
                needed = dependencies(op, self.phase)
                waiting += [t.op for t in needed if isinstance(t, KerasTensor)]
        for op in sorted(new, key=lambda op: op.serial):
            self.emit(op)
        return [self.value(t) for t in tensors]

    def change(self, op):
        kind, variable, operand, *extra = op.args
        operands = operand if isinstance(operand, list) else [operand]
        self.changes.append((kind, variable, [self.value(x) for x in operands], extra))

    def updated(self, op):
        """The value that a variable has after `op`."""
        kind, variable, operand, *extra = op.args
        new = self.value(operand)
        if kind != "assign":
            new = self.graph.call_function(UPDATES[kind][1], (self.value(variable), new, *extra))
        self.nodes[op, None] = new
        return new


def _nested(grads):
    return any(op.func is sum_gradients for g in grads for op in ancestors(g.args[0]))


# ---- evaluation -------------------------------------------------------------------------------


def evaluate(x, phase=0):
    """The value of a symbolic tensor, variable or tensor, as NumPy; nothing is fed."""
    if isinstance(x, Variable):
        return x.numpy()
    if isinstance(x, KerasTensor):
        x = lower([x], phase=phase).run([])[0]
    if isinstance(x, torch.Tensor):
        return to_numpy(x)
    return x

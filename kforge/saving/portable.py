"""The part of exported models that torch does not have: loops over steps.

The text of this file travels inside the pickles of `Loop`, which are read where this package is
not installed. So it needs torch alone.
"""

import inspect
import sys

import torch

__all__ = ["Loop"]

SOURCE = globals().get("SOURCE") or inspect.getsource(sys.modules[__name__])


class Loop(torch.nn.Module):
    """Runs a body on the slices of `elements` along `axis`, one after the other.

    ``body(*slices, *carry, *shared)`` gives `results` results and then the next carry. The outputs
    are the results, stacked along `axis`, the last results, and the last carry.
    """

    def __init__(self, body, results, axis, backwards):
        super().__init__()
        self.body = body
        self.results, self.axis, self.backwards = results, axis, backwards

    def forward(self, elements, carry, shared):
        # In torch 2.6, which has no such function, programs hold each step by itself.
        if getattr(torch.compiler, "is_exporting", bool)():
            return self._scan(elements, carry, shared)
        columns = list(zip(*(e.unbind(self.axis) for e in elements)))
        rows = []
        for slices in reversed(columns) if self.backwards else columns:
            found = self.body(*slices, *carry, *shared)
            rows.append(found[: self.results])
            carry = found[self.results :]
        return [*(torch.stack(r, self.axis) for r in zip(*rows)), *rows[-1], *carry]

    def _scan(self, elements, carry, shared):
        """The same as one operation, for any number of steps."""
        elements = [e.movedim(self.axis, 0) for e in elements]
        if self.backwards:
            elements = [e.flip(0) for e in elements]
        # The first carry may have to be broadcast; and without any there is nothing to scan.
        after = self.body(*(e[0] for e in elements), *carry, *shared)[self.results :]
        carry = [c.expand_as(a).clone() for c, a in zip(carry, after)]
        carry = carry or [torch.zeros((), device=elements[0].device)]
        held, count = len(after), len(carry)

        def step(*arguments):
            state, rest = arguments[:count], arguments[count:]
            found = self.body(*rest[: len(elements)], *state[:held], *rest[len(elements) :])
            new = found[self.results :] if held else state
            return [t.clone() for t in (*new, *found[: self.results])]

        found = torch.ops.higher_order.scan(step, carry, elements, tuple(shared))
        stacked = [f.movedim(0, self.axis) for f in found[count:]]
        return [*stacked, *(f[-1] for f in found[count:]), *found[:held]]

    def extra_repr(self):
        return f"results={self.results}, axis={self.axis}, backwards={self.backwards}"

    def __reduce__(self):
        names = {"SOURCE": SOURCE, "__name__": "portable"}
        make = f"(lambda n: (exec(n['SOURCE'], n), object.__new__(n['Loop']))[1])({names!r})"
        return eval, (make,), self.__dict__

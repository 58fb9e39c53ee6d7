"""How a compiled model is to be run: what `compile` takes beyond Keras's arguments."""

from dataclasses import dataclass

import torch

from . import capture

__all__ = ["Options"]

_PRECISIONS = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}
_JITS = (None, "compile", "cudagraph")


@dataclass(frozen=True)
class Options:
    """Options of `compile`; the defaults are the plain step.

    `accumulate_steps` is the number of batches whose mean gradient makes one step of the
    optimizer; normalization layers see the single batches. `precision` is None, "bf16" or "fp16":
    the model runs under `torch.autocast`, also when it evaluates and predicts, losses and metrics
    in float32. `jit` is None, "compile" (`torch.compile`), "cudagraph", or a
    function that compiles functions, such as ``functools.partial(torch.compile, dynamic=True)``.
    """

    accumulate_steps: int = 1
    precision: str | None = None
    jit: object = None

    def __post_init__(self):
        steps = self.accumulate_steps
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"`accumulate_steps` must be a positive integer; got {steps!r}.")
        if self.precision not in _PRECISIONS:
            raise ValueError(f'`precision` must be None, "bf16" or "fp16"; got {self.precision!r}.')
        if self.jit not in _JITS and not callable(self.jit):
            raise ValueError(
                '`jit` must be None, "compile", "cudagraph", or a function that compiles '
                f"functions, such as `torch.compile`; got {self.jit!r}."
            )
        if self.captures and not capture.can_record():
            raise ValueError(
                '`jit="cudagraph"` needs a CUDA device, and torch sees none here. '
                '`jit="compile"` works on every device.'
            )

    @property
    def dtype(self):
        """The dtype that kernels work in, None for that of the weights."""
        return _PRECISIONS[self.precision]

    @property
    def compiles(self):
        """Whether steps are compiled."""
        return self.jit is not None and not self.captures

    @property
    def captures(self):
        """Whether steps are recorded as CUDA graphs."""
        return self.jit == "cudagraph"

    @property
    def gathers(self):
        """Whether gradients make a stop on their way to the optimizer."""
        return self.accumulate_steps > 1 or self.precision == "fp16"

    def compiled(self, function):
        """`function`, compiled if that is wanted."""
        if not self.compiles:
            return function
        return (torch.compile if self.jit == "compile" else self.jit)(function)

    def saved(self):
        """Those that change numbers, and belong into files; `jit` is a matter of the machine."""
        defaults = Options()
        names = ("accumulate_steps", "precision")
        found = {name: getattr(self, name) for name in names}
        return {name: v for name, v in found.items() if v != getattr(defaults, name)}

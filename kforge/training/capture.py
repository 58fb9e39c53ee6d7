"""Training steps as CUDA graphs: what a step launches is recorded once and replayed as a whole."""

import torch

__all__ = ["Captured", "can_record"]

# Libraries choose and load their kernels in the first runs, which cannot be recorded.
_WARM_UP = 3


def can_record(device=None):
    """Whether there is a device that records graphs; whether `device` is one."""
    return torch.cuda.is_available() if device is None else device.type == "cuda"


class Captured:
    """`function`, from tensors to (loss, gradients), recorded once for each kind of batch.

    The first batches of a kind (shapes and dtypes; the last batch of an epoch is one of its own)
    run as they are. Then tensors are copied to the places that the recording reads. Gradients are
    valid until the next call. `generators` are those from which `function` draws beside torch's.
    """

    def __init__(self, function, device=None, generators=()):
        self.function, self.device, self.generators = function, device, generators
        self.stream, self.pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()
        self.seen, self.recorded = {}, {}

    def __call__(self, batch):
        kind = tuple((t.shape, t.dtype) for t in batch)
        if kind not in self.recorded:
            self.seen[kind] = self.seen.get(kind, 0) + 1
            if self.seen[kind] <= _WARM_UP:
                return self._run(batch)
            self.recorded[kind] = self._record(batch)
        held, graph, loss, grads = self.recorded[kind]
        for place, tensor in zip(held, batch):
            place.copy_(tensor, non_blocking=True)
        graph.replay()
        return loss.clone(), grads

    def _run(self, batch):
        """A run that is not recorded, in the stream where recording will take place."""
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            found = self.function(batch)
        current.wait_stream(self.stream)
        return found

    def _record(self, batch):
        held, graph = [t.clone() for t in batch], torch.cuda.CUDAGraph()
        for generator in self.generators:
            graph.register_generator_state(generator)
        try:
            # Threads that fetch data may use the device meanwhile.
            with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
                loss, grads = self.function(held)
        except RuntimeError as error:
            raise RuntimeError(
                "The training step cannot be recorded as a CUDA graph: some code in it looks at "
                "values, or at sizes that depend on them. Compile the model without "
                f'`jit="cudagraph"`. ({error})'
            ) from error
        return held, graph, loss.detach(), grads

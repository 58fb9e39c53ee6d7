"""What layers accept as inputs."""

__all__ = ["InputSpec", "mismatch"]


class InputSpec:
    """What a layer accepts as one input: dtype, exact shape, rank or bounds, sizes of some axes."""

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None):
        self.dtype = dtype
        self.shape = shape
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = axes or {}

    def __repr__(self):
        fields = ((k, v) for k, v in vars(self).items() if v)
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in fields)})"


def mismatch(spec, shape):
    """What of `shape` the spec forbids, or None."""
    ndim = len(shape)
    if spec.ndim is not None and ndim != spec.ndim:
        return f"expected ndim={spec.ndim}, found ndim={ndim} (shape {shape})"
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={ndim} (shape {shape})"
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={ndim} (shape {shape})"
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in {size, None}:
            return f"expected axis {axis} to have size {size} but got array with shape {shape}"
    if spec.shape is not None:
        if any(w is not None and s is not None and w != s for w, s in zip(spec.shape, shape)):
            return f"expected shape={spec.shape}, found shape={shape}"
    return None

"""`tf.signal` and `tf.contrib.signal`: frames, windows, Fourier transforms; complex numbers."""

import math

import torch
import torch.nn.functional as F

from .values import apply, convert, known, pair, tensor

__all__ = [
    "angle",
    "complex",
    "conj",
    "dct",
    "fft",
    "fft2d",
    "fft3d",
    "fftshift",
    "frame",
    "hamming_window",
    "hann_window",
    "idct",
    "ifft",
    "ifft2d",
    "ifft3d",
    "ifftshift",
    "imag",
    "inverse_stft",
    "inverse_stft_window_fn",
    "irfft",
    "irfft2d",
    "linear_to_mel_weight_matrix",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "real",
    "rfft",
    "rfft2d",
    "stft",
]

# ---- complex numbers ----------------------------------------------------------------------------


def complex(real, imag):
    """Complex numbers of two real tensors."""
    return torch.complex(*pair(real, imag))


def real(input):
    """The real parts; of real numbers, they themselves."""
    x = tensor(input)
    return torch.real(x) if x.dtype.is_complex else x


def imag(input):
    """The imaginary parts."""
    x = tensor(input)
    return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)


def conj(x):
    """The complex conjugates."""
    return torch.conj(tensor(x)).resolve_conj()


def angle(input):
    """The arguments of complex numbers."""
    return torch.angle(tensor(input))


# ---- Fourier transforms -------------------------------------------------------------------------


def _transform(name, function, rank):
    axes = list(range(-rank, 0))

    def transform(input):
        return function(convert(input), dim=axes)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`torch.fft.{function.__name__}` over the last {rank} axes."
    return transform


fft, ifft = _transform("fft", torch.fft.fftn, 1), _transform("ifft", torch.fft.ifftn, 1)
fft2d, ifft2d = _transform("fft2d", torch.fft.fftn, 2), _transform("ifft2d", torch.fft.ifftn, 2)
fft3d, ifft3d = _transform("fft3d", torch.fft.fftn, 3), _transform("ifft3d", torch.fft.ifftn, 3)


def rfft(input, fft_length=None):
    """The Fourier transform of real numbers along the last axis: the frequencies from 0."""
    return torch.fft.rfft(convert(input), _only(fft_length))


def irfft(input, fft_length=None):
    """The inverse of `rfft`."""
    return torch.fft.irfft(convert(input), _only(fft_length))


def rfft2d(input, fft_length=None):
    """`rfft` over the last two axes."""
    return torch.fft.rfft2(convert(input), known(fft_length))


def irfft2d(input, fft_length=None):
    """The inverse of `rfft2d`."""
    return torch.fft.irfft2(convert(input), known(fft_length))


def _only(length):
    length = known(length)
    return length[0] if isinstance(length, list) else length


def fftshift(x, axes=None):
    """The frequencies with 0 in the middle."""
    return torch.fft.fftshift(convert(x), known(axes))


def ifftshift(x, axes=None):
    """The inverse of `fftshift`."""
    return torch.fft.ifftshift(convert(x), known(axes))


def dct(input, type=2, n=None, axis=-1, norm=None):
    """The discrete cosine transform of type 2 along the last axis."""
    return _cosines(convert(input), (type, n, axis), norm, inverse=False)


def idct(input, type=2, n=None, axis=-1, norm=None):
    """The inverse of `dct`, but for a factor unless `norm` is "ortho"."""
    return _cosines(convert(input), (type, n, axis), norm, inverse=True)


def _cosines(x, kind, norm, inverse):
    if kind != (2, None, -1):
        raise ValueError(
            f"tf.signal.dct: (type, n, axis) is {kind}; only (2, None, -1) is offered."
        )
    return apply(_dct, x, norm, inverse)


def _dct(x, norm, inverse):
    n = x.shape[-1]
    places = torch.arange(n, device=x.device, dtype=x.dtype)
    matrix = 2 * torch.cos(math.pi / n * (places[:, None] + 0.5) * places)  # (time, frequency)
    if norm == "ortho":
        matrix = matrix * torch.where(places == 0, (1 / (4 * n)) ** 0.5, (1 / (2 * n)) ** 0.5)
    elif inverse:
        matrix = torch.where(places == 0, matrix / 2, matrix)
    return x @ (matrix.mT if inverse else matrix)


# ---- windows and frames -------------------------------------------------------------------------


def hann_window(window_length, periodic=True, dtype="float32"):
    """A Hann window."""
    return _window(torch.hann_window, window_length, periodic, dtype)


def hamming_window(window_length, periodic=True, dtype="float32"):
    """A Hamming window."""
    return _window(torch.hamming_window, window_length, periodic, dtype)


def _window(make, length, periodic, dtype):
    length = known(length)  # TensorFlow gives windows of odd lengths as symmetric ones
    return convert(make(length, periodic=periodic and length % 2 == 0).numpy(), dtype)


def frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1):
    """Overlapping parts: (..., samples) -> (..., frames, frame_length).

    With `pad_end`, the last frames are filled up with `pad_value`.
    """
    x, (length, step) = convert(signal), (known(frame_length), known(frame_step))
    return apply(_frames, x, length, step, pad_end, pad_value, axis % len(x.shape))


def _frames(x, length, step, pad_end, pad_value, axis):
    x = x.movedim(axis, -1)
    if pad_end:
        count = -(-x.shape[-1] // step)
        x = F.pad(x, [0, max((count - 1) * step + length - x.shape[-1], 0)], value=pad_value)
    found = x.unfold(-1, length, step)
    return found.movedim((-2, -1), (axis, axis + 1))


def overlap_and_add(signal, frame_step):
    """The sum of frames, (..., frames, length), each `frame_step` after the one before."""
    return apply(_overlapped, convert(signal), known(frame_step))


def _overlapped(x, step):
    *outer, count, length = x.shape
    total = (count - 1) * step + length
    flat = x.reshape(-1, count, length).mT
    found = F.fold(flat, (1, total), (1, length), stride=(1, step))
    return found.reshape(*outer, total)


def _windowed(x, window_fn, length):
    return x if window_fn is None else x * window_fn(length, dtype=x.dtype)


def _power_of_two(length):
    return 2 ** math.ceil(math.log2(length))


def stft(signals, frame_length, frame_step, fft_length=None, window_fn=hann_window, pad_end=False):
    """The Fourier transform of each frame: (..., samples) -> (..., frames, frequencies)."""
    length = known(frame_length)
    frames = frame(signals, length, frame_step, pad_end)
    return rfft(_windowed(frames, window_fn, length), known(fft_length) or _power_of_two(length))


def inverse_stft(stfts, frame_length, frame_step, fft_length=None, window_fn=hann_window):
    """The signal of frames' Fourier transforms, each multiplied by a window once more."""
    length = known(frame_length)
    count = known(fft_length) or _power_of_two(length)
    frames = irfft(stfts, count)[..., :length]
    return overlap_and_add(_windowed(frames, window_fn, length), frame_step)


def inverse_stft_window_fn(frame_step, forward_window_fn=hann_window):
    """The window with which `inverse_stft` undoes `stft` with another: Griffin and Lim, 1984."""

    def window(frame_length, dtype="float32"):
        forward = forward_window_fn(frame_length, dtype=dtype)
        squares = torch.square(forward)
        count = -(-frame_length // frame_step)
        padded = F.pad(squares, [0, count * frame_step - frame_length])
        sums = padded.reshape([count, frame_step]).sum(0).tile([count])[:frame_length]
        return forward / sums

    return window


# ---- mel frequencies ----------------------------------------------------------------------------


def linear_to_mel_weight_matrix(
    num_mel_bins=20,
    num_spectrogram_bins=129,
    sample_rate=8000,
    lower_edge_hertz=125.0,
    upper_edge_hertz=3800.0,
    dtype="float32",
):
    """The matrix that makes mel bands, triangles, of frequencies: (frequencies, bands)."""
    nyquist = known(sample_rate) / 2.0
    hertz = torch.linspace(0.0, nyquist, num_spectrogram_bins, dtype=torch.float64)[1:]
    edges = _mel(torch.tensor([lower_edge_hertz, upper_edge_hertz], dtype=torch.float64)).tolist()
    edges = torch.linspace(*edges, num_mel_bins + 2, dtype=torch.float64)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    place = _mel(hertz)[:, None]
    rising, falling = (place - low) / (centre - low), (high - place) / (high - centre)
    weights = torch.minimum(rising, falling).clamp(min=0)
    return convert(F.pad(weights, [0, 0, 1, 0]).numpy(), dtype)


def _mel(hertz):
    return 1127.0 * torch.log1p(hertz / 700.0)


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms):
    """Mel-frequency cepstral coefficients of logarithms of mel bands."""
    x = convert(log_mel_spectrograms)
    return dct(x) * (1.0 / math.sqrt(2.0 * x.shape[-1]))

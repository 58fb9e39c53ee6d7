"""Turns images, sequences and texts into arrays that a model takes."""

from . import image, sequence, text

__all__ = ["image", "sequence", "text"]

"""Layers, graphs of layers, and models."""

from .inputs import Input, InputLayer
from .layer import InputSpec, Layer
from .model import Model
from .node import Node
from .sequential import Sequential

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "Model", "Node", "Sequential"]

"""The package: other names, reading and writing configs, constructors made of others."""

import inspect

import pytest

from kforge import layers as L
from kforge.layers.variants import variant, without


def test_other_names_are_the_same_classes():
    assert L.Convolution2D is L.Conv2D and L.Deconvolution2D is L.Conv2DTranspose
    assert L.MaxPool2D is L.MaxPooling2D and L.GlobalAvgPool1D is L.GlobalAveragePooling1D
    config = L.Conv2D(2, 3).get_config()
    assert type(L.deserialize({"class_name": "Convolution2D", "config": config})) is L.Conv2D


def test_configs_are_read_and_written():
    written = L.serialize(L.Conv2D(2, 3, name="c"))
    assert written["class_name"] == "Conv2D"
    assert L.deserialize(written).get_config() == written["config"]
    with pytest.raises(ValueError, match="Unknown layer: Conv9D"):
        L.deserialize({"class_name": "Conv9D", "config": {}})


class Base:
    def __init__(self, a, b=1, c=2, **kwargs):
        self.given = (a, b, c, kwargs)


class Changed(Base):
    __init__ = variant(Base.__init__, {"b": 7}, c=3)


def test_a_lambda_may_tell_its_shape_as_a_list():
    layer = L.Lambda(lambda x: x[:, :1], output_shape=lambda shape: [shape[0], 1])
    assert tuple(layer(L.Input((3,))).shape) == (None, 1)
    assert layer._input_dtypes == "float32"


def test_a_variant_has_other_defaults_and_fewer_arguments():
    assert Changed(0).given == (0, 7, 3, {})
    assert Changed(0, 5, d=6).given == (0, 7, 5, {"d": 6})
    assert str(inspect.signature(Changed)) == "(a, c=3, **kwargs)"
    assert Changed.__init__.without == ("b",)
    with pytest.raises(TypeError, match=r"not understood.*b"):
        Changed(0, b=1)


def test_a_variant_of_a_variant_lacks_what_both_lack():
    @without("x")
    def init(self, a, b=1, **kwargs):
        pass

    assert set(variant(init, {"b": 2}).without) == {"x", "b"}

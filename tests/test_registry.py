"""Names to objects and back."""

import pickle
import threading

import numpy as np
import pytest

from kforge import losses, registry


def make():
    found = registry.Registry("toy", instantiate=True)

    @found.register
    class Ball(registry.Configurable):
        def __init__(self, size=1):
            self.size = size

    @found.factory
    def big_ball(size=9):
        return Ball(size)

    @found.register
    def bounce():
        raise AssertionError("a function is not called when it is looked up")

    return found, Ball, bounce


def test_what_a_name_means():
    toys, Ball, bounce = make()
    assert isinstance(toys.get("Ball"), Ball)
    assert toys.get("big_ball").size == 9
    assert toys.get("bounce") is bounce
    assert toys.get(None) is None
    with pytest.raises(ValueError, match=r"Unknown toy: Bell.*custom_objects"):
        toys.get("Bell")


def test_configs():
    toys, _, bounce = make()
    assert toys.deserialize({"class_name": "big_ball", "config": {"size": 4}}).size == 4
    assert toys.serialize(bounce) == "bounce"
    for wrong in ({"config": {}}, {"class_name": "Ball"}, 3):
        with pytest.raises(ValueError, match="Improper config format for a toy"):
            toys.deserialize(wrong)


def test_custom_objects_come_first():
    toys, *_ = make()

    class Other:
        pass

    with registry.CustomObjectScope({"Ball": Other}):
        assert isinstance(toys.get("Ball"), Other)
    assert not isinstance(toys.get("Ball"), Other)
    assert isinstance(toys.deserialize("Ball", custom_objects={"Ball": Other}), Other)


def test_a_scope_is_of_its_thread_and_undoes_what_happened_in_it():
    toys, Ball, _ = make()
    elsewhere = []

    def look():
        elsewhere.append(toys.lookup("Kite"))

    with registry.CustomObjectScope({"Kite": Ball}):
        registry.get_custom_objects()["Drum"] = Ball
        assert toys.require("Kite") is toys.require("Drum") is Ball
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert elsewhere == [None]
    assert toys.lookup("Kite") is toys.lookup("Drum") is None


def test_errors_of_users_own_classes_pass_as_they_are():
    toys, *_ = make()

    @toys.register
    class Kite:
        def __init__(self, tail):
            self.length = tail["length"]

    with pytest.raises(KeyError, match="length"):
        toys.deserialize({"class_name": "Kite", "config": {"tail": {}}})
    with pytest.raises(registry.ConfigError, match=r"The config of Kite cannot be used. TypeError"):
        toys.deserialize({"class_name": "Kite", "config": {"tale": {}}})
    with pytest.raises(registry.ConfigError, match=r"A toy is named by a string, got \[\]"):
        toys.deserialize({"class_name": [], "config": {}})


def test_names_that_other_dialects_prefix():
    toys, Ball, _ = make()
    assert toys.require("Custom>Ball") is Ball


def test_class_around_a_function():
    loss = losses.Huber(0.5, name="h")
    assert loss.get_config() == {"delta": 0.5, "reduction": "sum_over_batch_size", "name": "h"}
    again = pickle.loads(pickle.dumps(loss))
    assert type(again) is losses.Huber
    assert again.get_config() == loss.get_config()
    with pytest.raises(TypeError, match="unexpected keyword argument 'dleta'"):
        losses.Huber(dleta=0.5)


def test_plain():
    value = {"a": np.float32(0.5), "b": [np.arange(2), (1, None)], "c": "text"}
    assert registry.plain(value) == {"a": 0.5, "b": [[0, 1], (1, None)], "c": "text"}

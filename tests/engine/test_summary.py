import re

from kforge.engine.summary import html_summary
from kforge.layers import LSTM, Concatenate, Dense, Input
from kforge.models import Model, Sequential


def cells(html):
    """The rows of a table as lists of texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in rows]


def test_a_notebook_shows_a_chain_as_a_table():
    model = Sequential([Dense(4, input_shape=(3,), name="a"), Dense(2, trainable=False, name="b")])
    html = model._repr_html_()
    assert f"<b>{model.name}</b>" in html
    assert cells(html) == [
        ["Layer (type)", "Output Shape", "Param #"],
        ["a (Dense)", "(None, 4)", "16"],
        ["b (Dense)", "(None, 2)", "10"],
    ]
    assert "Total params: 26, trainable params: 16, non-trainable params: 10" in html


def test_a_graph_has_a_column_of_connections_and_names_are_escaped():
    a, b = Input((3,), name="a"), Input((2,), name="b<&")
    model = Model([a, b], Concatenate(name="c")([a, b]))
    rows = cells(html_summary(model))
    assert rows[0][-1] == "Connected to"
    assert rows[2] == ["b&lt;&amp; (InputLayer)", "(None, 2)", "0", ""]
    assert rows[3] == ["c (Concatenate)", "(None, 5)", "0", "a[0][0], b&lt;&amp;[0][0]"]


def test_names_do_not_command_the_terminal(capsys):
    Sequential([Dense(4, input_shape=(3,), name="a\x1b[2J")], name="m\r\n").summary()
    said = capsys.readouterr().out
    assert r"a\x1b[2J (Dense)" in said and r'Model: "m\r\n"' in said and "\x1b" not in said


def test_a_layer_of_several_outputs_may_stand_in_a_chain():
    x = Input((4, 1), name="x")
    states = LSTM(2, return_state=True, name="lstm")(x)
    shapes = "[(None, 2), (None, 2), (None, 2)]"
    assert cells(html_summary(Model(x, states)))[-1] == ["lstm (LSTM)", shapes, "32"]
    assert len(cells(html_summary(Model(x, Concatenate()(states))))[0]) == 4


def test_a_model_without_shapes_is_left_to_its_repr():
    assert Sequential([Dense(3)])._repr_html_() is None

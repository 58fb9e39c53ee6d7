import sys

import pytest

from kforge.compat import imp


def test_sources_are_loaded_under_a_name(tmp_path):
    path = tmp_path / "settings.py"
    path.write_text("import sys\nx = 3\nfound = sys.modules[__name__].x\n")
    module = imp.load_source("settings_of_a_test", str(path))
    assert module.found == 3 and sys.modules.pop("settings_of_a_test") is module
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        imp.load_source("settings_of_a_test", str(path))
    assert "settings_of_a_test" not in sys.modules


def test_new_module():
    assert imp.new_module("empty").__name__ == "empty"

import pytest

from kforge.compat import pkg_resources


def test_files_of_a_package(tmp_path, monkeypatch):
    (tmp_path / "of_a_test" / "data").mkdir(parents=True)
    (tmp_path / "of_a_test" / "__init__.py").touch()
    path = tmp_path / "of_a_test" / "data" / "words.txt"
    path.write_bytes(b"one two")
    monkeypatch.syspath_prepend(tmp_path)
    assert pkg_resources.resource_filename("of_a_test", "data/words.txt") == str(path)
    assert pkg_resources.resource_string("of_a_test", "data/words.txt") == b"one two"
    assert pkg_resources.resource_listdir("of_a_test", "data") == ["words.txt"]
    assert not pkg_resources.resource_exists("of_a_test", "data/numbers.txt")


def test_versions():
    numpy = pkg_resources.get_distribution("numpy")
    assert numpy.parsed_version > pkg_resources.parse_version("1.9")
    assert pkg_resources.parse_version("1.10") > pkg_resources.parse_version("1.9.1")
    with pytest.raises(pkg_resources.DistributionNotFound):
        pkg_resources.get_distribution("no-such-distribution")

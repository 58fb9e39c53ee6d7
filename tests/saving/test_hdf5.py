import ast
import io
import json
import mmap
import pathlib
import struct

import h5py
import numpy as np
import pytest

import kforge.saving.hdf5
from kforge.saving.errors import DamagedFileError, UnsafeFileError
from kforge.saving.hdf5 import is_hdf5, open_reader, open_writer

FILES = pathlib.Path(__file__).parents[1] / "data" / "golden" / "h5"
PACKAGE = pathlib.Path(kforge.saving.hdf5.__file__).parents[1]


def copy(reader, writer):
    """Everything that a file of Keras holds, as far as attributes name it."""
    for name in ("backend", "keras_version", "model_config", "training_config"):
        if reader.text(name) is not None:
            writer.text(name, reader.text(name))
    for name in ("model_weights", "optimizer_weights"):
        if reader.has(name):
            copy(reader.group(name), writer.group(name))
    if reader.names("layer_names") is not None:
        writer.names("layer_names", reader.names("layer_names"))
        for name in reader.names("layer_names"):
            copy(reader.group(name), writer.group(name))
    if reader.names("weight_names") is not None:
        writer.names("weight_names", reader.names("weight_names"))
        for name in reader.names("weight_names"):
            writer.array(name, reader.array(name))


def structure(group):
    """{path: what is there} with every property of attributes and datasets that Keras chose."""
    found = {}

    def visit(name, node):
        for key in node.attrs:
            attribute = node.attrs.get_id(key)
            kind, value = attribute.get_type(), np.asarray(node.attrs[key])
            text = isinstance(kind, h5py.h5t.TypeStringID) and (
                kind.is_variable_str() or kind.get_size(),
                kind.get_cset(),
                kind.get_strpad(),
            )
            space = attribute.get_space().get_simple_extent_type()
            found[f"{name}@{key}"] = (text or kind.dtype, space, value.shape, value.tolist())
        if isinstance(node, h5py.Dataset):
            plist = node.id.get_create_plist()
            found[name] = (
                node.id.get_type().dtype,
                node.shape,
                node.maxshape,
                plist.get_layout(),
                plist.get_nfilters(),
                plist.get_alloc_time(),
                plist.get_fill_time(),
                node[()].tobytes(),
            )

    visit("", group)
    group.visititems(visit)
    return found


def paths(folder):
    return [
        pytest.param(path, id=f"{path.parent.name}-{path.stem}")
        for path in sorted(FILES.glob(f"{folder}/*.h5"))
    ]


@pytest.mark.parametrize("path", paths("keras*"))
def test_a_file_of_keras_is_written_again_as_it_was(path):
    target = io.BytesIO()
    with open_reader(path) as reader, open_writer(target) as writer:
        copy(reader, writer)
    with h5py.File(path) as original, h5py.File(target) as written:
        assert structure(written) == structure(original)
    head = path.read_bytes()[:24], target.getvalue()[:24]
    assert head[0] == head[1]  # signature and version of the format


@pytest.mark.parametrize("path", paths("tf_keras"))
def test_files_of_tf_keras_are_read(path):
    target = io.BytesIO()
    with open_reader(path) as reader, open_writer(target) as writer:
        copy(reader, writer)
    with h5py.File(path) as original, h5py.File(target) as written:
        arrays = [
            {name: item for name, item in structure(file).items() if "@" not in name}
            for file in (original, written)
        ]
        assert arrays[0] == arrays[1]


def source_of(kind, content, folder):
    """The same file in every form that Keras accepts, and what to close."""
    path = folder / "model.h5"
    path.write_bytes(content)
    at_end = io.BytesIO(content)
    at_end.seek(0, 2)
    return {
        "str": lambda: str(path),
        "bytes": lambda: bytes(path),
        "path": lambda: path,
        "file": lambda: open(path, "rb"),
        "memory": lambda: io.BytesIO(content),
        "at its end": lambda: at_end,
        "h5py file": lambda: h5py.File(path, "r"),
        "h5py group": lambda: h5py.File(path, "r")["/"],
    }[kind]()


@pytest.fixture
def content():
    target = io.BytesIO()
    with open_writer(target) as writer:
        writer.text("keras_version", "2.3.1")
        writer.names("layer_names", ["a", "b"])
        group = writer.group("a")
        group.names("weight_names", ["a/kernel:0", "a/bias:0"])
        group.array("a/kernel:0", np.arange(6, dtype="float32").reshape(2, 3))
        group.array("a/bias:0", np.float32(0.5))
        writer.group("b").names("weight_names", [])
    return target.getvalue()


class TestReader:
    @pytest.mark.parametrize(
        "kind",
        ["str", "bytes", "path", "file", "memory", "at its end", "h5py file", "h5py group"],
    )
    def test_sources(self, kind, content, tmp_path):
        source = source_of(kind, content, tmp_path)
        with open_reader(source) as reader:
            assert reader.text("keras_version") == "2.3.1"
            assert reader.names("layer_names") == ["a", "b"]
            group = reader.group("a")
            assert group.names("weight_names") == ["a/kernel:0", "a/bias:0"]
            np.testing.assert_array_equal(group.array("a/kernel:0"), [[0, 1, 2], [3, 4, 5]])
            assert group.array("a/bias:0").shape == ()
            assert reader.group("b").names("weight_names") == []
            assert reader.names("weight_names") is None
            assert reader.text("backend") is None
            assert reader.has("a") and not reader.has("c")
        if is_hdf5(source):
            assert source.file["a"].attrs  # still open
            source.file.close()
        elif kind == "file":
            assert not source.closed
            source.close()

    @pytest.mark.parametrize(
        "is_mapped, how, block",
        [
            pytest.param(True, {}, 0, id="in one piece"),
            pytest.param(True, {}, 512, id="after a user block"),
            pytest.param(False, {"dtype": ">f4"}, 0, id="big-endian"),
            pytest.param(True, {"dtype": "?"}, 0, id="bool"),
            pytest.param(False, {"chunks": (2, 3)}, 0, id="chunks"),
            pytest.param(False, {"compression": "gzip"}, 0, id="compressed"),
        ],
    )
    def test_arrays_as_this_machine_has_them_are_mapped(self, is_mapped, how, block, tmp_path):
        values = np.arange(20).reshape(4, 5).astype(how.get("dtype", "float32"))
        with h5py.File(tmp_path / "x.h5", "w", userblock_size=block) as file:
            file.create_dataset("x", data=values, **how)
        content = (tmp_path / "x.h5").read_bytes()
        for source in (tmp_path / "x.h5", io.BytesIO(content)):
            with open_reader(source) as reader:
                found = reader.array("x")
            np.testing.assert_array_equal(found, values)  # also once the file is closed
            mapped = isinstance(found.base, mmap.mmap)
            assert mapped == (is_mapped and source == tmp_path / "x.h5")
            found[:] = 0
        assert (tmp_path / "x.h5").read_bytes() == content

    def test_arrays_that_were_never_written_have_their_fill_value(self, tmp_path):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset("x", (3,), "float32", fillvalue=7)
        with open_reader(tmp_path / "x.h5") as reader:
            assert reader.array("x").tolist() == [7, 7, 7]

    def test_an_array_that_is_not_all_in_the_file_is_an_error(self, tmp_path):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset("x", data=np.arange(1000.0))
            address, size = file["x"].id.get_offset(), 8000
        content = (tmp_path / "x.h5").read_bytes()
        place = struct.pack("<QQ", address, size)
        assert content.count(place) == 1
        beyond = struct.pack("<QQ", len(content) - 8, size)
        (tmp_path / "x.h5").write_bytes(content.replace(place, beyond))
        with open_reader(tmp_path / "x.h5") as reader, pytest.raises(DamagedFileError):
            reader.array("x", (1000,))

    def test_sources_that_are_not_bytes(self, tmp_path):
        (tmp_path / "model.h5").write_text("text")
        with open(tmp_path / "model.h5") as file, pytest.raises(TypeError, match="binary mode"):
            open_reader(file)
        with pytest.raises(TypeError, match="got dict"):
            open_reader({})
        with pytest.raises(FileNotFoundError, match="nowhere"):
            open_reader(tmp_path / "nowhere.h5")
        with pytest.raises(OSError, match="it is a folder"):
            open_reader(tmp_path)

    @pytest.mark.parametrize(
        "content, message",
        [
            (b"", "it is empty"),
            (b"PK\x03\x04....", r"zip archive.*\.keras"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b"\n<!DOCTYPE html>", "web page"),
            (b"\x80\x04\x95", "pickle"),
            (b"keras", "something else"),
        ],
    )
    def test_files_of_other_kinds_are_named(self, content, message):
        with pytest.raises(DamagedFileError, match=message):
            open_reader(io.BytesIO(content))
        with pytest.raises(OSError, match="not an HDF5 file"):  # the type that Keras raises
            open_reader(io.BytesIO(content))

    def test_a_file_cut_short_is_an_error(self, content):
        with pytest.raises(DamagedFileError):
            open_reader(io.BytesIO(content[:-100]))

    @pytest.mark.parametrize(
        "store",
        [
            pytest.param(lambda a: a.__setitem__("n", np.array([b"a", b"bc"])), id="fixed"),
            pytest.param(lambda a: a.__setitem__("n", [b"a", b"bc"]), id="bytes"),
            pytest.param(lambda a: a.__setitem__("n", ["a", "bc"]), id="str"),
            pytest.param(lambda a: a.update({"n0": [b"a"], "n1": ["bc"]}), id="split"),
        ],
    )
    def test_encodings_of_lists(self, store):
        target = io.BytesIO()
        with h5py.File(target, "w") as file:
            store(file.attrs)
        assert open_reader(target).names("n") == ["a", "bc"]

    @pytest.mark.parametrize(
        "value", ["é", "é".encode(), np.bytes_("é".encode()), "", "é" * 99_999]
    )
    @pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
    @pytest.mark.parametrize("userblock_size", [0, 1024])
    def test_encodings_of_text(self, value, libver, userblock_size, tmp_path):
        wanted = value if isinstance(value, str) else value.decode()
        path = tmp_path / "model.h5"
        with h5py.File(path, "w", libver=libver, userblock_size=userblock_size) as file:
            for number in range(6):
                file.create_group(f"before {number}").attrs["name"] = f"text {number}"
            group = file.create_group("group")
            group.attrs.update({f"other {number}": [f"{number}"] * 99 for number in range(6)})
            group.attrs["keras_version"] = value
        with open_reader(path) as reader:
            assert reader.group("group").text("keras_version") == wanted
            assert reader.group("group").names("other 3") == ["3"] * 99
            assert reader.group("before 4").text("name") == "text 4"
        with h5py.File(path) as file:
            assert open_reader(file).group("group").text("keras_version") == wanted

    def test_text_that_is_stored_apart(self):
        target = io.BytesIO()
        with h5py.File(target, "w", libver="latest") as file:
            file.attrs.update({f"note {number}": "text" for number in range(20)})
            with pytest.raises(UnsafeFileError, match=r"stored apart .* pass the `h5py.File`"):
                file.flush()
                open_reader(io.BytesIO(target.getvalue())).text("note 3")
            assert open_reader(file).text("note 3") == "text"

    @pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", ">f8", "<i8", "|u1", "bool"])
    @pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True}])
    def test_dtypes_come_in_this_machines_order(self, dtype, options):
        value = np.arange(24).reshape(4, 6).astype(dtype)
        target = io.BytesIO()
        with h5py.File(target, "w") as file:
            file.create_dataset("x", data=value, fletcher32=bool(options), **options)
        with open_reader(target) as reader:
            found = reader.array("x")
            assert found.dtype == value.dtype.newbyteorder("=") and found.dtype.isnative
            np.testing.assert_array_equal(found, value)

    def test_the_shape_that_is_expected(self, content):
        stored = open_reader(io.BytesIO(content)).dataset("a/a/kernel:0")
        assert (stored.shape, stored.dtype, stored.nbytes) == ((2, 3), np.float32, 24)
        assert stored.read([2, 3]).shape == (2, 3)
        with pytest.raises(ValueError, match=r"kernel:0: expected shape \(3, 2\), got \(2, 3\)"):
            stored.read((3, 2))

    def test_what_compresses_well_is_read_where_its_shape_is_known(self):
        target = io.BytesIO()
        shape = (20 << 20,)
        with h5py.File(target, "w") as file:
            file.create_dataset("zeros", shape, "f4", chunks=(1 << 20,), compression="gzip")
        with open_reader(target) as reader:
            assert not reader.array("zeros", shape).any()


class TestWriter:
    def test_seven_thousand_layers(self):
        names = [f"layer_{number}" for number in range(7000)]
        target = io.BytesIO()
        with open_writer(target) as writer:
            writer.names("layer_names", names)
        with h5py.File(target) as file:
            assert set(file.attrs) == {"layer_names0", "layer_names1"}
            assert max(part.nbytes for part in file.attrs.values()) <= 64512
        assert open_reader(target).names("layer_names") == names

    def test_a_name_that_fits_nowhere(self):
        with pytest.raises(RuntimeError, match="larger than 64512 bytes"):
            with open_writer(io.BytesIO()) as writer:
                writer.names("layer_names", ["x" * 64513])

    def test_a_long_configuration(self):
        text = json.dumps({"layers": ["é" * 1000] * 500}, ensure_ascii=False)
        target = io.BytesIO()
        with open_writer(target) as writer:
            writer.text("model_config", text)
        assert open_reader(target).text("model_config") == text

    def test_names_that_are_beginnings_of_others(self):
        target = io.BytesIO()
        with open_writer(target) as writer:
            writer.names("layer_names", ["block/conv", "block"])
            for layer in ("block/conv", "block"):
                group = writer.group(layer)
                group.names("weight_names", [f"{layer}/w:0"])
                group.array(f"{layer}/w:0", np.array(len(layer)))
        with open_reader(target) as reader:
            for layer in reader.names("layer_names"):
                group = reader.group(layer)
                (weight,) = group.names("weight_names")
                assert group.array(weight) == len(layer)

    def test_names_that_collide_or_lead_astray(self):
        with open_writer(io.BytesIO()) as writer:
            writer.array("a/kernel:0", np.zeros(2))
            with pytest.raises(ValueError, match="'a/kernel:0': the name is taken"):
                writer.array("a/kernel:0", np.zeros(2))
            with pytest.raises(ValueError, match="a weight has this name"):
                writer.group("a/kernel:0")
            for name in ("/a", "a//b", "../a", "a/.", "", "a\0b"):
                with pytest.raises(ValueError, match="names of layers and weights are paths"):
                    writer.group(name)

    def test_arrays_of_other_things_are_refused(self):
        with open_writer(io.BytesIO()) as writer:
            with pytest.raises(TypeError, match="no arrays of object"):
                writer.array("a", np.array([None]))

    def test_file_objects_may_be_write_only(self, tmp_path):
        with open(tmp_path / "model.h5", "wb") as file, open_writer(file) as writer:
            writer.text("keras_version", "2.3.1")
        with open_reader(tmp_path / "model.h5") as reader:
            assert reader.text("keras_version") == "2.3.1"
        with pytest.raises(TypeError, match="got dict"), open_writer({}):
            pass

    def test_an_open_h5py_group_is_written_into(self, tmp_path):
        with h5py.File(tmp_path / "many.h5", "w") as file:
            with open_writer(file.create_group("one")) as writer:
                writer.text("keras_version", "2.3.1")
            assert file["one"].attrs["keras_version"] == "2.3.1"

    def test_a_failed_save_leaves_the_old_file(self, tmp_path, content):
        path = tmp_path / "model.h5"
        path.write_bytes(content)
        with pytest.raises(ZeroDivisionError), open_writer(path) as writer:
            writer.text("keras_version", "2.3.1")
            raise ZeroDivisionError
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]

    def test_the_same_content_gives_the_same_bytes(self, content):
        target = io.BytesIO()
        with open_reader(io.BytesIO(content)) as reader, open_writer(target) as writer:
            copy(reader, writer)
        assert target.getvalue() == content


def imports_and_calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield f"{node.func.id}()"


def test_files_are_opened_here_only_and_never_run():
    # HDF5Matrix and H5Dict give the users' own files to the users; no model comes through them.
    users_own = {PACKAGE / "utils" / "io_utils.py"}
    forbidden = {"marshal", "pickle", "dill", "eval()", "exec()", "compile()", "importlib"}
    for path in PACKAGE.rglob("*.py"):
        used = set(imports_and_calls(path))
        if path.parent.name == "saving":
            assert not used & forbidden, path
        if path not in users_own | {PACKAGE / "saving" / name for name in ("hdf5.py", "stored.py")}:
            assert "h5py" not in used, f"{path}: open HDF5 files with kforge.saving.hdf5"

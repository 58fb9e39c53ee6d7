"""Hostile HDF5 files: functions that write one to `path`, and what reading it must say.

`canary` is another HDF5 file, with a dataset "secret" of 100 float32 values, that nobody may open.
"""

import json
import zlib

import h5py
import numpy as np

from kforge.saving.errors import DamagedFileError, UnsafeFileError

FILES = []
KERNEL = "model_weights/dense/dense/kernel:0"


def hostile(message, error=UnsafeFileError, libver=None):
    """Registers a function that makes an honest file hostile: ``change(file, canary)``."""

    def register(change):
        def write(path, canary):
            with h5py.File(path, "w", libver=libver) as file:
                honest(file)
                change(file, str(canary))

        FILES.append((change.__name__, write, error, message))
        return change

    return register


def honest(file):
    """The smallest model with one weight."""
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": []}}
    file.attrs["model_config"] = json.dumps(config).encode()
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = np.array([b"dense"])
    weights.create_group("dense").attrs["weight_names"] = np.array([b"dense/kernel:0"])
    file[KERNEL] = np.ones((3, 4), "float32")


def replace(file, name, value):
    del file[name]
    file[name] = value


def kernel(file, *args, **kwargs):
    del file[KERNEL]
    return file.create_dataset(KERNEL, *args, **kwargs)


def names(file, *values):
    file["model_weights/dense"].attrs["weight_names"] = np.array(values, dtype=object)


# ---- other files ------------------------------------------------------------------------------


@hostile("kernel:0 is, or is reached by, an external link")
def external_link_to_a_weight(file, canary):
    replace(file, KERNEL, h5py.ExternalLink(canary, "secret"))


@hostile("dense is, or is reached by, an external link")
def external_link_to_a_layer(file, canary):
    replace(file, "model_weights/dense", h5py.ExternalLink(canary, "/"))


@hostile("an external link")
def external_link_within_a_path(file, canary):
    replace(file, "model_weights/dense/dense", h5py.ExternalLink(canary, "/"))
    names(file, b"dense/secret")


@hostile("model_weights is, or is reached by, an external link")
def external_link_to_all_weights(file, canary):
    replace(file, "model_weights", h5py.ExternalLink(canary, "/"))


@hostile("virtual view of other files")
def virtual_dataset(file, canary):
    layout = h5py.VirtualLayout((100,), "float32")
    layout[:] = h5py.VirtualSource(canary, "secret", (100,))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


@hostile("virtual view of other files")
def virtual_dataset_without_end(file, canary):
    source = h5py.h5s.create_simple((100,), (h5py.h5s.UNLIMITED,))
    space = h5py.h5s.create_simple((100,), (h5py.h5s.UNLIMITED,))
    for end in (source, space):
        end.select_hyperslab((0,), (1,), block=(h5py.h5s.UNLIMITED,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(space, canary.encode(), b"secret", source)
    del file[KERNEL]
    group, name = KERNEL.rsplit("/", 1)
    h5py.h5d.create(file[group].id, name.encode(), h5py.h5t.IEEE_F32LE, space, plist)


@hostile("keeps its values in another file")
def external_storage(file, canary):
    kernel(file, (100,), "float32", external=[(canary, 0, 400)])


@hostile("keeps its values in another file")
def external_storage_in_several_files(file, canary):
    parts = [("/etc/hostname", 0, 8), (canary, 0, h5py.h5f.UNLIMITED)]
    kernel(file, (100,), "float32", external=parts)


# ---- other places in the file -----------------------------------------------------------------


@hostile("a soft link")
def soft_link_to_a_weight(file, canary):
    file["elsewhere"] = np.ones(3)
    replace(file, KERNEL, h5py.SoftLink("/elsewhere"))


@hostile("a soft link")
def soft_link_to_a_layer(file, canary):
    file["model_weights"].move("dense", "other")
    file["model_weights/dense"] = h5py.SoftLink("/model_weights/other")


@hostile("a soft link")
def soft_link_to_nothing(file, canary):
    replace(file, KERNEL, h5py.SoftLink("/nothing"))


@hostile("a soft link")
def soft_links_in_a_circle(file, canary):
    replace(file, "model_weights/dense/dense", h5py.SoftLink("/model_weights/dense/other"))
    file["model_weights/dense/other"] = h5py.SoftLink("/model_weights/dense/dense")


@hostile("contains itself")
def group_within_itself(file, canary):
    file["model_weights/dense/loop"] = file["model_weights/dense"]
    names(file, b"loop/loop/loop/dense/kernel:0")


@hostile("contains itself")
def root_within_a_layer(file, canary):
    replace(file, "model_weights/dense/dense", file["/"])
    names(file, b"dense/" + KERNEL.encode())


for label, name in {
    "absolute": b"/model_weights/dense/dense/kernel:0",
    "upwards": b"../dense/dense/kernel:0",
    "here": b"dense/./kernel:0",
    "empty_part": b"dense//kernel:0",
    "empty": b"",
    "deep": b"/".join([b"x"] * 100),
}.items():

    def weight_name(file, canary, name=name):
        names(file, name)

    weight_name.__name__ = f"weight_name_{label}"
    hostile("is not a name that Keras gives")(weight_name)


@hostile(r"/dense/x+\.\.\.x+ is missing, though the file has its name", DamagedFileError)
def weight_name_as_long_as_can_be(file, canary):
    names(file, b"x" * 64_000)


@hostile("is not a name that Keras gives")
def weight_name_with_a_nul(file, canary):
    file["model_weights/dense"].attrs["weight_names"] = np.array([b"dense\0/kernel:0"])


@hostile("is not a name that Keras gives")
def layer_name_upwards(file, canary):
    file["model_weights"].attrs["layer_names"] = np.array([b"../../../etc/passwd"])


# ---- sizes ------------------------------------------------------------------------------------


@hostile("declares 274,877,906,944 bytes, of which the file stores 0")
def terabytes_of_nothing(file, canary):
    kernel(file, (1 << 36,), "float32")


@hostile("declares 274,877,906,944 bytes, of which the file stores 0")
def terabytes_of_nothing_in_chunks(file, canary):
    kernel(file, (1 << 36,), "float32", chunks=(1 << 20,), compression="gzip")


@hostile("declares 4,835,703,278,458,516,698,824,704 bytes")
def more_bytes_than_numbers_of_64_bits(file, canary):
    kernel(file, (1 << 40, 1 << 40), "float32", chunks=(16, 16))


@hostile("not an array of up to 8 dimensions")
def thirty_dimensions(file, canary):
    kernel(file, (1,) * 30, "float32")


@hostile("of which the file stores")
def compressed_zeros(file, canary):
    kernel(file, (1 << 26,), "float32", chunks=(1 << 22,), compression="gzip")[: 1 << 24] = 0


@hostile("a chunk inflates to over 4100 bytes")
def chunk_that_inflates_without_end(file, canary):
    data = kernel(file, (1024,), "float32", chunks=(1024,), compression="gzip")
    deflate = zlib.compressobj(9)
    bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(300)) + deflate.flush()
    data.id.write_direct_chunk((0,), bomb)


@hostile(r"HDF5 filters \[1, 1\]")
def deflated_twice(file, canary):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((1024,))
    plist.set_deflate(9)
    plist.set_deflate(9)
    low_level(file, plist)


@hostile("declares 4,194,304, stores 0 chunks")
def millions_of_empty_chunks(file, canary):
    kernel(file, (1 << 22,), "float32", chunks=(1,))


@hostile("chunks")
def chunk_far_larger_than_its_array(file, canary):
    kernel(file, (2,), "float32", chunks=(1 << 29,), maxshape=(None,))


@hostile("declares 62,914,560 bytes")
def one_array_under_many_names(file, canary):
    kernel(file, (15 << 20,), "float32")
    for number in range(50):
        file[f"model_weights/dense/{number}"] = file[KERNEL]
    names(file, *(b"%d" % number for number in range(50)))


@hostile(r"declares 1,000,000 strings", libver="latest")
def million_names(file, canary):
    file["model_weights"].attrs["layer_names"] = np.full(1_000_000, b"dense")


@hostile("declares 20,000 strings", libver="latest")
def names_of_variable_length(file, canary):
    values = np.full(20_000, "dense", dtype=object)
    file["model_weights"].attrs.create("layer_names", values, dtype=h5py.string_dtype())


# ---- kinds ------------------------------------------------------------------------------------


def low_level(file, plist, kind=h5py.h5t.IEEE_F32LE):
    del file[KERNEL]
    group, name = KERNEL.rsplit("/", 1)
    space = h5py.h5s.create_simple((1024,))
    h5py.h5d.create(file[group].id, name.encode(), kind, space, plist)


for label, number in {
    "szip": 4,
    "nbit": 5,
    "scale_offset": 6,
    "lzf": 32000,
    "plug_in": 32001,
}.items():

    def filtered(file, canary, number=number):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1024,))
        plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1,) * 20)
        low_level(file, plist)

    filtered.__name__ = f"filter_{label}"
    hostile(rf"HDF5 filters \[{number}\]")(filtered)

for label, dtype in {
    "text": h5py.string_dtype(),
    "bytes": "S5",
    "compound": [("a", "f4"), ("b", "i4")],
    "complex": "c8",
    "reference": h5py.ref_dtype,
    "region": h5py.regionref_dtype,
    "variable_length": h5py.vlen_dtype("f4"),
    "enumeration": h5py.enum_dtype({"a": 1, "b": 2}),
    "opaque": "V7",
    "array": "(3,)f4",
}.items():

    def typed(file, canary, dtype=dtype):
        kernel(file, (3,), dtype)

    typed.__name__ = f"values_of_type_{label}"
    hostile("is not an array of plain numbers")(typed)


@hostile("is not an array of up to 8 dimensions")
def array_of_no_space(file, canary):
    kernel(file, data=h5py.Empty("f4"))


@hostile("is not a group", DamagedFileError)
def datatype_in_place_of_a_layer(file, canary):
    replace(file, "model_weights/dense", np.dtype("f4"))


@hostile("is not a group", DamagedFileError)
def array_in_place_of_a_layer(file, canary):
    replace(file, "model_weights/dense", np.ones(3))


@hostile("is not a dataset", DamagedFileError)
def group_in_place_of_an_array(file, canary):
    del file[KERNEL]
    file.create_group(KERNEL)


@hostile("is missing, though the file has its name", DamagedFileError)
def weight_that_is_missing(file, canary):
    del file[KERNEL]


for label, value in {
    "numbers": np.ones(3),
    "references": lambda file: np.array([file.ref], dtype=h5py.ref_dtype),
    "nothing": h5py.Empty("S1"),
}.items():

    def names_of(file, canary, value=value):
        value = value(file) if callable(value) else value
        file["model_weights"].attrs["layer_names"] = value

    names_of.__name__ = f"names_that_are_{label}"
    hostile("layer_names is not text", DamagedFileError)(names_of)


@hostile("codec can't decode", DamagedFileError)
def names_that_are_not_unicode(file, canary):
    file["model_weights"].attrs["layer_names"] = np.array([b"\xff\xfe"])


@hostile("model_config has 2 strings", DamagedFileError)
def several_configurations(file, canary):
    file.attrs["model_config"] = ["{}", "{}"]


# ---- text within ------------------------------------------------------------------------------


@hostile("nested more than 256 levels deep")
def configuration_nested_without_end(file, canary):
    file.attrs["model_config"] = b"[" * 1_000_000


@hostile("more than 1,000,000 lists")
def configuration_of_lists(file, canary):
    file.attrs["model_config"] = b"[" + b"[]," * 2_000_000 + b"1]"


@hostile("an integer of 1,000,000 digits")
def configuration_with_a_huge_number(file, canary):
    file.attrs["model_config"] = b'{"units": ' + b"9" * 1_000_000 + b"}"


# ---- the file itself --------------------------------------------------------------------------


def whole(message, error=UnsafeFileError):
    """Registers a function that writes the whole file: ``write(path, canary)``."""

    def register(write):
        FILES.append((write.__name__, write, error, message))
        return write

    return register


@whole("superblock extension")
def machinery_of_the_library(path, canary):
    with h5py.File(path, "w", libver="latest", fs_strategy="page") as file:
        honest(file)


@whole("not an HDF5 file.*pickle", DamagedFileError)
def pickle_by_the_name_of_h5(path, canary):
    path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")


@whole("not an HDF5 file.*zip", DamagedFileError)
def zip_by_the_name_of_h5(path, canary):
    path.write_bytes(b"PK\x03\x04" + bytes(100))


@whole("is not an HDF5 file: it is empty", DamagedFileError)
def empty_file(path, canary):
    path.write_bytes(b"")


@whole("model.h5|BytesIO", DamagedFileError)
def file_cut_in_half(path, canary):
    with h5py.File(path, "w") as file:
        honest(file)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@whole("model.h5|BytesIO", DamagedFileError)
def signature_and_noise(path, canary):
    path.write_bytes(b"\x89HDF\r\n\x1a\n\0" + np.random.RandomState(0).bytes(4000))

"""Hostile models: changes to the file of a harmless one, each after a known attack on Keras.

A change gets the configuration, as a dictionary, the training configuration, and the path of the
canary, which nobody may open; `message` is what loading must say. `BAIT` is what would be there if
code from the file had run.
"""

import base64
import json
import marshal

import h5py

from kforge.saving.errors import UnsafeFileError

MODELS = []
BAIT = "kforge_code_has_run"


def hostile(message, error=ValueError):
    """Registers ``change(model, training, canary)``."""

    def register(change):
        MODELS.append((change.__name__, change, error, message))
        return change

    return register


def rewrite(path, change, canary):
    """Applies a change to the file of a model."""
    with h5py.File(path, "r+") as file:
        texts = [json.loads(file.attrs[name]) for name in ("model_config", "training_config")]
        change(*texts, str(canary))
        for name, text in zip(("model_config", "training_config"), texts):
            del file.attrs[name]
            file.attrs[name] = json.dumps(text)


def second(model):
    """The layer that most changes replace."""
    return model["config"]["layers"][1]


def layer(kind, module=None, **config):
    config = {"name": "trap", "trainable": True, "dtype": "float32", **config}
    return {"class_name": kind, "module": module, "registered_name": None, "config": config}


def bytecode():
    """A function that leaves the bait, as Keras 2 stores lambdas."""
    code = compile(
        f"lambda x: (__import__('os').environ.setdefault('{BAIT}', '1'), x)[1]", "", "eval"
    )
    code = code.co_consts[0]
    return [base64.encodebytes(marshal.dumps(code)).decode(), None, None]


def trap(**config):
    return layer("Lambda", function=bytecode(), function_type="lambda", arguments={}, **config)


# ---- CVE-2024-3660, CVE-2025-9905, CVE-2026-12481: bytecode of Lambda layers --------------------


@hostile("'trap' holds a function as bytecode")
def bytecode_in_a_lambda(model, training, canary):
    second(model).update(trap())


@hostile("'trap' holds a function as bytecode")
def bytecode_in_a_wrapper(model, training, canary):
    second(model).update(layer("TimeDistributed", layer=trap()))


@hostile("'trap' holds a function as bytecode")
def bytecode_in_a_nested_model(model, training, canary):
    first = model["config"]["layers"][0]
    inner = {"name": "inner", "layers": [json.loads(json.dumps(first)), trap()]}
    second(model).update({"class_name": "Sequential", "config": inner})


@hostile("holds a function as bytecode")
def bytecode_for_the_shape(model, training, canary):
    shape = {"output_shape": bytecode(), "output_shape_type": "lambda"}
    named = layer("Lambda", function="relu", function_type="function", arguments={}, **shape)
    second(model).update(named)
    second(model)["config"]["function"] = bytecode()
    second(model)["config"]["function_type"] = "lambda"


@hostile("Unknown activation function: Lambda")
def bytecode_as_an_activation(model, training, canary):
    second(model)["config"]["activation"] = trap()


@hostile("'trap' holds a function as bytecode")
def bytecode_of_keras_3(model, training, canary):
    code = {"class_name": "__lambda__", "config": {"code": bytecode()[0]}}
    second(model).update(layer("Lambda", function=code, arguments={}))


# ---- CVE-2025-1550, CVE-2025-8747, CVE-2025-9906: names that mean something --------------------


@hostile("Unknown layer: system")
def class_of_another_module(model, training, canary):
    second(model).update(layer("system", "os", command="true"))


@hostile("Unknown layer: os.system")
def class_with_its_path(model, training, canary):
    second(model).update(layer("os.system"))


@hostile("Unknown function: get_file")
def function_of_keras_in_a_lambda(model, training, canary):
    arguments = {"fname": "x", "origin": "http://127.0.0.1:9/"}
    second(model).update(
        layer("Lambda", function="get_file", function_type="function", arguments=arguments)
    )


@hostile("Unknown activation function: get_file")
def function_of_keras_as_an_activation(model, training, canary):
    second(model)["config"]["activation"] = "get_file"


@hostile("Unknown initializer: load_model")
def function_of_keras_as_an_initializer(model, training, canary):
    second(model)["config"]["kernel_initializer"] = {
        "class_name": "load_model",
        "config": {"filepath": canary},
    }


@hostile("Unknown layer: enable_unsafe_deserialization")
def switch_that_turns_checks_off(model, training, canary):
    second(model).update(layer("enable_unsafe_deserialization", "keras.config"))


@hostile("Unknown layer: exec")
def function_in_place_of_a_layer(model, training, canary):
    second(model).update(
        {
            "class_name": "function",
            "module": "builtins",
            "config": "exec",
            "registered_name": "exec",
        }
    )


# ---- CVE-2025-49655, CVE-2025-12058, CVE-2026-1462: layers that read files ----------------------


@hostile("Unknown layer: TorchModuleWrapper")
def module_of_torch(model, training, canary):
    second(model).update(layer("TorchModuleWrapper", "keras.layers"))
    second(model)["config"]["module"] = "gASVAAAAAAAAAA=="


@hostile(r"'trap' holds a torch module, os.system, whose code is not in the file")
def module_of_torch_by_its_path(model, training, canary):
    module = {"class_name": "system", "module": "os", "token": "0"}
    second(model).update(layer("TorchModule"))
    second(model)["config"]["module"] = module


@hostile("Unknown layer: StringLookup")
def vocabulary_from_a_file(model, training, canary):
    second(model).update(layer("StringLookup", "keras.layers", vocabulary=canary))


@hostile("Unknown layer: TFSMLayer")
def saved_model_of_tensorflow(model, training, canary):
    second(model).update(layer("TFSMLayer", "keras.layers", filepath=canary))


@hostile("not understood|unexpected keyword", TypeError)
def weights_from_a_file(model, training, canary):
    second(model)["config"]["file"] = canary


@hostile("read_file, which is not one of those that are known")
def operation_that_reads_files(model, training, canary):
    first = layer("InputLayer", batch_input_shape=[None, 3])
    del first["config"]["trainable"]
    inputs = {**first, "name": "trap", "inbound_nodes": []}
    operation = layer("TFOpLambda", function="io.read_file", name="read")
    model["class_name"] = "Functional"
    model["config"] = {
        "name": "model",
        "layers": [inputs, {**operation, "name": "read", "inbound_nodes": [["trap", 0, 0, {}]]}],
        "input_layers": [["trap", 0, 0]],
        "output_layers": [["read", 0, 0]],
    }


# ---- CVE-2026-0897: memory ----------------------------------------------------------------------


@hostile("describes a model with 160,000,000,000,064 bytes", UnsafeFileError)
def weights_that_no_machine_holds(model, training, canary):
    second(model)["config"]["units"] = 10_000_000_000_000


@hostile("describes a model with [0-9,]+ bytes of weights or more", UnsafeFileError)
def weights_in_many_small_layers(model, training, canary):
    many = [layer("Dense", name=f"d{number}", units=2000) for number in range(100)]
    model["config"]["layers"][1:] = many


# ---- in the training configuration: the model comes back uncompiled -----------------------------

TRAINING = []


def in_training(message):
    def register(change):
        TRAINING.append((change.__name__, change, message))
        return change

    return register


@in_training("Unknown loss function: eval")
def loss_that_is_a_function_of_python(model, training, canary):
    training["loss"] = "eval"


@in_training("Unknown loss function: Lambda|bytecode")
def loss_that_is_a_lambda(model, training, canary):
    training["loss"] = trap()


@in_training("Unknown metric function: get_file")
def metric_that_downloads(model, training, canary):
    training["metrics"] = [{"class_name": "get_file", "config": {"fname": "x", "origin": canary}}]


@in_training("Unknown optimizer: system")
def optimizer_of_another_module(model, training, canary):
    training["optimizer_config"] = {"class_name": "system", "module": "os", "config": {}}


@in_training("optimizer_config")
def no_optimizer(model, training, canary):
    del training["optimizer_config"]

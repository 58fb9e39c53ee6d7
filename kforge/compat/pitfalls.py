"""What Python, NumPy and other packages took away since Keras 2's days, given back to old programs.

The tables below say what. Names are added where they are absent; nothing that exists changes, but
for the functions of `WIDENED` and `RENAMED`, which then accept again what they accepted. A module
that the program has not imported yet is seen to when it is.

The runner and ``%load_ext kforge`` call `restore`, and processes that they start do; importing
kforge does not. ``KFORGE_SHIMS=0`` in the environment leaves everything as it is.
"""

import collections.abc
import importlib
import importlib.machinery
import os
import sys
import warnings

__all__ = ["MODULES", "NAMES", "RENAMED", "VARIABLE", "WIDENED", "restore", "wanted", "withdraw"]

#: The environment variable: "0" forbids `restore`, "1" tells new processes to do it.
VARIABLE = "KFORGE_SHIMS"

_STYLES = """
    bright colorblind dark dark-palette darkgrid deep muted notebook paper pastel poster talk ticks
    white whitegrid
"""

#: Names that are gone: {module, or module:object in it: names}. Each is NAME=NOW, NOW being a name
#: at the same place, one elsewhere (module:name), a module (module:), or (.name) one of `removed`.
NAMES = {
    "IPython.core.display": "display=IPython.display:display",
    "PIL": "PILLOW_VERSION=__version__",
    "PIL.Image": "ANTIALIAS=LANCZOS CUBIC=BICUBIC LINEAR=BILINEAR",
    "PIL.ImageDraw:ImageDraw": "textsize=.textsize",
    "PIL.ImageFont:FreeTypeFont": "getsize=.getsize",
    "PIL.ImageFont:ImageFont": "getsize=.getsize",
    "base64": "decodestring=decodebytes encodestring=encodebytes",
    "collections": " ".join(f"{n}=collections.abc:{n}" for n in collections.abc.__all__),
    "fractions": "gcd=math:gcd",
    "h5py:Dataset": "value=.dataset_value",
    "h5py:File": "fid=id",
    "html.parser:HTMLParser": "unescape=.unescape",
    "inspect": "getargspec=.getargspec",
    "matplotlib.axes:Axes": "get_axis_bgcolor=get_facecolor set_axis_bgcolor=set_facecolor",
    "matplotlib.cm": "cmap_d=matplotlib.cm:_colormaps get_cmap=.get_cmap",
    "matplotlib.style:library": "seaborn=seaborn-v0_8 "
    + " ".join(f"seaborn-{n}=seaborn-v0_8-{n}" for n in _STYLES.split()),
    "numpy": (
        "bool=builtins:bool complex=builtins:complex float=builtins:float int=builtins:int"
        " long=builtins:int object=builtins:object str=builtins:str unicode=builtins:str"
        " bool8=bool_ cfloat=complex128 complex_=complex128 float_=float64 longfloat=longdouble"
        " object0=object_ singlecomplex=complex64 string_=bytes_ unicode_=str_"
        " Inf=inf Infinity=inf NAN=nan NINF=.NINF NZERO=.NZERO NaN=nan PINF=inf PZERO=.PZERO"
        " infty=inf"
        " alltrue=all asfarray=.asfarray asscalar=.asscalar cast=.cast cumproduct=cumprod"
        " find_common_type=.find_common_type in1d=.in1d int0=intp uint0=uintp"
        " mat=asmatrix msort=.msort product=prod rank=ndim round_=round row_stack=vstack"
        " sctypes=.sctypes sometrue=any trapz=trapezoid typeDict=sctypeDict"
        " AxisError=numpy.exceptions:AxisError ComplexWarning=numpy.exceptions:ComplexWarning"
        " RankWarning=numpy.exceptions:RankWarning"
        " VisibleDeprecationWarning=numpy.exceptions:VisibleDeprecationWarning"
    ),
    "os": "errno=errno:",
    "pandas": "datetime=datetime:datetime np=numpy:",
    "pandas:DataFrame": "append=.append as_matrix=.as_matrix iteritems=items ix=.ix",
    "pandas:Series": "append=.append as_matrix=.as_matrix iteritems=items ix=.ix",
    "scipy": "interp=numpy:interp misc=scipy.misc: random=numpy.random:",
    "scipy.integrate": "cumtrapz=cumulative_trapezoid simps=simpson trapz=trapezoid",
    "scipy.linalg": "pinv2=pinv",
    "scipy.misc": " ".join(
        f"{n}=kforge.compat.scipy_misc:{n}"
        for n in "bytescale fromimage imread imresize imrotate imsave toimage".split()
    )
    + "".join(f" {n}=scipy.special:{n}" for n in "comb factorial logsumexp".split()),
    "scipy.ndimage": "imread=kforge.compat.scipy_misc:imread",
    "scipy.signal": " ".join(
        f"{n}=scipy.signal.windows:{n}"
        for n in "bartlett blackman boxcar gaussian hamming hann kaiser triang".split()
    ),
    "threading:Thread": "isAlive=is_alive",
    "time": "clock=process_time",
    "unittest:TestCase": (
        "assertAlmostEquals=assertAlmostEqual assertEquals=assertEqual"
        " assertItemsEqual=assertCountEqual assertNotAlmostEquals=assertNotAlmostEqual"
        " assertNotEquals=assertNotEqual assertNotRegexpMatches=assertNotRegex"
        " assertRaisesRegexp=assertRaisesRegex assertRegexpMatches=assertRegex assert_=assertTrue"
    ),
}

#: Functions that accept less than they did: {module, or module:class: names}; `widened` has, under
#: each of the names after the "=", what makes of a function one that accepts it again.
WIDENED = {
    "h5py:AttributeManager": "__getitem__=decodable",
    "h5py:File": "__init__=creating",
    "json:JSONDecoder": "__init__=ignoring_encoding",
    "matplotlib.axis:Axis": "set_ticklabels=labelling_some",
    "numpy": (
        "array=making_ragged array=copying_if_needed asanyarray=making_ragged asarray=making_ragged"
        " column_stack=stacking_any copy=taking_ragged dstack=stacking_any fromstring=reading_bytes"
        " geomspace=counting_in_floats hstack=stacking_any linspace=counting_in_floats"
        " logspace=counting_in_floats meshgrid=giving_a_list ndim=taking_ragged save=taking_ragged"
        " savez=taking_ragged savez_compressed=taking_ragged set_printoptions=printing_all"
        " shape=taking_ragged size=taking_ragged stack=stacking_any vstack=stacking_any"
    ),
    "numpy.random": "permutation=taking_ragged",
    "pandas": "concat=taking_positions read_csv=taking_positions",
    "pandas:DataFrame": "drop=taking_positions dropna=taking_positions fillna=taking_positions"
    " set_index=taking_positions sort_values=taking_positions",
    "random": "sample=sampling_sets shuffle=shuffling_by",
    "sklearn.metrics": "classification_report=taking_positions confusion_matrix=taking_positions",
    "sklearn.model_selection:KFold": "__init__=taking_positions",
    "sklearn.model_selection:StratifiedKFold": "__init__=taking_positions",
    "sklearn.utils.class_weight": "compute_class_weight=taking_positions",
    "yaml": "load=loading_safely",
}

#: Arguments that have another name by now, or none: {module, or module:class: {function: names}}.
RENAMED = {
    "matplotlib": {"use": "warn="},
    "matplotlib.axes:Axes": {"hist": "normed=density"},
    "matplotlib.axes._base:_AxesBase": {"grid": "b=visible"},
    "matplotlib.figure:Figure": {"savefig": "frameon= papertype="},
    "numpy": {"histogram": "normed=density", "histogram2d": "normed=density"},
    "sklearn.cluster:KMeans": {"__init__": "n_jobs= precompute_distances="},
    "sklearn.manifold:TSNE": {"__init__": "n_iter=max_iter"},
    "sklearn.preprocessing:OneHotEncoder": {"__init__": "sparse=sparse_output"},
}

#: Modules that are gone, and what stands for them.
MODULES = {
    "imp": "kforge.compat.imp",
    "pkg_resources": "kforge.compat.pkg_resources",
    "scipy.misc": "kforge.compat.scipy_misc",
    "scipy.ndimage.filters": "scipy.ndimage",
    "scipy.ndimage.interpolation": "scipy.ndimage",
    "scipy.ndimage.measurements": "scipy.ndimage",
    "scipy.ndimage.morphology": "scipy.ndimage",
    "sklearn.cross_validation": "sklearn.model_selection",
    "sklearn.externals.joblib": "joblib",
    "sklearn.externals.six": "six",
    "sklearn.grid_search": "sklearn.model_selection",
    "sklearn.learning_curve": "sklearn.model_selection",
    "sklearn.metrics.classification": "sklearn.metrics",
    "sklearn.metrics.ranking": "sklearn.metrics",
    "sklearn.metrics.regression": "sklearn.metrics",
    "sklearn.preprocessing.data": "sklearn.preprocessing",
    "sklearn.preprocessing.label": "sklearn.preprocessing",
    "sklearn.utils.linear_assignment_": "kforge.compat.removed",
}

_REMOVED, _WIDENED = "kforge.compat.removed", "kforge.compat.widened"
_ABSENT = object()
_undo = []  # what `withdraw` has to call, last first


def wanted():
    """Whether the environment lets the runner call `restore`: it does unless it says no."""
    return os.environ.get(VARIABLE) != "0"


def restore():
    """Gives back what the tables list, in this process and in those that it starts."""
    if _undo:
        return
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    _undo.append(lambda: _set_variable(before))
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    _undo.append(lambda: sys.meta_path.remove(finder))
    for name in _places():
        if name in sys.modules:
            _mend(name)


def withdraw():
    """Takes back what `restore` gave."""
    while _undo:
        _undo.pop()()


def _set_variable(value):
    if value is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = value


def _places():
    """{module: the keys of the tables that are about it}."""
    found = {}
    for key in dict.fromkeys([*NAMES, *WIDENED, *RENAMED]):
        found.setdefault(key.partition(":")[0], []).append(key)
    return found


class _Finder:
    """Sees to modules of the tables when they are imported, and finds those that are gone."""

    def __init__(self):
        self.places = _places()

    def find_spec(self, name, path=None, target=None):
        """A module's spec, if it is in a table; None otherwise."""
        if name not in self.places and name not in MODULES:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return importlib.machinery.ModuleSpec(name, self) if name in MODULES else None
        if name in self.places and spec.loader is not None:
            _mend_after_loading(spec.loader)
        return spec

    def create_module(self, spec):
        """Python makes an empty one, for `exec_module` to replace."""

    def exec_module(self, module):
        """Puts what stands for the module in its place."""
        name = module.__name__
        sys.modules[name] = importlib.import_module(MODULES[name])
        _undo.append(lambda: sys.modules.pop(name, None))


def _mend_after_loading(loader):
    load = loader.exec_module

    def exec_module(module):
        vars(loader).pop("exec_module", None)
        load(module)
        _mend(module.__name__)

    loader.exec_module = exec_module


def _mend(module):
    """Does what the tables say about a module that is loaded.

    It may be another than the one meant, such as a `random.py` of the program's own.
    """
    for key in _places()[module]:
        name, _, attribute = key.partition(":")
        holder = sys.modules[name]
        if attribute:
            holder = getattr(holder, attribute, None)
        if holder is None:
            continue
        for word in NAMES.get(key, "").split():
            old, _, now = word.partition("=")
            if not _has(holder, old):
                _put(holder, old, _find(holder, now))
        for word in WIDENED.get(key, "").split():
            old, _, maker = word.partition("=")
            _widen(holder, old, getattr(importlib.import_module(_WIDENED), maker))
        for name, words in RENAMED.get(key, {}).items():
            renaming = importlib.import_module(_WIDENED).renaming
            _widen(holder, name, renaming(dict(word.split("=") for word in words.split())))


def _widen(holder, name, widen):
    if name in vars(holder):
        _put(holder, name, widen(vars(holder)[name]))


def _has(holder, name):
    if isinstance(holder, dict):
        return name in holder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, that a name will come back in another sense
        return hasattr(holder, name)


def _find(holder, now):
    """What stands for a name; `_ABSENT` where that is gone too."""
    module, colon, name = now.rpartition(":")
    if now.startswith("."):
        return getattr(importlib.import_module(_REMOVED), now[1:])
    if colon:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # `scipy.misc` is empty by now
            holder = importlib.import_module(module)
    if not name:
        return holder
    return holder.get(name, _ABSENT) if isinstance(holder, dict) else getattr(holder, name, _ABSENT)


def _put(holder, name, value):
    """Sets a name until `withdraw`."""
    table = holder if isinstance(holder, dict) else vars(holder)
    old = table.get(name, _ABSENT)
    _undo.append(lambda: _assign(holder, name, old))
    _assign(holder, name, value)


def _assign(holder, name, value):
    if isinstance(holder, dict):
        holder.pop(name, None) if value is _ABSENT else holder.update({name: value})
    elif value is not _ABSENT:
        setattr(holder, name, value)
    elif name in vars(holder):
        delattr(holder, name)

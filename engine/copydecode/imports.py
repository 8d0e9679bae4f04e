"""Where a missing import goes: the fix of an undefined name that everyone knows is not on its line.

"Undefined name `os`" is told of where `os` is used, and mended where the document imports. Python
only, by the text's lines: a document that lacks an import need not parse. Knows nothing of models
or editors.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence

KNOWN_NAMES: Mapping[str, str] = {
    name: module
    for module, names in {
        "abc": "ABC abstractmethod ABCMeta",
        "collections": "Counter OrderedDict defaultdict deque namedtuple ChainMap",
        "collections.abc": "Callable Iterable Iterator Mapping Sequence Generator Awaitable",
        "concurrent.futures": "ThreadPoolExecutor ProcessPoolExecutor as_completed",
        "contextlib": "contextmanager suppress ExitStack closing nullcontext",
        "copy": "deepcopy",
        "dataclasses": "dataclass field asdict replace",
        "datetime": "datetime timedelta timezone date",
        "decimal": "Decimal",
        "enum": "Enum IntEnum auto Flag",
        "functools": "lru_cache partial reduce wraps cached_property total_ordering",
        "itertools": "chain groupby islice product zip_longest combinations",
        "io": "StringIO BytesIO",
        "operator": "itemgetter attrgetter",
        "pathlib": "Path PurePath",
        "tempfile": "TemporaryDirectory NamedTemporaryFile mkdtemp",
        "textwrap": "dedent indent",
        "threading": "Thread Lock RLock Event",
        "types": "TracebackType ModuleType SimpleNamespace MappingProxyType",
        "typing": "Any ClassVar Dict Final Generic List Literal NamedTuple NoReturn Optional "
        "Protocol Set Tuple Type TypeVar Union TYPE_CHECKING cast overload",
        "urllib.parse": "urlparse urlencode urljoin quote unquote urlsplit parse_qs",
        "uuid": "uuid4",
        "warnings": "warn",
    }.items()
    for name in names.split()
}
"""Names that everyone knows where to import from."""

_MODULES = """
argparse ast asyncio base64 bisect collections contextlib copy csv dataclasses datetime decimal enum
errno functools glob hashlib heapq importlib inspect io itertools json logging math operator os
pathlib pickle platform pprint queue random re shutil signal socket sqlite3 string struct subprocess
sys tempfile textwrap threading time traceback types typing unittest uuid warnings weakref zipfile
"""
KNOWN_MODULES = frozenset(_MODULES.split())
"""Modules of the standard library that are imported by name everywhere."""

_IMPORT = re.compile(r"(?:import|from)\s+([\w.]+)")


def missing_import(message: str) -> str | None:
    """Return the module that a message about an undefined name asks to import, or import from."""
    lower = message.lower()
    if "undefined" not in lower and "not defined" not in lower:
        return None
    for name in re.findall(r"[`'\"](\w+)[`'\"]", message):
        if name in KNOWN_MODULES:
            return str(name)
        if name in KNOWN_NAMES:
            return KNOWN_NAMES[name]
    return None


def import_section(lines: Sequence[str], module: str) -> tuple[int, int] | None:
    """Return the first and the last line of the imports that one of a module belongs to, from 1.

    A section is a run of imports at the margin without another line between. It is the one that
    has the module already, else the first with a module of the standard library, where this one is
    of it; else the first that is not about the future. None where there is none.
    """
    sections = [section for section in _sections(lines) if section[2] != ["__future__"]]
    standard = module.partition(".")[0] in sys.stdlib_module_names

    def fits(modules: Sequence[str]) -> tuple[bool, bool]:
        tops = {name.partition(".")[0] for name in modules}
        return module in modules, standard and not tops.isdisjoint(sys.stdlib_module_names)

    if not sections:
        return None
    first, last, _ = max(sections, key=lambda section: fits(section[2]))
    return first, last


def _sections(lines: Sequence[str]) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the runs of imports: first line, last line, and the modules that they name."""
    begun, modules, within = 0, [], False
    for number, line in enumerate([*lines, ""], start=1):
        match = None if within else _IMPORT.match(line)
        if match is not None:
            begun = begun or number
            modules.append(match[1])
            code = line.partition("#")[0]
            within = "(" in code and ")" not in code
        elif within:
            within = ")" not in line.partition("#")[0]
        elif begun:
            yield begun, number - 1, modules
            begun, modules = 0, []

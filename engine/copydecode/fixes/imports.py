"""What a missing import comes to: the fix of an undefined name that everyone knows the module of.

"Undefined name `os`" is told of where `os` is used, and mended where the document imports. So that
a model need not know what isort does, it is told what to write before which line. Python only, by
the text's lines: a document that lacks an import need not parse. Knows nothing of models or
editors.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from copydecode.fixes.fix import Fix
from copydecode.fixes.messages import plain

KNOWN_NAMES: Mapping[str, str] = {
    name: module
    for module, names in {
        "abc": "ABC abstractmethod ABCMeta",
        "collections": "Counter OrderedDict defaultdict deque namedtuple ChainMap",
        "collections.abc": "Callable Iterable Iterator Mapping Sequence Generator Awaitable",
        "concurrent.futures": "ThreadPoolExecutor ProcessPoolExecutor as_completed",
        "contextlib": "contextmanager suppress ExitStack closing nullcontext",
        "copy": "deepcopy",
        "dataclasses": "dataclass field asdict",
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
        "threading": "Thread RLock",
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

_ALIASES: Mapping[str, str] = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
}
"""Short names that everyone gives to modules."""

_NAME = r"[`'\"]?([^\W\d]\w*)[`'\"]?"
_MISSING = re.compile(
    rf"(?i:undefined (?:name|variable)) {_NAME}"
    rf"|(?i:(?:NameError: )?(?:name )?){_NAME} (?i:is not (?:defined|imported)"
    r"(?:\. Did you forget to import [`'\"]\w+[`'\"]\??)?)"
    rf"|(?i:(?:please )?(?:add (?:the missing )?import (?:of|for)|add import|import)) {_NAME}"
)
_IMPORT = re.compile(r"(import|from)\s+([\w.]+)")
_BOUND = re.compile(r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?import\b([^#\n]*)", re.MULTILINE)
_NAMES = re.compile(r"from\s+[\w.]+\s+import\s+([\w, \t]+)$")
_OPENED = re.compile(r"from\s+[\w.]+\s+import\s+\($")
_NAME_OF_ITS_OWN = re.compile(r"(\s+)([^\W\d]\w*)(?: as \w+)?,")
_RENAMED = re.compile(r"\b[\w.]+[ \t]+as[ \t]+(?=\w)")
_INDENTED_IMPORT = re.compile(r"\s+(?:from|import)\b")
_OTHER_LIBRARIES = re.compile(r"^\s*(?:from|import)\s+(?:attrs?|sqlalchemy|celery)\b", re.MULTILINE)
"""They have names of the standard library's for other things."""

_LONG_STRING = re.compile(r"(\"\"\"|''').*?\1", re.DOTALL)
_STRING = re.compile(r"[rR]?(\"\"\"|'''|\"|')")

_STANDARD = 1
"""The section of what comes with Python."""

LONGEST_LINE = 88
"""A line of imports is made no longer than this: black's bound, and ruff's."""


def import_fix(message: str, lines: Sequence[str]) -> Fix | None:
    """Return how to add the import that a message asks for, where everyone would do it so.

    `lines` are those of the document. The import goes where isort would put it among the others.
    None for another message, for a name that is not known or is imported already, and for one that
    is used as a variable would be ("undefined name `date`" may mean `data`).
    """
    found = _MISSING.fullmatch(plain(message))
    name = next(filter(None, found.groups()), "") if found else ""
    ways = list(_ways(name))
    if not ways:
        return None
    text = _text(lines)
    wanted = next((way for way in ways if _is_used(name, way, text)), None)
    if wanted is None:
        return None
    code = _without_long_strings(text)
    sections = list(_sections(code.split("\n")))
    if _is_imported(name, code, sections):
        return None
    fix = _placed(wanted, sections, text.split("\n"))
    return fix if fix.line <= len(lines) else None


def is_imported(name: str, lines: Sequence[str]) -> bool:
    """Return whether a document, of these lines, imports something by a name."""
    text = "\n".join(line for line in lines if not _INDENTED_IMPORT.match(line))
    code = _RENAMED.sub("", _without_long_strings(_text(text.split("\n"))))
    return _is_imported(name, code, list(_sections(code.split("\n"))))


def _text(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip("\r\n") for line in lines).removeprefix("\ufeff")


def _without_long_strings(text: str) -> str:
    return _LONG_STRING.sub(lambda match: "\n" * match[0].count("\n"), text)


@dataclass(frozen=True, slots=True)
class _Statement:
    """An import at the margin, in lines `first` to `last`; `name` is None for one of a module."""

    module: str
    name: str | None
    first: int = 0
    last: int = 0
    alias: str = ""

    def by_kind(self) -> tuple[bool, str]:
        """Return what isort sorts by: modules before what is imported from them."""
        return self.name is not None, self.module.lower()

    def by_module(self) -> tuple[bool, str]:
        """Return what is sorted by where kinds are mixed."""
        return False, self.module.lower()

    @property
    def text(self) -> str:
        """The statement in one line."""
        if self.name is not None:
            return f"from {self.module} import {self.name}"
        return f"import {self.module}" + (f" as {self.alias}" if self.alias else "")

    @property
    def origin(self) -> int:
        """The sort of section that it belongs to: the future, the standard library, others."""
        top = self.module.partition(".")[0]
        return 0 if top == "__future__" else _STANDARD if top in sys.stdlib_module_names else 2


def _ways(name: str) -> Iterator[_Statement]:
    """Yield the imports that a name is known to come from."""
    if name in KNOWN_MODULES:
        yield _Statement(name, None)
    if name in KNOWN_NAMES:
        yield _Statement(KNOWN_NAMES[name], name)
    if name in _ALIASES:
        yield _Statement(_ALIASES[name], None, alias=name)


def _is_used(name: str, wanted: _Statement, text: str) -> bool:
    """Return whether a name is used as what is imported would be: `os.sep`, `wraps(f)`, `Path`.

    Where a module has something of its own name, it is the module whose other names are used. What
    a module does not have says that a variable is meant, and so does an attribute of that name.
    """
    text = re.sub(r"#.*", "", _without_long_strings(text))
    if re.search(rf"\bself\.{name}\b", text):
        return False
    if wanted.name is not None and _OTHER_LIBRARIES.search(text):
        return False
    behind = "" if name[:1].isupper() or name in KNOWN_MODULES else r"[ \t]*[.(]"
    if wanted.name is None:
        own = "|".join(known for known, module in KNOWN_NAMES.items() if module == name)
        behind = rf"\.(?:{own})\b" if name in KNOWN_NAMES else r"\."
    attributes = re.findall(rf"(?<![\w.]){name}\.([^\W\d]\w*)", text) if behind else []
    if not all(_has(wanted, attribute) for attribute in dict.fromkeys(attributes)):
        return False
    decorates = rf"|@{name}\b" if wanted.name is not None else ""
    return re.search(rf"(?<![\w.]){name}\b{behind}{decorates}", text) is not None


def _has(wanted: _Statement, attribute: str) -> bool:
    """Return whether what is imported has an attribute; of what comes with Python only.

    A file of the same name in the folder of the process, the user's, is not imported: it would run.
    """
    if wanted.origin > _STANDARD or not _comes_with_python(wanted.module):
        return True
    module = import_module(wanted.module)
    if wanted.name is not None:
        return hasattr(getattr(module, wanted.name, None), attribute)
    is_package = hasattr(module, "__path__")
    return hasattr(module, attribute) or (
        is_package and find_spec(f"{wanted.module}.{attribute}") is not None
    )


def _comes_with_python(module: str) -> bool:
    spec = find_spec(module.partition(".")[0])
    origin = spec.origin if spec else None
    folder = Path(sysconfig.get_path("stdlib")).resolve()
    return origin in {"built-in", "frozen"} or (
        origin is not None and folder in Path(origin).resolve().parents
    )


def _is_imported(name: str, text: str, sections: Sequence[Sequence[_Statement]]) -> bool:
    word, lines = re.compile(rf"\b{name}\b"), text.split("\n")
    if any(word.search(match[1]) for match in _BOUND.finditer(text)):
        return True
    statements = (s for section in sections for s in section if s.last > s.first)
    further = (line for s in statements for line in lines[s.first : s.last])
    return any(word.search(line.partition("#")[0]) for line in further)


def _placed(
    wanted: _Statement, everywhere: Sequence[Sequence[_Statement]], lines: Sequence[str]
) -> Fix:
    sections = [section for section in everywhere if any(s.origin for s in section)]
    for statement in (s for section in sections for s in section):
        if wanted.name is not None and statement.by_kind() == wanted.by_kind():
            return _joined(wanted, statement, lines)
    fitting = [s for s in sections if any(other.origin == wanted.origin for other in s)]
    if fitting:
        return Fix(_place(wanted, fitting[0]), (wanted.text,))
    if sections and sections[0][0].origin > wanted.origin:
        return Fix(sections[0][0].first, (wanted.text, ""))
    if everywhere:
        return _behind(everywhere[-1][-1].last, wanted, lines)
    return Fix(_top(lines), (wanted.text, ""))


def _behind(last: int, wanted: _Statement, lines: Sequence[str]) -> Fix:
    """Return the fix with a section of its own behind a line: between two empty ones, if any."""
    if not any(line.strip() for line in lines[last : last + 2]):
        return Fix(last + 2, (wanted.text,))
    return Fix(last + 1, ("", wanted.text))


def _joined(wanted: _Statement, other: _Statement, lines: Sequence[str]) -> Fix:
    """Return the fix that imports a name by a statement that imports others from its module."""
    name, line = wanted.name or "", lines[other.first - 1].rstrip()
    if match := _NAMES.match(line):
        names = [part.strip() for part in match[1].split(",")]
        is_sorted = names == sorted(names, key=by_type)
        names = sorted([*names, name], key=by_type) if is_sorted else [*names, name]
        text = line[: match.start(1)] + ", ".join(names)
        if len(text) <= LONGEST_LINE:
            return Fix(other.first, (text,), replaces=1)
    if _OPENED.match(line):
        for number in range(other.first + 1, other.last + 1):
            own = _NAME_OF_ITS_OWN.match(lines[number - 1])
            if own is None or by_type(own[2]) > by_type(name):
                indent = re.match(r"\s*", lines[other.first])
                return Fix(number, (f"{indent[0] if indent else ''}{name},",))
    return Fix(other.first, (wanted.text,))


def _place(wanted: _Statement, section: Sequence[_Statement]) -> int:
    """Return the line of a section that an import belongs before."""
    for key in (_Statement.by_kind, _Statement.by_module):
        keys = [key(statement) for statement in section]
        if keys == sorted(keys):
            at = bisect(keys, key(wanted))
            break
    else:
        like = [k for k, s in enumerate(section, 1) if (s.name is None) == (wanted.name is None)]
        at = like[-1] if like else len(section)
    return section[at].first if at < len(section) else section[-1].last + 1


def _top(lines: Sequence[str]) -> int:
    """Return the line that a first import goes before: behind comments and the docstring."""
    at = _next_code(lines, 0)
    match = _STRING.match(lines[at]) if at < len(lines) else None
    if match is not None:
        quotes = match[1]
        rest = lines[at][match.end() :]
        while quotes not in rest and at + 1 < len(lines):
            at += 1
            rest = lines[at]
        at = _next_code(lines, at + 1)
    return at + 1


def _next_code(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith("#")):
        at += 1
    return at


def by_type(name: str) -> tuple[int, str]:
    """Return what isort sorts names of a module by: constants, then classes, then others."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[:1].isupper() else 2), name


def _sections(lines: Sequence[str]) -> Iterator[list[_Statement]]:
    """Yield the runs of imports at the margin without another line between."""
    section: list[_Statement] = []
    begun, match, opened = 0, None, False
    for number, line in enumerate([*lines, ""], start=1):
        code = line.partition("#")[0].rstrip()
        if not begun:
            match, opened = _IMPORT.match(line), "(" in code
            begun = number
        if match is None:
            if section:
                yield section
            section, begun = [], 0
        elif not (code.endswith("\\") or (opened and ")" not in code)):
            name = "" if match[1] == "from" else None
            section.append(_Statement(match[2], name, begun, number))
            begun = 0
    if section:  # One that never ends stands behind it.
        yield section

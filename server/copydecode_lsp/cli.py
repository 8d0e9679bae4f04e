"""The command line: `copydecode serve | apply | bench | demo | doctor`, and those of training.

Each sub-command imports what it needs when it runs, so that `serve` starts fast and needs neither
rich nor torch. It knows nothing of how the commands do their work.
"""

# ruff: noqa: PLC0415 -- sub-commands import lazily, see above

from __future__ import annotations

import argparse
import asyncio
import importlib
import ipaddress
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from copydecode import __version__
from copydecode.config import RemoteApi, remote_host
from copydecode.errors import BadInputError, CopydecodeError

_TRAINING = {
    "train": "train the embedded model or fine-tune another one",
    "calibrate": "count how often a model is right where it is how sure",
    "evaluate": "exact match and forwards per edit on held-out files",
}

_EXIT_CODES = """\
exit codes:
  0  an edit was made (or shown); bench: something was measured
  1  the model proposes no change; demo: the mistake is still there; doctor: the edit is wrong
  2  bad usage or bad input: no such file, not UTF-8 text, lines outside the file, too long
  3  the model could not be loaded
  4  stopped by a limit or cancelled
  5  the server failed
"""


_CANCELLED = 4
_FAILED = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    args.words = words
    pygls = logging.getLogger("pygls")
    level = pygls.level
    if args.run is not _serve:
        # Our own client's requests raise; what pygls logs beside that is noise on a terminal.
        pygls.setLevel(logging.CRITICAL)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return _CANCELLED
    except CopydecodeError as error:
        from rich.console import Console

        from copydecode_lsp.headless import complain, exit_code_for

        complain(Console(stderr=True), str(error))
        return int(exit_code_for(type(error)))
    except Exception:  # noqa: BLE001 -- the outermost edge: 1, Python's own code, says "no change"
        traceback.print_exc()
        return _FAILED
    finally:
        pygls.setLevel(level)
    return code


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="copydecode",
        description="AI edits by Copy-as-Decode, over the Language Server Protocol.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_apply(commands)
    _add_bench(commands)
    _add_demo(commands)
    _add_doctor(commands)
    if words[:1] and words[0] in _TRAINING:
        importlib.import_module("copydecode.training.cli").add_parsers(commands)
    else:
        for name, text in _TRAINING.items():
            commands.add_parser(name, help=text)
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001 -- argparse has no public name for it


def _add_serve(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("serve", help="run the language server, over stdio or TCP")
    parser.add_argument(
        "--tcp",
        type=_address,
        metavar="[HOST:]PORT",
        help="serve one client over TCP, on a loopback address; port 0 is any",
    )
    _add_model(parser)
    parser.add_argument("--verbose", action="store_true", help="debug log, with document text")
    parser.set_defaults(run=_serve)


def _add_apply(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "apply",
        help="edit one file, or several at once",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--instruction", required=True, metavar="TEXT", help="what to do")
    parser.add_argument(
        "--context",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file that lines may be copied from; may be given several times",
    )
    parser.add_argument(
        "--lines", type=_lines, metavar="A-B", help="the lines that it is about, from 1, inclusive"
    )
    _add_model(parser)
    output = parser.add_mutually_exclusive_group()
    for name, text in (
        ("diff", "print a diff (the default)"),
        ("write", "write the file, in one step"),
        ("json", "print the edit and its receipt as JSON"),
    ):
        output.add_argument(f"--{name}", dest="output", action="store_const", const=name, help=text)
    parser.set_defaults(run=_apply, output="diff")


def _add_bench(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure code actions over the real server",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="*",
        metavar="PATH",
        help="a file, a folder, or JSON lines {before, instruction, after}",
    )
    parser.add_argument("--instruction", metavar="TEXT", help="beside the files' diagnostics")
    parser.add_argument("--repeat", type=_positive, default=3, metavar="N", help="rounds")
    parser.add_argument("--minutes", type=float, metavar="M", help="so long, in place of rounds")
    parser.add_argument("--clients", type=_positive, default=1, metavar="N", help="at once")
    cache = parser.add_mutually_exclusive_group()
    for name, text in (
        ("cold", "have another document edited before each edit"),
        ("warm", "have each document read before its edit"),
    ):
        cache.add_argument(
            f"--{name}", dest="temperature", action="store_const", const=name, help=text
        )
    parser.add_argument("--server", metavar="CMD", help="another server's command line")
    parser.add_argument("--against", metavar="CMD", help="a server to compare with, in pairs")
    parser.add_argument(
        "--settings",
        type=_settings,
        action="append",
        default=[],
        metavar="JSON",
        help="the server's initializationOptions; given twice, both are compared, in pairs",
    )
    parser.add_argument(
        "--cancel",
        action="store_true",
        dest="cancels",
        help="ask for each edit once more, and cancel it on its way",
    )
    parser.add_argument("--startup", action="store_true", help="measure initialize only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="- for standard output")
    parser.add_argument("--html", type=Path, metavar="FILE")
    _add_model(parser)
    parser.set_defaults(run=_bench, temperature="mixed")


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("demo", help="fix a real mistake in a real file, and show how")
    _add_model(parser)
    parser.set_defaults(run=_demo)


def _add_doctor(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "doctor",
        help="versions, machine, settings and a self-test, for a bug report",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", dest="as_json")
    _add_model(parser)
    parser.set_defaults(run=_doctor)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="M", help="'embedded', a model folder, or a Hugging Face name"
    )
    parser.add_argument(
        "--remote", metavar="URL", help="a server that runs the model; text is sent there"
    )
    parser.add_argument(
        "--remote-model", metavar="NAME", help="what that server calls it, where it serves several"
    )
    parser.add_argument(
        "--remote-api",
        choices=[api.value for api in RemoteApi],
        help="how that server is asked: by token ids (the default), or as a chat model, in words",
    )


def _remote(args: argparse.Namespace) -> dict[str, str]:
    """Return what the command line says of a model server, as settings.

    Raises:
        ConfigError: the address cannot be used.
    """
    if args.remote is not None:
        remote_host(args.remote)
    named = {
        "remoteUrl": args.remote,
        "remoteModel": args.remote_model,
        "remoteApi": args.remote_api,
    }
    return {name: value for name, value in named.items() if value is not None}


def _serve(args: argparse.Namespace) -> int:
    from copydecode_lsp import app, settings

    app.log_to_stderr(logging.DEBUG if args.verbose else logging.INFO)
    try:
        remote = args.remote, args.remote_model, args.remote_api
        config = settings.default_config(args.model, *remote)
        server = app.create(config=config)
    except CopydecodeError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 -- a message, no traceback
        return 2
    # asyncio would wait for the thread that reads stdin; there is nothing to save.
    signal.signal(signal.SIGINT, lambda *_: os._exit(_CANCELLED))
    code = app.serve_tcp(server, *args.tcp) if args.tcp else app.serve_stdio(server)
    if not server.close(timeout_s=2):
        # A load, or a forward, that cannot be interrupted: nothing is left to save.
        os._exit(code)
    return code


def _apply(args: argparse.Namespace) -> int:
    from rich.console import Console

    from copydecode_lsp import apply

    output, context = apply.Output(args.output), tuple(args.context)
    job = apply.Job(
        tuple(args.files),
        args.instruction,
        args.lines,
        args.model,
        output,
        context=context,
        settings=_remote(args),
    )
    return asyncio.run(apply.apply(job, Console(), Console(stderr=True)))


def _bench(args: argparse.Namespace) -> int:
    from rich.console import Console

    from copydecode_lsp import bench

    if not args.paths and not args.startup:
        message = "expected a PATH, or --startup"
        raise BadInputError(message)
    if len(args.settings) > 2:  # noqa: PLR2004 -- a pair
        message = "expected --settings at most twice"
        raise BadInputError(message)
    job = bench.Job(
        words=args.words,
        paths=args.paths,
        instruction=args.instruction,
        repeat=args.repeat,
        minutes=args.minutes,
        clients=args.clients,
        temperature=bench.Temperature(args.temperature),
        model=args.model,
        server=args.server,
        against=args.against,
        settings=[{**_remote(args), **each} for each in args.settings or [{}]],
        cancels=args.cancels,
        startup=args.startup,
        json=args.json,
        html=args.html,
    )
    return asyncio.run(bench.bench(job, Console(), Console(stderr=True)))


def _demo(args: argparse.Namespace) -> int:
    from rich.console import Console

    from copydecode_lsp.demo import demo

    return int(asyncio.run(demo(args.model, Console(), _remote(args))))


def _doctor(args: argparse.Namespace) -> int:
    from rich.console import Console

    from copydecode_lsp.doctor import doctor

    consoles = Console(), Console(stderr=True)
    work = doctor(args.model, *consoles, as_json=args.as_json, settings=_remote(args))
    return int(asyncio.run(work))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 -- the largest port
        message = f"expected [HOST:]PORT, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    host = host.strip("[]") or "127.0.0.1"
    if host != "localhost" and not _is_loopback(host):
        message = f"expected a loopback address, since nothing guards the port, got {host!r}"
        raise argparse.ArgumentTypeError(message)
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lines(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        message = f"expected A-B or A, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    span = int(first), int(last or first)
    if not 1 <= span[0] <= span[1]:
        message = f"expected lines 1 <= A <= B, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return span


def _settings(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"expected JSON: {error}"
        raise argparse.ArgumentTypeError(message) from error
    if not isinstance(value, dict):
        message = f"expected an object, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = f"expected a whole number >= 1, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)

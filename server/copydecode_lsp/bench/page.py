"""The report as one HTML page: no script, nothing remote, drawn as SVG, light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from copydecode_lsp.bench.figures import TIMES, durations
from copydecode_lsp.bench.run import Results
from copydecode_lsp.bench.statistics import PERCENTILES

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #8a929c; --rule: #d8dde3;
  --a: #0b62c4; --b: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14171b; --faint: #8d96a1;
  --rule: #343a42; --a: #6cb0ff; --b: #ff9d5c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { color: var(--faint); font-weight: 500; }
code { overflow-wrap: anywhere; } svg { width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } .faint { fill: var(--faint); }
.rule { stroke: var(--rule); } .a { stroke: var(--a); } .b { stroke: var(--b); }
.line { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 5 4; }
.key.a { fill: var(--a); stroke: none; } .key.b { fill: var(--b); stroke: none; }
"""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 860, 300, 64, 40, 14
_CURVES = (("edit", ""), ("list", " dashed"))

Point = tuple[float, float]


def page(report: Mapping[str, Any], results: Results) -> str:
    """Return the page of a report (`command.report`)."""
    parts = [
        "<h1>copydecode bench</h1>",
        f"<p><code>{escape(report['command'])}</code></p>",
        _machine(report),
    ]
    parts += map(_figures, report["configurations"])
    if any(report.get("comparison", {}).values()):
        parts.append(_comparison(report))
    parts.append(_latencies(report["configurations"], results))
    if results.memory:
        parts.append(_memory(report["configurations"], results))
    failures = [f for c in report["configurations"] for f in c["failures"]]
    if failures:
        shown = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(failures))
        parts.append(f"<h2>Failures</h2><ul>{shown}</ul>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>copydecode bench</title><style>{_STYLE}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _machine(report: Mapping[str, Any]) -> str:
    machine, plan = report["machine"], report["plan"]
    told = (
        f"{report['time']}. {machine['system']}, {machine['architecture']}, "
        f"{machine['processors']} processors. {plan['documents']} documents, "
        f"{plan['clients']} client{'s at once' if plan['clients'] > 1 else ''}, "
        f"{plan['temperature']} cache."
    )
    versions = ", ".join(f"{name} {v}" for name, v in report["versions"].items() if v)
    return f"<p>{escape(told)}<br><small>{escape(versions)}</small></p>"


def _figures(configuration: Mapping[str, Any]) -> str:
    head = "".join(f"<th>p{p}</th>" for p in PERCENTILES)
    rows = "".join(
        f"<tr><td>{label}, ms</td>"
        + "".join(f"<td>{_shown(values[f'p{p}'])}</td>" for p in PERCENTILES)
        + f"<td>{values['n']}</td></tr>"
        for label, values in (
            (label, configuration["times_ms"][kind]) for kind, label in TIMES.items()
        )
        if values["n"]
    )
    exact, memory = configuration["exact"], configuration["memory"]
    facts = {
        "edits (failed)": f"{configuration['edits']} ({len(configuration['failures'])})",
        "edits a second": _shown(configuration["edits_per_second"]),
        "initialize, ms": _shown(configuration["initialize_ms"]),
        "model ready, ms": _shown(configuration["model_ready_ms"]),
        "forwards an edit": _shown(configuration["per_edit"]["forwards"]),
        "tokens of the new text": _shown(configuration["per_edit"]["output_tokens"]),
        "exact match": "-"
        if exact is None
        else f"{exact['share']:.1%} ({exact['low']:.0%} to {exact['high']:.0%}, n {exact['of']})",
        "memory of a server, MiB": "-" if memory is None else _shown(memory["mean_mib"]),
    }
    command = configuration["command"]
    server = "copydecode serve" if command is None else " ".join(command)
    settings = f" <small>{escape(str(configuration['settings']))}</small>"
    told = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in facts.items())
    return (
        f"<h2>{escape(configuration['name'])}: <code>{escape(server)}</code></h2>"
        f"{settings if configuration['settings'] else ''}"
        f"<table><thead><tr><th></th>{head}<th>n</th></tr></thead><tbody>{rows}</tbody></table>"
        f"<p></p><table><tbody>{told}</tbody></table>"
    )


def _comparison(report: Mapping[str, Any]) -> str:
    first, second = (c["name"] for c in report["configurations"])
    rows = "".join(
        f"<tr><td>{TIMES[kind]}</td><td>{r['mean']:.3f}</td>"
        f"<td>{r['low']:.3f} to {r['high']:.3f}</td><td>{r['second_slower']} of {r['pairs']}</td>"
        f"<td>{r['p']:.2g}</td></tr>"
        for kind, r in report["comparison"].items()
        if r is not None
    )
    return (
        f"<h2>{escape(second)} in times of {escape(first)}, in pairs</h2>"
        "<table><thead><tr><th></th><th>ratio</th><th>95 % interval</th>"
        f"<th>{escape(second)} slower</th><th>sign test p</th></tr></thead><tbody>{rows}</tbody>"
        "</table><p><small>Geometric mean; the interval is a bootstrap over what was edited."
        "</small></p>"
    )


def _latencies(configurations: Sequence[Mapping[str, Any]], results: Results) -> str:
    """Draw which share of edits (lines) and listings (dashes) took at most how long."""
    curves: list[tuple[str, str, list[float]]] = []
    for side, configuration in zip("ab", configurations, strict=False):
        samples = [s for s in results.samples if s.configuration == configuration["name"]]
        for kind, dashes in _CURVES:
            values = sorted(1000 * v for v in durations(samples, kind) if v > 0)
            if values:
                curves.append((f"{configuration['name']}: {TIMES[kind]}", side + dashes, values))
    if not curves:
        return ""
    low = math.floor(math.log10(min(v[0] for *_, v in curves)))
    high = max(low + 1, math.ceil(math.log10(max(v[-1] for *_, v in curves))))
    ticks = [(10.0**e, f"{10.0**e:g} ms") for e in range(low, high + 1)]

    def across(x: float) -> float:
        return (math.log10(x) - low) / (high - low)

    def steps(values: Sequence[float]) -> list[Point]:
        corners = [(value, n / len(values)) for n, value in enumerate(values)]
        tops = [(value, (n + 1) / len(values)) for n, value in enumerate(values)]
        return [(across(x), y) for pair in zip(corners, tops, strict=True) for x, y in pair]

    shares = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    return "<h2>Share of requests answered within</h2>" + _chart(
        [(name, side, steps(values)) for name, side, values in curves],
        [(across(x), label) for x, label in ticks],
        shares,
    )


def _memory(configurations: Sequence[Mapping[str, Any]], results: Results) -> str:
    """Draw what each server's process held over time."""
    end = max(second for _, _, second, _ in results.memory) or 1.0
    top = 1.1 * max(held for *_, held in results.memory) / 2**20
    lines: list[tuple[str, str, list[Point]]] = []
    for side, configuration in zip("ab", configurations, strict=False):
        name = configuration["name"]
        for client in sorted({c for n, c, _, _ in results.memory if n == name}):
            points = [
                (s / end, held / 2**20 / top)
                for n, c, s, held in results.memory
                if (n, c) == (name, client)
            ]
            lines.append((name if client == 0 else "", side, points))
    step = 10 ** math.floor(math.log10(top / 2))
    rows = [(n * step / top, f"{n * step:g} MiB") for n in range(int(top / step) + 1)]
    every = max(1, math.ceil(len(rows) / 6))
    ticks = [(f, f"{f * end:.0f} s") for f in (0, 0.25, 0.5, 0.75, 1)]
    return "<h2>Memory of each server</h2>" + _chart(lines, ticks, rows[::every])


def _chart(
    lines: Sequence[tuple[str, str, Sequence[Point]]],
    columns: Sequence[tuple[float, str]],
    rows: Sequence[tuple[float, str]],
) -> str:
    """Return an SVG of lines whose points lie in the unit square; ticks as (place, label)."""
    width, height = _WIDTH - _LEFT - 30, _HEIGHT - _BOTTOM - _TOP

    def x(value: float) -> float:
        return round(_LEFT + value * width, 1)

    def y(value: float) -> float:
        return round(_TOP + (1 - value) * height, 1)

    parts = [
        f'<line class="rule" x1="{x(p)}" x2="{x(p)}" y1="{y(0)}" y2="{y(1)}"/>'
        f'<text class="faint" x="{x(p)}" y="{y(0) + 16}" text-anchor="middle">{label}</text>'
        for p, label in columns
    ]
    parts += [
        f'<line class="rule" x1="{x(0)}" x2="{x(1)}" y1="{y(p)}" y2="{y(p)}"/>'
        f'<text class="faint" x="{x(0) - 6}" y="{y(p) + 4}" text-anchor="end">{label}</text>'
        for p, label in rows
    ]
    place = _LEFT
    for name, side, points in lines:
        path = " ".join(f"{x(px)},{y(py)}" for px, py in points)
        parts.append(f'<polyline class="line {side}" points="{path}"/>')
        if name:
            key = y(0) + 32
            parts.append(
                f'<line class="line {side}" x1="{place}" x2="{place + 22}" y1="{key}" y2="{key}"/>'
                f'<text x="{place + 28}" y="{key + 4}">{escape(name)}</text>'
            )
            place += 50 + 7 * len(name)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"

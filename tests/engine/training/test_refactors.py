"""Gold texts of refactorings, checked by their syntax trees alone."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence

import pytest

from copydecode.training import refactors
from copydecode.training.sheets import SheetMaker
from copydecode.training.syntax import Code, Function, read
from tests.engine.training.drawing import N, check_allowed, draw


def parsed(lines: Sequence[str]) -> Code:
    """Return what parses of a chunk."""
    code = read(tuple(lines))
    assert code
    return code


def function(lines: Sequence[str], name: str) -> Function:
    """Return the only function of a name."""
    (found,) = (f for f in parsed(lines).functions() if f.name == name)
    return found


def words(text: str) -> list[str]:
    """Return the names in an instruction, in order."""
    return re.findall(r"[A-Za-z_]\w*", text)


@pytest.mark.parametrize("kind", refactors.MAKERS)
def test_the_lock_allows_the_gold_program(maker: SheetMaker, kind: str) -> None:
    for sheet, case, new in draw(maker, kind):
        assert case.kind == kind
        assert new != list(sheet.lines)
        check_allowed(sheet, case)
        for text, line in case.mentions:
            assert text in case.instruction
            assert text in sheet.lines[line - 1]


@pytest.mark.parametrize("kind", refactors.MAKERS)
def test_there_are_many_ways_to_say_it(maker: SheetMaker, kind: str) -> None:
    """Told apart by the words that most instructions of the kind are made of."""
    told = [case.instruction for _, case, _ in draw(maker, kind)]
    common = {w for w in words(" ".join(told)) if sum(w in words(t) for t in told) > 2}
    assert len({tuple(w for w in words(t) if w in common) for t in told}) >= 8


def test_a_local_name_changes_in_its_function_and_nowhere_else(maker: SheetMaker) -> None:
    """Putting the old name back gives the old tree, and the old name is not left in it."""
    for sheet, case, new in draw(maker, "rename-local"):
        changed = [k for k, (a, b) in enumerate(zip(sheet.lines, new, strict=True), 1) if a != b]
        owner = next(
            f
            for f in parsed(sheet.lines).functions()
            if f.lineno <= changed[0]
            and changed[-1] <= (f.end_lineno or 0)
            and (case.scope or re.search(rf"\b{f.name}\b", case.instruction))
        )
        before, after = function(sheet.lines, owner.name), function(new, owner.name)
        names = [
            {
                n.id if isinstance(n, ast.Name) else n.arg
                for n in ast.walk(f)
                if isinstance(n, ast.Name | ast.arg)
            }
            for f in (before, after)
        ]
        ((old,), (fresh,)) = names[0] - names[1], names[1] - names[0]
        assert [w for w in words(case.instruction) if w in {old, fresh}] == [old, fresh]
        assert ast.dump(before) == re.sub(rf"'{fresh}'", f"'{old}'", ast.dump(after))


def test_a_method_changes_wherever_its_name_stands(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "rename-method"):
        ((old, _),) = case.mentions
        fresh = next(w for w in words("\n".join(new)) if w not in words("\n".join(sheet.lines)))
        assert fresh in case.instruction
        assert new == [re.sub(rf"\b{old}\b", fresh, line) for line in sheet.lines]


def test_what_is_wrapped_stands_in_the_block_that_was_asked_for(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "wrap"):
        named = re.search(r"lines? (\d+)(?:-(\d+))?", case.instruction)
        assert case.scope or named
        first, last = case.scope or (int(named[1]), int(named[2] or named[1]))  # type: ignore[index]  # one of both
        added = len(new) - len(sheet.lines)
        assert new[: first - 1] == list(sheet.lines[: first - 1])
        assert new[last + added :] == list(sheet.lines[last:])
        body = "\n".join(new[first : first + last - first + 1])
        whole = "\n".join(sheet.lines[first - 1 : last])
        assert textwrap.dedent(body) == textwrap.dedent(whole)
        block = ast.parse(textwrap.dedent("\n".join(new[first - 1 : last + added]))).body[0]
        head = ast.unparse(block).split("\n", maxsplit=1)[0]
        if isinstance(block, ast.Try):
            (handler,) = block.handlers
            assert handler.type
            assert ast.unparse(handler.type) in case.instruction
            rest = ast.unparse(handler.body[0])
            assert rest in case.instruction or rest == "pass"
        else:
            assert head.rstrip(":") in case.instruction


def test_what_is_unwrapped_keeps_its_body(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "unwrap"):
        assert case.scope
        first, last = case.scope
        assert len(new) == len(sheet.lines) - 1
        body = ast.parse(textwrap.dedent("\n".join(sheet.lines[first - 1 : last]))).body[0]
        assert isinstance(body, ast.If | ast.With | ast.For | ast.While)
        left = ast.parse(textwrap.dedent("\n".join(new[first - 1 : last - 1]))).body
        assert [ast.dump(x) for x in left] == [ast.dump(x) for x in body.body]


def test_a_parameter_comes_last_and_is_passed_on_by_name(maker: SheetMaker) -> None:
    passed = 0
    for sheet, case, new in draw(maker, "add-parameter"):
        owner, *callee = [text for text, _ in case.mentions if text in case.instruction]
        before, after = function(sheet.lines, owner), function(new, owner)
        assert len(after.args.args) == len(before.args.args) + 1
        name = after.args.args[-1].arg
        assert name in case.instruction
        if callee:
            passed += 1
            calls = [n for n in ast.walk(after) if isinstance(n, ast.Call) and n.keywords]
            last = [call.keywords[-1] for call in calls]
            (keyword,) = (k for k in last if k.arg == name)
            assert ast.unparse(keyword.value) == name
        changed = sum(a != b for a, b in zip(sheet.lines, new, strict=True))
        assert changed == 1 + bool(callee) or callee == [owner]
    assert passed > 5


def test_types_change_and_nothing_else(maker: SheetMaker) -> None:
    """Without their annotations the functions are the same."""

    def bare(f: Function) -> str:
        for node in ast.walk(f.args):
            if isinstance(node, ast.arg):
                node.annotation = None
        f.returns = None
        return ast.dump(f)

    for sheet, case, new in draw(maker, "annotate"):
        ((owner, _),) = case.mentions
        before, after = function(sheet.lines, owner), function(new, owner)
        hints = [
            {
                (n.arg, ast.unparse(n.annotation))
                for n in ast.walk(f.args)
                if isinstance(n, ast.arg) and n.annotation
            }
            | ({("", ast.unparse(f.returns))} if f.returns else set())
            for f in (before, after)
        ]
        fresh = hints[1] - hints[0]
        assert len(fresh) <= 1
        for name, hint in fresh:
            assert name in case.instruction
            assert hint in case.instruction
        if not fresh:
            assert len(hints[0] - hints[1]) == 1
            assert case.instruction.lower().startswith("remove")
        assert bare(before) == bare(after)


def test_a_docstring_is_the_given_one_or_the_name_in_words(maker: SheetMaker) -> None:
    seen = 0
    for sheet, case, new in draw(maker, "docstring"):
        (at,) = (k for k, x in enumerate(new) if [*new[:k], *new[k + 1 :]] == list(sheet.lines))
        code = read(tuple(new))
        owners = [f for f in code.functions() if f.body[0].lineno == at + 1] if code else []
        if not owners:  # The chunk begins in a docstring, and reads otherwise with one more.
            continue
        seen += 1
        (owner,) = owners
        text = ast.get_docstring(owner)
        assert text
        stub = " ".join(owner.name.strip("_").split("_")).capitalize()
        assert text == f"{stub}." or text in case.instruction
    assert seen > N // 2

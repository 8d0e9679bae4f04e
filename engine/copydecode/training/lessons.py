"""The batches of a training run by step, made in this process or ahead of time in others.

A batch depends on the seed, the process, the step and how far the run is, on nothing else; so it is
the same wherever it is made. Made ahead, it is that of where the run was when it was ordered, which
makes a difference only to runs that are bounded by time. Knows nothing of networks or optimisers.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from random import Random
from types import TracebackType
from typing import Self

from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.training.batches import Batch, make_batch
from copydecode.training.curriculum import WRITTEN_FOR, Lesson, lesson
from copydecode.training.sheets import MAX_COMMENTS, SheetMaker
from copydecode.training.tasks import Sheet


class Lessons:
    """Makes the batch of a step."""

    def __init__(  # noqa: PLR0913  # what a batch depends on, each named
        self,
        maker: SheetMaker,
        prompt: EmbeddedPrompt,
        *,
        curriculum: str,
        splice_window: int | None,
        least_tokens: int | None = None,
        sheets: int,
        cases: int,
        seed: str,
    ) -> None:
        """`sheets` and `cases` of each are what a step has; `seed` tells processes apart."""
        self._maker = maker
        self._prompt = prompt
        self._curriculum = curriculum
        self._splice_window = splice_window
        self._least_tokens = least_tokens
        self._sheets = sheets
        self._cases = cases
        self._seed = seed

    def batch(self, step: int, progress: float) -> Batch:
        """Return the batch of a step, at a share of the run."""
        rng = Random(f"{self._seed}/{step}")
        todo = lesson(self._curriculum, progress, rng)
        sheets = self._draw(todo, rng)
        return make_batch(
            sheets, self._prompt, self._splice_window, todo.decisions, self._least_tokens
        )

    def _draw(self, todo: Lesson, rng: Random) -> list[Sheet]:
        """Draw the sheets of one step, all of about the same length and within the window."""
        draw = self._maker.draw_noise if todo.noise else self._maker.draw
        n_cases = max(1, round(todo.cases * self._cases))
        # Curricula are written for windows of 40 lines; in longer ones sheets are as much longer.
        n_lines = round(todo.lines * max(1.0, self._prompt.max_lines / WRITTEN_FOR))
        sheets: list[Sheet] = []
        while len(sheets) < self._sheets:
            sheet = draw(rng, n_lines, n_cases, todo.mix)
            if len(sheet.lines) > self._prompt.max_lines + MAX_COMMENTS:
                continue  # What was put in has made it too long.
            # Some files hold data, at a token a character: they would not fit, nor teach anything.
            tokens = sum(map(len, self._prompt.encode_lines(sheet.lines)))
            if tokens <= self._prompt.max_tokens:
                sheets.append(sheet)
        return sheets


class Loader:
    """Hands out batches step by step; with `processes` they are made ahead, so that nobody waits.

    A context manager: the processes end with it.
    """

    def __init__(
        self, lessons: Lessons, processes: int, progress_at: Callable[[int], float]
    ) -> None:
        """`progress_at` tells, for a step still to come, the share of the run that it is at."""
        self._lessons = lessons
        self._progress_at = progress_at
        self._ordered: deque[tuple[int, Future[Batch]]] = deque()
        self._ahead = 2 * processes
        self._pool = None
        if processes:
            self._pool = ProcessPoolExecutor(
                processes,
                # A fork would take over the threads' locks of this process, but not its threads.
                multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(lessons,),
            )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop what is ordered and end the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step; steps are asked for one after the other."""
        if self._pool is None:
            return self._lessons.batch(step, self._progress_at(step))
        first = self._ordered[-1][0] + 1 if self._ordered else step
        for later in range(first, step + self._ahead):
            order = self._pool.submit(_make, later, self._progress_at(later))
            self._ordered.append((later, order))
        number, made = self._ordered.popleft()
        if number != step:
            message = f"expected to be asked for step {number}, got {step}"
            raise ValueError(message)
        return made.result()


_working: list[Lessons] = []
"""What a process of a `Loader` works with."""


def _begin(lessons: Lessons) -> None:
    _working[:] = [lessons]


def _make(step: int, progress: float) -> Batch:
    return _working[0].batch(step, progress)

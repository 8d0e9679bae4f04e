"""Appending a block in one forward equals token by token, on our network and on transformers'."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic

import pytest
import torch
from safetensors.torch import save_file

from copydecode.decode import hf
from copydecode.decode.cache import KeyValueCache
from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task, decode
from copydecode.decode.model import C, EmbeddedModel, Model
from copydecode.decode.network import Network
from copydecode.decode.prefix import Prefix
from copydecode.decode.receipt import Receipt
from copydecode.edit import grammar as text_form
from copydecode.edit.program import Copy, Gen
from copydecode.errors import ModelFormatError, ModelNotFoundError
from tests.engine.decode.scripted import UNLIMITED, naive

CPU = torch.device("cpu")
OWN_FAMILIES = ["qwen3", "qwen2", "llama"]
FOREIGN_FAMILIES = ["llama", "qwen3", "mistral"]
TOKENS = [(7 * k * k + 3 * k) % 1400 + 20 for k in range(700)]


def in_blocks(model: Model[C], tokens: list[int], sizes: list[int]) -> torch.Tensor:
    """Feed tokens in blocks; return the logits after every token `[T, V]`."""
    cache = model.new_cache()
    rows, at = [], 0
    for size in sizes:
        block = tokens[at : at + size]
        rows.append(model.forward(block, cache, len(block)))
        at += size
    assert cache.length == at
    return torch.cat(rows)


class Ending(Generic[C]):
    """A model of random weights that leans more and more to the ends of gens and programs.

    Its logits are scaled to unit variance, so that the same leaning does for all models. The first
    op is begun for certain; `to_gens` leans to a gen (or, below 0, to a copy).
    """

    def __init__(self, model: Model[C], literals: Literals, start: int, to_gens: float) -> None:
        self.inner = model
        self.context = model.context
        self.device = model.device
        self._literals = literals
        self._start = start
        self._to_gens = to_gens

    def new_cache(self) -> C:
        """Return an empty cache."""
        return self.inner.new_cache()

    def forward(self, tokens: Sequence[int], cache: C, last: int) -> torch.Tensor:
        """Append tokens; return logits `[last, V]`."""
        logits = self.inner.forward(tokens, cache, last)
        logits = logits / logits.std(dim=-1, keepdim=True)
        held = torch.arange(cache.length - last + 1, cache.length + 1) - self._start
        close, end = self._literals[text_form.GEN_CLOSE], self._literals[text_form.PROGRAM_CLOSE]
        logits[:, close[0]] += 0.1 * held - 2
        if end[0] != close[0]:
            logits[:, end[0]] += 0.01 * held - 3
        gen, copy = self._literals[text_form.GEN_OPEN], self._literals[text_form.COPY_OPEN]
        logits[:, list({gen[0], copy[0]})] += 20.0 * (held == 0)[:, None]
        if gen[0] != copy[0]:
            logits[:, gen[0]] += self._to_gens * (held == 0)
        # A spelled marker that has begun is gone on with.
        read = torch.tensor(tokens[len(tokens) - last :])
        for before, after in itertools.pairwise(gen[:2]):
            logits[:, after] += self._to_gens * (read == before)
        for before, after in itertools.pairwise(close):
            logits[:, after] += 20.0 * (read == before)
        return logits


def check_loop_against_single_steps(model: Model[C], literals: Literals) -> set[type]:
    """Decode several prompts both ways; return the kinds of ops seen."""
    grammar = ProgramGrammar(literals)
    lines = [literals.codec.encode(f"name_{n} = {n * n}\n") for n in range(30)]

    def splice(first: int, last: int) -> list[int]:
        return [token for line in lines[first - 1 : last] for token in line]

    kinds: set[type] = set()
    for seed in range(6):
        text = f"document {seed * 17} of many, please change it\n" * (1 + seed)
        tokens = [*literals.codec.encode(text), *literals[text_form.PROGRAM_OPEN]]
        ending = Ending(model, literals, len(tokens), to_gens=5.0 if seed % 2 else -5.0)
        task = Task(tokens, splice, limits=UNLIMITED)
        receipt = Receipt()
        program = decode(Prefix(ending), grammar.start(30), task, receipt)
        expected, decided = naive(ending, grammar.start(30), tokens, splice)
        assert program == expected
        assert receipt.generated_tokens == len(decided)
        kinds |= {type(op) for op in program.ops}
        assert all(op.last <= 30 for op in program.ops if isinstance(op, Copy))
    return kinds


@pytest.fixture(scope="module")
def own_model(make_network: Callable[..., Network]) -> Callable[[str], EmbeddedModel]:
    """Make a model on our own network, with logits that are not flat."""

    def make(family: str) -> EmbeddedModel:
        network = make_network(family)
        for parameter in network.parameters():
            parameter.data.mul_(3.0 if parameter.dim() > 1 else 1.0)
        return EmbeddedModel(network, CPU)

    return make


@pytest.fixture(scope="module")
def foreign_folder(
    save_foreign: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Write a transformers model of a family once."""
    folders: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in folders:
            folders[family] = save_foreign(tmp_path_factory.mktemp(family), family)
        return folders[family]

    return folder


@pytest.mark.parametrize("family", OWN_FAMILIES)
def test_our_blocks_equal_our_single_steps(
    own_model: Callable[[str], EmbeddedModel], own_literals: Literals, family: str
) -> None:
    model = own_model(family)
    single = in_blocks(model, TOKENS[:560], [1] * 560)
    blocks = in_blocks(model, TOKENS[:560], [300, 1, 7, 64, 188])
    torch.testing.assert_close(blocks, single, atol=2e-4, rtol=1e-4)
    assert check_loop_against_single_steps(model, own_literals) == {Copy, Gen}


@pytest.mark.parametrize("family", FOREIGN_FAMILIES)
def test_the_loop_on_transformers_equals_single_steps(
    foreign_folder: Callable[[str], Path], family: str
) -> None:
    model, codec = hf.load(str(foreign_folder(family)), CPU)
    tokens = TOKENS[:200]
    single = in_blocks(model, tokens, [1] * 200)
    blocks = in_blocks(model, tokens, [90, 1, 7, 2, 100])
    torch.testing.assert_close(blocks, single, atol=2e-4, rtol=1e-4)
    assert check_loop_against_single_steps(model, Literals(codec)) == {Copy, Gen}


@pytest.mark.parametrize("family", OWN_FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
def test_our_network_computes_what_transformers_does(
    make_network: Callable[..., Network], tmp_path: Path, family: str, tied: bool
) -> None:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415  # costs seconds

    network = make_network(family, tied=tied)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    save_file(network.state_dict(), tmp_path / "model.safetensors", metadata={"format": "pt"})
    config = json.dumps(network.config.as_json())
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    theirs.eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        expected = theirs(torch.tensor([TOKENS[:120]])).logits[0]
    ours = EmbeddedModel.load(tmp_path, CPU)
    torch.testing.assert_close(
        in_blocks(ours, TOKENS[:120], [50, 70]), expected, atol=1e-4, rtol=1e-4
    )
    assert ours.parameters == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_run_in_fp32_on_a_cpu(
    make_network: Callable[..., Network],
    save_model: Callable[..., Path],
    tmp_path: Path,
    dtype: torch.dtype,
) -> None:
    save_model(tmp_path)
    weights = {name: value.to(dtype) for name, value in make_network().state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    model = EmbeddedModel.load(tmp_path, CPU)
    cache = model.new_cache()
    assert model.forward(TOKENS[:5], cache, 2).dtype is torch.float32
    assert cache.storage.dtype is torch.float32


@pytest.fixture(scope="module", params=["own", "foreign"])
def any_model(
    request: pytest.FixtureRequest,
    own_model: Callable[[str], EmbeddedModel],
    foreign_folder: Callable[[str], Path],
) -> Iterator[Any]:
    """A model of either kind."""
    if request.param == "own":
        yield own_model("qwen3")
    else:
        yield hf.load(str(foreign_folder("llama")), CPU)[0]


def test_cropping_and_going_on_is_exact(any_model: Model[Any]) -> None:
    cache = any_model.new_cache()
    any_model.forward(TOKENS[:40], cache, 0)
    any_model.forward(TOKENS[100:130], cache, 1)
    cache.crop(40)
    assert cache.length == 40
    again = any_model.forward(TOKENS[40:60], cache, 20)
    fresh = in_blocks(any_model, TOKENS[:60], [40, 20])[40:]
    torch.testing.assert_close(again, fresh, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", [0, 40, 100])
def test_a_copy_of_a_cache_and_the_cache_go_on_alone(any_model: Model[Any], length: int) -> None:
    cache = any_model.new_cache()
    any_model.forward(TOKENS[:100], cache, 0)
    copy = cache.copy(length)
    assert copy.length == length
    expected = in_blocks(any_model, [*TOKENS[:length], *TOKENS[300:320]], [length + 20])[-20:]
    found = any_model.forward(TOKENS[300:320], copy, 20)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    expected = in_blocks(any_model, TOKENS[:120], [120])[-20:]
    found = any_model.forward(TOKENS[100:120], cache, 20)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_cache_is_cropped_to_what_it_holds(any_model: Model[Any]) -> None:
    cache = any_model.new_cache()
    any_model.forward(TOKENS[:4], cache, 0)
    for length in (-1, 5):
        with pytest.raises(ValueError, match="at most 4"):
            cache.crop(length)
    cache.crop(4)
    cache.crop(0)
    assert cache.length == 0


def test_a_cache_counts_its_bytes_also_those_of_cropped_tokens(any_model: Model[Any]) -> None:
    cache = any_model.new_cache()
    any_model.forward(TOKENS[:60], cache, 0)
    held = cache.nbytes
    assert held >= 60 * 3 * 2 * 2 * 16 * 4  # tokens, layers, keys and values, heads, width, fp32
    cache.crop(10)
    assert cache.nbytes == held


@pytest.mark.parametrize("last", [0, 1, 3])
def test_only_the_logits_asked_for_are_returned(any_model: Model[Any], last: int) -> None:
    logits = any_model.forward(TOKENS[:6], any_model.new_cache(), last)
    assert logits.shape[0] == last


def test_the_cache_grows_up_to_the_context(make_network: Callable[..., Network]) -> None:
    network = make_network(context=600)
    cache = KeyValueCache(network.config, dtype=torch.float32, device=CPU)
    model = EmbeddedModel(network, CPU)
    model.forward(TOKENS[:500], cache, 0)
    before = model.forward(TOKENS[500:510], cache, 1)
    cache.crop(500)
    model.forward(TOKENS[500:600], cache, 0)
    cache.crop(500)
    assert torch.equal(model.forward(TOKENS[500:510], cache, 1), before)


def test_a_missing_path_is_said_so(tmp_path: Path) -> None:
    for name in (str(tmp_path / "none"), "./none/there", "~/none/there"):
        with pytest.raises(ModelNotFoundError, match="none"):
            hf.load(name)


@pytest.mark.parametrize("name", ["not a name", "owner/na me", "--"])
def test_an_impossible_name_is_said_so(name: str) -> None:
    with pytest.raises(ModelNotFoundError):
        hf.load(name)


def test_an_unknown_name_without_a_network_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants  # noqa: PLC0415  # costs a second

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match=r"nobody/no-such-model-here"):
        hf.load("nobody/no-such-model-here")


def test_special_tokens_are_no_text_but_other_added_tokens_are(
    foreign_folder: Callable[[str], Path], foreign_literals: Literals
) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415  # costs seconds

    tokenizer: Any = AutoTokenizer.from_pretrained(foreign_folder("llama"))
    tokenizer.add_tokens(["<table>"])
    tokenizer.add_special_tokens({"pad_token": "<|pad|>"})
    codec = hf.TransformersCodec(tokenizer, rows=10_000)
    table = tokenizer.convert_tokens_to_ids("<table>")
    pad = tokenizer.convert_tokens_to_ids("<|pad|>")
    assert codec.size == len(tokenizer)
    assert codec.encode("<table>") == [table]
    assert codec.token_bytes(table) == b"<table>"
    assert codec.token_bytes(pad) == b""
    assert pad not in codec.encode("<|pad|>")
    assert codec.encode_markup("<|pad|>") == [pad]
    assert b"".join(map(codec.token_bytes, codec.encode("a <|pad|>\n"))) == b"a <|pad|>\n"
    plain = foreign_literals.codec
    assert all(codec.token_bytes(t) == plain.token_bytes(t) for t in range(plain.size))
    assert hf.TransformersCodec(tokenizer, rows=100).size == 100


def test_a_model_that_cannot_go_back_is_said_so(
    foreign_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    import transformers  # noqa: PLC0415  # costs seconds

    config = transformers.MambaConfig(
        vocab_size=1600, hidden_size=32, num_hidden_layers=2, state_size=4
    )
    transformers.MambaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer = foreign_folder("llama") / "tokenizer.json"
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    with pytest.raises(ModelFormatError):
        hf.load(str(tmp_path))


def test_the_cache_goes_by_the_name_that_the_release_of_transformers_has() -> None:
    class Renamed:
        def forward(self, input_ids: object, cache: object) -> None: ...

    class Before:
        def forward(self, input_ids: object, past_key_values: object) -> None: ...

    assert hf.cache_argument(Renamed()) == "cache"
    assert hf.cache_argument(Before()) == "past_key_values"


def test_a_folder_that_is_no_causal_model_is_said_so(
    foreign_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    source = foreign_folder("llama")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))

    def folder(name: str, leave_out: str, **changes: int | str) -> str:
        target = tmp_path / name
        target.mkdir()
        for path in source.iterdir():
            if path.name not in {leave_out, "config.json"}:
                (target / path.name).write_bytes(path.read_bytes())
        text = json.dumps({**config, **changes})
        (target / "config.json").write_text(text, encoding="utf-8")
        return str(target)

    bad = [
        folder("no-weights", "model.safetensors"),
        folder("no-tokenizer", "tokenizer.json"),
        folder("unknown", "", model_type="no-such-family"),
        folder("encoder", "", model_type="t5"),
        folder("wide", "", hidden_size=64),
    ]
    broken = folder("broken", "model.safetensors")
    (Path(broken) / "model.safetensors").write_bytes(b"no weights")
    for name in (*bad, broken):
        with pytest.raises(ModelFormatError, match=Path(name).name):
            hf.load(name)

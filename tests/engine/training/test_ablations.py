"""The comparison of training choices: each variant is trained, loaded and tried."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from copydecode.decode.vocabulary import Vocabulary
from copydecode.training import ablations
from copydecode.training.corpus import SourceFile

SMALL = {"width": 32, "layers": 1, "heads": 2, "key_value_heads": 1, "feed_forward": 48}


def test_variants_are_compared_on_the_same_trials(tmp_path: Path, files: list[SourceFile]) -> None:
    material = ablations.Material(files, files, ablations.draw(files, 1))
    assert [trial.kind for trial in material.trials] == list(ablations.KINDS)
    rows = []
    for variant in ("w = 0", "numbers as digits"):
        config = ablations.VARIANTS[variant]
        config = replace(config, **SMALL, steps=2, examination_sheets=4)  # type: ignore[arg-type]
        rows.append(ablations.run(variant, config, material, tmp_path / variant))
    assert all(0 <= row.mean <= 1 for row in rows)
    console = Console(record=True, width=160)
    console.print(ablations.table(rows, 2))
    text = console.export_text()
    assert "w = 0" in text
    assert "numbers as digits" in text


def test_variants_go_on_from_the_weights_of_a_model(
    tmp_path: Path, files: list[SourceFile]
) -> None:
    """In its shape and with its tokenizer, of which one variant cuts numbers otherwise."""
    material = ablations.Material(files, files, ablations.draw(files, 1))
    base = replace(ablations.BASE, **SMALL, steps=2, examination_sheets=4)  # type: ignore[arg-type]
    ablations.run("base", base, material, tmp_path / "base")
    config = replace(ablations.VARIANTS["token copies"], steps=1, examination_sheets=4)
    row = ablations.run("token copies", config, material, tmp_path / "on", tmp_path / "base")
    assert 0 <= row.mean <= 1
    described = json.loads((tmp_path / "on" / "config.json").read_text())
    assert described["hidden_size"] == SMALL["width"]
    assert described["copydecode"]["token_copy"]
    config = replace(ablations.VARIANTS["numbers as digits"], steps=1, examination_sheets=4)
    ablations.run("numbers as digits", config, material, tmp_path / "digits", tmp_path / "base")
    whole, digits = (Vocabulary.load(tmp_path / f / "tokenizer.json") for f in ("on", "digits"))
    assert len(whole.encode("107")) == 1
    assert digits.encode("107") == [*digits.encode("1"), *digits.encode("0"), *digits.encode("7")]
    assert whole.encode("name = 7") == digits.encode("name = 7")


def test_a_larger_variant_grows_from_the_weights_of_a_model(
    tmp_path: Path, files: list[SourceFile]
) -> None:
    material = ablations.Material(files, files, ablations.draw(files, 1))
    base = replace(ablations.BASE, **SMALL, steps=1, examination_sheets=4)  # type: ignore[arg-type]
    ablations.run("base", base, material, tmp_path / "base")
    sizes = {}
    for variant in ("2 layers more", "feed-forward twice"):
        config = replace(ablations.VARIANTS[variant], steps=1, examination_sheets=4)
        ablations.run(variant, config, material, tmp_path / variant, tmp_path / "base")
        described = json.loads((tmp_path / variant / "config.json").read_text())
        sizes[variant] = described["num_hidden_layers"], described["intermediate_size"]
    assert sizes == {"2 layers more": (3, 48), "feed-forward twice": (1, 96)}


def test_each_variant_differs_from_the_base_in_one_thing() -> None:
    base = ablations.VARIANTS["base: w = 16"]
    for variant, config in ablations.VARIANTS.items():
        changed = [name for name in base.__slots__ if getattr(base, name) != getattr(config, name)]
        assert len(changed) == (config != base), variant

"""A model folder as a GGUF file in fp32, for a llama-server of the tests.

llama.cpp's own converter refuses tokenizers that it does not know. What is written here is no more
than Qwen2 and Qwen3 need. Ids go in and out, so how llama.cpp would split a text does not matter.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

_ALIGNMENT = 32
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5  # llama.cpp's kinds of tokens.
_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5
_F32_TENSOR = 0
_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_PARTS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(folder: Path, path: Path) -> None:
    """Write the model of a folder."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = {
        _name(name): value.float().numpy()
        for name, value in load_file(folder / "model.safetensors").items()
    }
    values = [*_architecture(config), *_tokenizer(folder, config["vocab_size"])]
    infos, offset = b"", 0
    for name, tensor in tensors.items():
        infos += _text(name) + struct.pack("<I", tensor.ndim)
        infos += struct.pack(f"<{tensor.ndim}Q", *reversed(tensor.shape))
        infos += struct.pack("<IQ", _F32_TENSOR, offset)
        offset += _padded(tensor.nbytes)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + b"".join(values) + infos
    with path.open("wb") as file:
        file.write(head.ljust(_padded(len(head)), b"\0"))
        for tensor in tensors.values():
            file.write(tensor.tobytes().ljust(_padded(tensor.nbytes), b"\0"))


def _architecture(config: dict[str, Any]) -> list[bytes]:
    kind, heads = config["model_type"], config["num_attention_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    theta = (config.get("rope_parameters") or config)["rope_theta"]
    sizes = {
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "block_count": config["num_hidden_layers"],
        "attention.head_count": heads,
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": head,
        "attention.value_length": head,
    }
    rates = {
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.freq_base": theta,
    }
    return [
        _value("general.architecture", _STRING, _text(kind)),
        *(_value(f"{kind}.{key}", _U32, struct.pack("<I", of)) for key, of in sizes.items()),
        *(_value(f"{kind}.{key}", _F32, struct.pack("<f", of)) for key, of in rates.items()),
    ]


def _tokenizer(folder: Path, rows: int) -> list[bytes]:
    state = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokens = [f"[PAD{token}]" for token in range(rows)]
    kinds = [_UNUSED] * rows
    for text, token in state["model"]["vocab"].items():
        tokens[token], kinds[token] = text, _NORMAL
    for added in state["added_tokens"]:
        tokens[added["id"]], kinds[added["id"]] = added["content"], _CONTROL
    ends = [token for token, text in enumerate(tokens) if re.fullmatch(r"<\|end.*\|>", text)]
    merges = [m if isinstance(m, str) else " ".join(m) for m in state["model"]["merges"]]
    return [
        _value("tokenizer.ggml.model", _STRING, _text("gpt2")),
        _value("tokenizer.ggml.pre", _STRING, _text("qwen2")),
        _value("tokenizer.ggml.tokens", _ARRAY, _array(_STRING, map(_text, tokens))),
        _value("tokenizer.ggml.merges", _ARRAY, _array(_STRING, map(_text, merges))),
        _value(
            "tokenizer.ggml.token_type",
            _ARRAY,
            _array(_I32, (struct.pack("<i", kind) for kind in kinds)),
        ),
        _value("tokenizer.ggml.eos_token_id", _U32, struct.pack("<I", ends[0] if ends else 0)),
        _value("tokenizer.ggml.add_bos_token", _BOOL, b"\0"),
    ]


def _name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    found = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    assert found, name
    return f"blk.{found[1]}.{_PARTS[found[2]]}.{found[3]}"


def _value(key: str, kind: int, data: bytes) -> bytes:
    return _text(key) + struct.pack("<I", kind) + data


def _array(kind: int, items: Any) -> bytes:  # noqa: ANN401  # any bytes, one after the other
    listed = list(items)
    return struct.pack("<IQ", kind, len(listed)) + b"".join(listed)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT

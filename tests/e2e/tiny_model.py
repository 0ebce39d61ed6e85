"""Makes a tiny language model with random weights, for a real llama.cpp server: 0.3 MB of GGUF.

It says nonsense, in printable ASCII, and the same nonsense for the same seed and prompt. The
architecture is Llama's, with one layer; the tokens are single characters, and bytes for the rest.
"""

from __future__ import annotations

from pathlib import Path

CONTEXT = 4096
TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content or '' }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
_WIDTH, _INNER, _HEADS = 64, 128, 4
_UNKNOWN, _BEGIN, _END, _FIRST_BYTE = 0, 1, 2, 3
_PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
_NEVER, _ALWAYS = -40.0, 4.0


def write_model(path: Path) -> None:
    """Write the model; a run that is cut off leaves nothing at ``path``."""
    import gguf
    import numpy as np

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    # A space is written as this mark in the vocabularies of SentencePiece.
    pieces += ["\N{LOWER ONE EIGHTH BLOCK}" if one == " " else one for one in _PRINTABLE]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(_PRINTABLE)
    count = len(pieces)
    draw = np.random.default_rng(7)

    def weights(rows: int, columns: int) -> np.ndarray:
        return (draw.standard_normal((rows, columns)) / columns**0.5).astype(np.float32)

    # The first dimension is the same for every token and no layer writes to it: what stands for it
    # in the last matrix is a bias, by which bytes and control tokens are not said.
    embedding = weights(count, _WIDTH) * 4
    embedding[:, 0] = 1.0
    attention, down, output = (
        weights(_WIDTH, _WIDTH),
        weights(_WIDTH, _INNER),
        weights(count, _WIDTH),
    )
    attention[0, :] = down[0, :] = 0.0
    output *= 6
    output[:, 0] = _ALWAYS
    output[: _FIRST_BYTE + 256, 0] = _NEVER
    ones = np.ones(_WIDTH, dtype=np.float32)

    made = path.with_suffix(".part")
    writer = gguf.GGUFWriter(made, "llama")
    writer.add_name("nonsense")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(count)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([0.0] * count)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(_UNKNOWN)
    writer.add_bos_token_id(_BEGIN)
    writer.add_eos_token_id(_END)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("blk.0.attn_norm.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v"):
        writer.add_tensor(f"blk.0.{name}.weight", weights(_WIDTH, _WIDTH))
    writer.add_tensor("blk.0.attn_output.weight", attention)
    writer.add_tensor("blk.0.ffn_norm.weight", ones)
    for name in ("ffn_gate", "ffn_up"):
        writer.add_tensor(f"blk.0.{name}.weight", weights(_INNER, _WIDTH))
    writer.add_tensor("blk.0.ffn_down.weight", down)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    made.rename(path)

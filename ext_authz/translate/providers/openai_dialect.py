"""The dialects of OpenAI's chat API: where servers differ from it in what they take and say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xds.edge.pairs import Provider


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is particular to one kind of server.

    `limit` is the name of the limit of tokens (None: by the model), `required` the word for a
    tool that must be called, `seed` the name of the seed. `top_k` is whether it is taken,
    `usage_option` whether usage is told in a stream only when it is asked for, `done` whether a
    stream ends with `[DONE]`. `short_ids` is for ids of calls of nine letters and digits, `bias`
    whether a bias of tokens is taken, `strict` whether messages may hold the schema's own members
    only, and whether an assistant must speak after results of tools.
    `images` is whether an image may be an object, `developer` whether that role is known.
    """

    limit: str | None = "max_tokens"
    required: str = "required"
    seed: str = "seed"
    top_k: bool = False
    usage_option: bool = True
    done: bool = True
    short_ids: bool = False
    parallel: bool = True
    effort: bool = True
    user: bool = True
    named_choice: bool = True
    bias: bool = True
    strict: bool = False


DIALECTS: Final[dict[Provider, Dialect]] = {
    Provider.OPENAI: Dialect(limit=None),
    Provider.AZURE: Dialect(limit=None),
    Provider.MISTRAL: Dialect(
        required="any",
        seed="random_seed",
        top_k=True,
        usage_option=False,
        short_ids=True,
        user=False,
        bias=False,
        strict=True,
    ),
    Provider.VLLM: Dialect(top_k=True),
    Provider.LLAMACPP: Dialect(top_k=True, named_choice=False),
    Provider.OLLAMA: Dialect(named_choice=False),
    Provider.TGI: Dialect(),
    Provider.COMPATIBLE: Dialect(done=False),
}

"""OpenAI's parts of content: text, images and files, as chat messages and responses hold them."""

from __future__ import annotations

from typing import Any

from ext_authz.translate.clients.fields import (
    data_url,
    item,
    mapping,
    optional_text,
    text,
    wrong,
)
from ext_authz.translate.clients.shared import read_cache
from ext_authz.translate.conversation import Media, Text
from ext_authz.translate.errors import UnsupportedError

_TYPES_BY_SUFFIX = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}


def read_part(part: dict[str, Any], where: str) -> Text | Media:
    """Read a part of a chat message's content."""
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text"):
        return Text(text(part, "text", f"{where}."), read_cache(part))
    if kind == "refusal":
        return Text(text(part, "refusal", f"{where}."))
    if kind == "image_url":
        image = part.get("image_url")
        if isinstance(image, str):
            image = {"url": image}
        image = item(image, f"{where}.image_url")
        url = text(image, "url", f"{where}.image_url.")
        return read_media(url, optional_text(image, "detail"), "", part, kind="image")
    if kind == "file":
        return read_file(mapping(part, "file", f"{where}."), part, where)
    raise UnsupportedError(
        f"Content of type `{kind}` is not supported by this provider", param=where
    )


def read_media(url: str, detail: str, name: str, part: dict[str, Any], *, kind: str) -> Media:
    """Read what a URL says: `data:` ones hold it, others only name it.

    A PDF or a text is a document, whatever the member is called that it came in.
    """
    cache = read_cache(part)
    found = data_url(url)
    if found is None:
        if not url.startswith(("https://", "http://", "gs://", "s3://")):
            raise wrong("url", "an http(s), gs or data URL")
        return Media("image" if kind == "image" else "document", "", url=url, name=name,
                     detail=detail, cache=cache)  # fmt: skip
    media_type, data = found
    if media_type.startswith(("audio/", "video/")):
        raise UnsupportedError(f"Content of type `{media_type}` is not supported by this provider")
    if not media_type:
        media_type = _TYPES_BY_SUFFIX.get(name.rpartition(".")[2].lower(), "")
    if media_type.startswith("image/"):
        return Media("image", media_type, data, detail=detail, cache=cache)
    return Media("document", media_type, data, name=name, cache=cache)


def read_file(file: dict[str, Any], part: dict[str, Any], where: str) -> Media:
    """Read a file that lies in the request; one that was uploaded before is elsewhere."""
    data = optional_text(file, "file_data", f"{where}.")
    name = optional_text(file, "filename", f"{where}.")
    if not data:
        raise UnsupportedError(
            "Files that lie at OpenAI cannot be read by this provider; send `file_data`",
            param=f"{where}.file_id",
        )
    if not data.startswith("data:"):
        kind = _TYPES_BY_SUFFIX.get(name.rpartition(".")[2].lower(), "application/pdf")
        data = f"data:{kind};base64,{data}"
    return read_media(data, "", name, part, kind="document")

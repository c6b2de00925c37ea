"""What a user may say: the blocks of a `user.message`, as Managed Agents and the Messages API know them."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, StringConstraints, Tag

from api.text import Name, Spoken, Storable, Strict, Text

Data = Annotated[str, StringConstraints(min_length=1), Storable]


def by_type(value: Any) -> str | None:
    """The tag of a union's member. In brackets, so that it can be told from a field in an error's path."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if isinstance(kind, str) else None


def one_of(*kinds: str, tag: Callable[[Any], str | None] = by_type) -> Discriminator:
    expected = " or ".join(repr(kind) for kind in kinds)
    return Discriminator(
        tag, custom_error_type="kind", custom_error_message=f"must be an object whose 'type' is {expected}"
    )


class Base64Image(Strict):
    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Data


class Base64Document(Strict):
    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: Data


class PlainText(Strict):
    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: Spoken


class Url(Strict):
    type: Literal["url"]
    url: Data


class File(Strict):
    type: Literal["file"]
    file_id: Name


class TextBlock(Strict):
    type: Literal["text"]
    text: Spoken


class ImageBlock(Strict):
    type: Literal["image"]
    source: Annotated[
        Annotated[Base64Image, Tag("<base64>")] | Annotated[Url, Tag("<url>")] | Annotated[File, Tag("<file>")],
        one_of("base64", "url", "file"),
    ]


class DocumentBlock(Strict):
    type: Literal["document"]
    source: Annotated[
        Annotated[Base64Document, Tag("<base64>")]
        | Annotated[PlainText, Tag("<text>")]
        | Annotated[Url, Tag("<url>")]
        | Annotated[File, Tag("<file>")],
        one_of("base64", "text", "url", "file"),
    ]
    title: Text | None = None
    context: Text | None = None


Block = Annotated[
    Annotated[TextBlock, Tag("<text>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[DocumentBlock, Tag("<document>")],
    one_of("text", "image", "document"),
]
Content = Annotated[list[Block], Field(min_length=1, max_length=1_000)]


def verbatim(content: Iterable[BaseModel]) -> list[dict[str, Any]]:
    """The blocks as they were sent."""
    return [block.model_dump(exclude_unset=True) for block in content]


def saying(prompt: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": prompt}]

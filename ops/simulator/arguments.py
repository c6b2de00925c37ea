"""Without directives: which tools a prompt mentions, and an input for each that its schema takes."""

import re
from collections.abc import Iterator
from typing import Any

Tool = dict[str, Any]
Schema = dict[str, Any]

QUOTED = re.compile(r"\"([^\"]+)\"|`([^`]+)`|'([^'\s]+)'")
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
# Part of a field's name -> what is plausible there.
PLAUSIBLE = {
    "path": "notes.txt",
    "file": "notes.txt",
    "city": "Paris",
    "location": "Paris",
    "country": "France",
    "mail": "ada@example.com",
    "url": "https://example.com/",
    "date": "2026-01-31",
    "time": "09:00",
    "zone": "Europe/Paris",
    "currency": "EUR",
    "name": "Ada",
    "id": "4711",
}


def mentioned(prompt: str, tools: list[Tool]) -> list[Tool]:
    """The tools with a schema whose names stand in the prompt, in the order in which they do."""
    places = {n: place for n, tool in enumerate(tools) if (place := _place(prompt, tool)) is not None}
    return [tools[n] for n in sorted(places, key=lambda n: places[n])]


def _place(prompt: str, tool: Tool) -> int | None:
    if "input_schema" not in tool:
        return None
    name = re.sub(r"[_-]", "[ _-]", re.escape(tool["name"]).replace(r"\-", "-"))
    found = re.search(rf"(?<![\w-]){name}(?![\w-])", prompt, re.IGNORECASE)
    return found.start() if found else None


def plausible_input(tool: Tool, prompt: str) -> dict[str, Any]:
    """What the schema requires, or all it knows where it requires nothing; from the prompt where that has it."""
    schema = tool["input_schema"]
    words = (next(filter(None, groups)) for groups in QUOTED.findall(prompt))
    numbers = iter(NUMBER.findall(prompt))
    filled = _Filling(
        schema.get("$defs", {}), (word for word in words if word != tool["name"]), numbers, prompt
    ).object(schema)
    return dict(filled)


class _Filling:
    """One input being filled in: quoted words and numbers of the prompt are used once each, in their order."""

    def __init__(self, definitions: Schema, words: Iterator[str], numbers: Iterator[str], prompt: str) -> None:
        self._definitions = definitions
        self._words = words
        self._numbers = numbers
        self._prompt = " ".join(prompt.split())

    def object(self, schema: Schema) -> dict[str, Any]:
        properties = schema.get("properties", {})
        wanted = schema.get("required") or list(properties)
        return {name: self._value(name, properties.get(name, {})) for name in wanted}

    def _value(self, name: str, schema: Schema) -> Any:
        schema = self._resolved(schema)
        given = [schema[known] for known in ("const", "default") if known in schema]
        given += [*schema.get("enum", []), *schema.get("examples", [])]
        return given[0] if given else self._made_up(name, schema)

    def _made_up(self, name: str, schema: Schema) -> Any:
        match schema.get("type", "string"):
            case "object":
                return self.object(schema)
            case "array":
                return [self._value(name, schema.get("items", {})) for _ in range(schema.get("minItems", 1))]
            case "integer" | "number" as kind:
                return self._number(schema, whole=kind == "integer")
            case "boolean" | "null" as kind:
                return True if kind == "boolean" else None
        return self._string(name, schema)

    def _resolved(self, schema: Schema) -> Schema:
        if reference := schema.get("$ref"):
            return self._resolved(self._definitions.get(reference.rsplit("/", 1)[-1], {}))
        options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if options:
            return self._resolved(next((option for option in options if option.get("type") != "null"), options[0]))
        kind = schema.get("type")
        return {**schema, "type": kind[0]} if isinstance(kind, list) else schema

    def _number(self, schema: Schema, *, whole: bool) -> float:
        found = float(next(self._numbers, schema.get("minimum", 1)))
        found = min(max(found, schema.get("minimum", found)), schema.get("maximum", found))
        return int(found) if whole else found

    def _string(self, name: str, schema: Schema) -> str:
        said = next(self._words, None)
        if said is None:
            said = next((value for part, value in PLAUSIBLE.items() if part in name.lower()), self._prompt[:200])
        return str(said)[: schema.get("maxLength", 1000)].ljust(schema.get("minLength", 0), ".")

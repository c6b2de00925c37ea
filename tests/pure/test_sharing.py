"""What one agent reads of another's turns: all that was said, and of what was done what anybody can be told."""

from types import SimpleNamespace
from typing import Any

from overnight.history.context import messages
from overnight.history.sharing import read_by, summary_for
from worker.history_rules import check

OTHER = ("agent_2", 1)
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def turn(first: int, agent: tuple[str, int] | None) -> list[Any]:
    """A prompt, a call after some thinking, its result with a picture, and an answer."""
    use = {"type": "tool_use", "id": f"toolu_{first}", "name": "look", "input": {"at": "x"}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    found = {"type": "tool_result", "tool_use_id": f"toolu_{first}", "content": [text("Seen."), IMAGE]}
    said = [("user", [text("Go.")]), ("assistant", [thought, use]), ("user", [found]), ("assistant", [text("Done.")])]
    who = {"agent_id": agent and agent[0], "agent_version": agent and agent[1], "created_at": None}
    return [
        SimpleNamespace(seq=first + place, role=role, content=content, **who)
        for place, (role, content) in enumerate(said)
    ]


def test_ones_own_turn_is_read_as_it_was() -> None:
    for reader in (None, OTHER):
        rows = turn(1, reader)
        assert [entry.content for entry in read_by(reader, rows)] == [row.content for row in rows]


def test_anothers_turn_is_told_and_can_be_sent() -> None:
    rows = [*turn(1, OTHER), *turn(5, None), *turn(9, ("agent_2", 2))]
    for reader, tools in ((None, ["look"]), (OTHER, ["look"]), (("agent_3", 1), [])):
        sent = messages(read_by(reader, rows), [text("And now?")], 0)
        check(sent, tools)
        assert ("tool_use" in str(sent)) == (reader in {None, OTHER})
        assert str(sent).count("'thinking': 'Hm.'") == (1 if tools else 0)
    told = read_by(None, rows)[1].content + read_by(None, rows)[2].content
    assert told == [text('(Another agent called look with {"at": "x"}.)'), text("(The result:)"), text("Seen."), IMAGE]


def test_claudes_own_compaction_is_text_to_other_models() -> None:
    native = [{"type": "compaction", "content": "So far."}]
    assert summary_for(None, "a", native, None) == native
    assert summary_for(OTHER, "b", native, "b") == native
    assert summary_for(OTHER, "b", native, None) == summary_for(None, "a", native, "b") == [text("So far.")]

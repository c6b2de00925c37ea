"""Whether the answer is right: a fast wrong one is none. Counts what is wrong, by its name."""

from collections import Counter
from itertools import pairwise

from ops.bench.contender import Ledgers, Line
from ops.bench.journal import Call
from ops.bench.work import Turn, Work, turn_of

Calls = dict[Turn, list[Call]]


def violations(work: Work, ledgers: Ledgers, calls: Calls) -> Counter[str]:
    found: Counter[str] = Counter()
    for session in work.session_names:
        turns = [Turn(session, number) for number in range(1, work.turns + 1)]
        found += _in_ledger(turns, ledgers.get(session, []))
        found += _in_calls(turns, calls)
    return found


def _in_ledger(turns: list[Turn], ledger: list[Line]) -> Counter[str]:
    """Every turn once, in order, prompt and its reply side by side."""
    asked, said = ledger[::2], ledger[1::2]
    prompts = [line.text for line in asked]
    wanted = [turn.prompt for turn in turns]
    paired = zip(asked, said, strict=False)
    return Counter(
        {
            "lost": len(set(wanted) - set(prompts)) + len(asked) - len(said),
            "doubled": len(prompts) - len(set(prompts)),
            "out of order": prompts != [prompt for prompt in wanted if prompt in set(prompts)],
            "not alternating": [line.role for line in ledger] != (["user", "assistant"] * len(asked))[: len(ledger)],
            "wrong reply": sum(_mark(prompt) not in reply.text for prompt, reply in paired),
        }
    )


def _mark(prompt: Line) -> str:
    """How the prompt begins, which the reply to it quotes."""
    turn = turn_of(prompt.text)
    return turn.mark if turn else prompt.text


def _in_calls(turns: list[Turn], calls: Calls) -> Counter[str]:
    """Every turn asked once, with its whole history, after the answer to the one before."""
    made = sorted((call for turn in turns for call in calls.get(turn, ())), key=lambda call: call.received)
    return Counter(
        {
            "never asked": sum(turn not in calls for turn in turns),
            "asked again": sum(max(0, len(calls.get(turn, ())) - 1) for turn in turns),
            "call failed": sum(call.outcome != "ok" for call in made),
            "history": sum(call.messages != 2 * call.turn.number - 1 for call in made),
            "two at once": sum(one.answered is None or two.received < one.answered for one, two in pairwise(made)),
        }
    )

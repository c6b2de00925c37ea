"""What the simulator says to someone who asks for a plan, so that the first try of Overnight reads well."""

import re

NOTICE = "*This is a simulated answer: no model was called.*"

MIGRATION = (
    """
## Day one: know what you have

**Morning: freeze and measure**
1. Agree on a freeze of features for three days; tag the last Python 2 release as `py2-final`.
2. Count what there is: `git ls-files '*.py' | xargs wc -l`, entry points, cron jobs, C extensions.
3. Run the tests on Python 2.7 and keep the result. This is the baseline everything is compared with.

**Afternoon: make it boring to switch**
4. List every dependency and whether it runs on Python 3; decide now what replaces those that do not.
5. Run `pyupgrade` and `2to3 --list-fixes` on a branch, one commit per kind of fix, no edits by hand.
6. Set up continuous integration on both versions; Python 3 may fail, but its failures are counted.

**Done when** the number of failing tests on Python 3 is known and falls with each commit.
Main risk of the day: text and bytes mixed at the edges. Mark each place where data enters or leaves.
""",
    """
## Day two: get the tests green

1. Fix text and bytes first, from the edges inwards: files, sockets, database, `pickle`.
2. Then integer division, `dict.keys()` used as a list, sorting of mixed types, relative imports.
3. Replace the dependencies chosen on day one, one commit each.
4. Merge twice a day, so that nobody works on two code bases.

**Done when** all tests pass on Python 3 and the failures of day one are each explained by a commit.
""",
    """
## Day three: switch, with a way back

1. Deploy Python 3 to one machine; compare its answers and error rate with the others for two hours.
2. Convert stored data (`pickle`, shelves, caches) with a script that can run twice.
3. Move the rest machine by machine; keep `py2-final` ready until the end of the day.
4. Remove the compatibility code, the Python 2 job and the freeze.

**Done when** nothing runs on Python 2 and the way back has been deleted on purpose.
""",
)

GENERIC = """
## First steps

Asked for: "{goal}"

1. Write down in one sentence what is different when this is done, and how anyone could check it.
2. List what exists already, who depends on it, and what must not break.
3. Name the part that is least understood, and spend the first hour there.
4. Cut the rest into pieces that can each be finished and shown in half a day.
5. Decide what is left out on purpose, and tell those who wait for it.

**Done when** the first piece is finished and the list of the others has an order.
"""

ASKS_FOR_PLAN = re.compile(r"\bplan\b", re.IGNORECASE)
ASKS_FOR_MORE = re.compile(r"\s*(go on|continue|next|more|and then|day (two|three|2|3))\b", re.IGNORECASE)


def plan_for(prompts: list[str]) -> str | None:
    """The plan asked for by the last of the user's prompts, or by an earlier one that it wants continued."""
    first = next((n for n in reversed(range(len(prompts))) if ASKS_FOR_PLAN.search(prompts[n])), None)
    if first is None or not all(ASKS_FOR_MORE.match(prompt) for prompt in prompts[first + 1 :]):
        return None
    day = len(prompts) - 1 - first
    if "python 2" in prompts[first].lower():
        return NOTICE + "\n" + MIGRATION[day].rstrip() if day < len(MIGRATION) else None
    return NOTICE + "\n" + GENERIC.format(goal=prompts[first].strip()[:80]).rstrip() if day == 0 else None

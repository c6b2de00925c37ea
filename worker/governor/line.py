"""Those who wait, in order: interactive before background, and workspaces in turn."""

from dataclasses import dataclass, field

from worker.governor.asking import Wish

#: Added to the places of background work, so that it comes after all that is interactive.
BACKGROUND = 1e9
#: So many may come within one turn of all tenants.
ROUND = 1_000_000
#: How long a place is kept for somebody who does not come, seconds.
PATIENCE = 10.0


@dataclass(slots=True)
class Line:
    """`places` is where each session stands; `reached` how far each of the two classes has come."""

    places: dict[str, float] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)  # the latest place of a tenant, by class
    reached: list[float] = field(default_factory=lambda: [0.0, BACKGROUND])
    came: int = 0

    def place(self, wish: Wish) -> tuple[float, int]:
        """Where the session stands, or would stand, and how many are ahead."""
        place = self.places.get(wish.session_id)
        if place is None:
            self.came = (self.came + 1) % ROUND
            turn = int(max(self.reached[wish.is_background], self.last.get(_share(wish), 0.0))) + 1
            place = turn + self.came / ROUND  # within a turn, who came first
        return place, sum(other < place for other in self.places.values())

    def stand(self, wish: Wish, place: float, until: float) -> None:
        """Keeps the place until the session has come, or has not."""
        if wish.session_id not in self.places:
            self.last[_share(wish)] = place
        self.places[wish.session_id] = place
        self.until[wish.session_id] = until + PATIENCE

    def leave(self, wish: Wish, place: float) -> None:
        """It is served."""
        if self.places:  # who need not wait has had his tenant's turn as well
            self.last[_share(wish)] = max(place, self.last.get(_share(wish), 0.0))
            self.reached[wish.is_background] = max(self.reached[wish.is_background], place)
        self.places.pop(wish.session_id, None)
        self.until.pop(wish.session_id, None)

    def forget(self, now: float) -> None:
        """Those who did not come; and, once nobody waits, who waited last."""
        for session_id in [name for name, until in self.until.items() if until <= now]:
            del self.until[session_id], self.places[session_id]
        if not self.places:
            self.last.clear()


def _share(wish: Wish) -> str:
    return f"{int(wish.is_background)}:{wish.tenant}"

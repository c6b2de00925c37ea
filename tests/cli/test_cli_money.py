"""`usage`, `budgets` and `submit --dry-run` against a stack that runs."""

from tests.cli.support import Shell, until


def test_a_dry_run_says_what_it_would_take_and_makes_no_task(client: Shell) -> None:
    before = client.run("status", "--json").expect(0).json["data"]
    told = client.run("submit", "Say hello. " * 200, "--dry-run", "--json").expect(0).json
    assert (told["type"], told["queue_position"], told["input_tokens"]) == ("task_estimate", 0, 550)
    assert "budget    $0.5000" in client.run("submit", "Hello", "--budget", "0.5", "--wait", "60").expect(0).out
    before = client.run("status", "--json").expect(0).json["data"]
    said = client.run("submit", "Say hello.", "--dry-run").expect(0).out
    assert "first request  ~" in said
    assert "~$0.0" in said
    assert client.run("status", "--json").expect(0).json["data"] == before


def test_what_was_spent_is_drawn(client: Shell) -> None:
    done = client.run("submit", "Say hello.", "--user", "vera", "--wait", "60", "--json").expect(0).json
    found = client.run("usage", "--by", "user", "--user", "vera", "--json").expect(0).json
    assert [row["user_id"] for row in found["data"]] == ["vera"]
    assert found["total"]["requests"] >= 1
    drawn = client.run("usage", "--by", "session", "--user", "vera").expect(0).out.splitlines()
    assert drawn[0].split() == ["session", "cost", "requests", "in", "cached", "out"]
    assert any(line.startswith(done["session_id"]) for line in drawn)
    assert drawn[-1].startswith("total")
    assert "nothing was spent" in client.run("usage", "--user", "nobody").expect(0).err


def test_a_budget_holds_tasks_until_it_is_raised(client: Shell) -> None:
    client.run("budgets", "set", "--user", "bob", "--usd", "0.000001").expect(0)

    def held() -> str:
        return client.run("submit", "Say hello, please.", "--user", "bob", "--wait", "2", "--json").json["status"]

    until(lambda: held() == "waiting", "the worker knows of the budget", 30)
    listed = client.run("budgets", "list", "--user", "bob").expect(0).out
    assert "of $0.0000" in listed
    waiting = [task for task in client.run("status", "--json").json["data"] if task["wait_reason"] == "budget"]
    assert "budget of user bob is reached" in client.run("status", waiting[0]["id"]).expect(0).out
    client.run("budgets", "set", "--user", "bob", "--usd", "5").expect(0)
    for task in waiting:
        assert client.run("status", task["id"], "--wait", "60", "--json").expect(0).json["status"] == "succeeded"
    (budget,) = client.run("budgets", "list", "--user", "bob", "--json").json["data"]
    client.run("budgets", "delete", budget["id"]).expect(0)

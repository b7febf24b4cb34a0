"""Who can run now.

Each case is a session as a few words: agent, status, when it started and ended, what it asks for.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.work import session, steps
from plainmind.ground import clock

ID = "session-1770451234"
MINUTE = 60_000


def at(minute) -> str | None:
    return None if minute is None else clock.to_text(1_770_451_234_000 + minute * MINUTE)


def state(agent, status="in_progress", start=None, end=None, *asks) -> session.State:
    """`asks`: (minute or None, agent, action, *dependencies); an action may begin with 'optional '
    or 'recommended '.
    """
    fields = {
        "agentName": agent, "status": status, "sessionId": ID, "startTime": at(start),
        "endTime": at(end), "nextSteps": [],
    }  # fmt: skip
    for minute, other, action, *after in asks:
        word = action.partition(" ")[0]
        step = {"agent": other, "action": action, "dependencies": after, "addedTime": at(minute)}
        fields["nextSteps"].append(
            {**step, "priority": word if word in session.PRIORITIES else "required"}
        )
    return session.State(f"work/{ID}/{agent}.json", fields)


def told(*states) -> list[str]:
    return [
        " ".join([each.state, each.step.agent, each.step.action, *each.unmet])
        for each in steps.find_open_steps(states)
    ]


PLAN = [
    (1, "backend", "schema"),
    (1, "frontend", "codegen", "backend-completed"),
    (1, "verification", "tests", "backend", "frontend"),
]
LEAD = state("orchestrator", "in_progress", 0, None, *PLAN)

CASES = {
    "nothing is asked": ([state("orchestrator", "in_progress", 0)], []),
    "nobody has started": (
        [LEAD],
        ["ready backend schema", "waiting frontend codegen backend-completed",
          "waiting verification tests backend frontend"],
    ),
    "an agent planned ahead has not started": (
        [state("orchestrator", "in_progress", 0, None, (1, "backend", "schema")),
          state("backend", "pending")],
        ["ready backend schema"],
    ),
    "who has started is not asked again": (
        [LEAD, state("backend", "in_progress", 2)],
        ["waiting frontend codegen backend-completed",
          "waiting verification tests backend frontend"],
    ),
    "who was waited for has completed": (
        [LEAD, state("backend", "completed", 2, 3)],
        ["ready frontend codegen", "waiting verification tests frontend"],
    ),
    "who was waited for has failed": (
        [LEAD, state("backend", "failed", 2, 3)],
        ["waiting frontend codegen backend-completed",
          "waiting verification tests backend frontend"],
    ),
    "all is done": (
        [
            LEAD,
            state("backend", "completed", 2, 3),
            state("frontend", "completed", 4, 5),
            state("verification", "failed", 6, 7),
        ],
        [],
    ),
    "who started too early runs again": (
        [LEAD, state("backend", "completed", 2, 4), state("frontend", "completed", 3, 5),
          state("verification", "completed", 6, 7)],
        ["ready frontend codegen"],
    ),
    "who still runs too early is queued": (
        [LEAD, state("backend", "completed", 2, 4), state("frontend", "in_progress", 3)],
        ["waiting verification tests frontend", "queued frontend codegen"],
    ),
    "what is asked of somebody who runs is for the run after": (
        [state("backend", "in_progress", 2),
          state("verification", "completed", 1, 4, (3, "backend", "fix"))],
        ["queued backend fix"],
    ),
    "a fix asked for after the work was done; who depends on it waits, and runs after it again": (
        [
            LEAD,
            state("backend", "completed", 2, 3),
            state("frontend", "completed", 4, 5),
            state("verification", "completed", 6, 8, (7, "backend", "fix"),
              (7, "verification", "again", "backend")),
        ],
        [
            "ready backend fix",
            "waiting frontend codegen backend-completed",
            "waiting verification tests backend",
            "waiting verification again backend",
        ],
    ),
    "after the fix": (
        [
            LEAD,
            state("backend", "completed", 9, 10),
            state("frontend", "completed", 4, 5),
            state("verification", "completed", 6, 8, (7, "backend", "fix"),
              (7, "verification", "again", "backend")),
        ],
        ["ready frontend codegen", "ready verification tests", "ready verification again"],
    ),
    "what is only recommended keeps nobody waiting": (
        [
            state("backend", "completed", 2, 3, (2, "frontend", "codegen", "backend")),
            state("review", "completed", 4, 5, (5, "backend", "optional comments"),
              (5, "backend", "recommended names")),
        ],
        ["ready frontend codegen", "ready backend recommended names",
          "ready backend optional comments"],
    ),
    "who is blocked says what lets it go on": (
        [
            state("backend", "completed", 2, 3, (2, "frontend", "codegen", "backend")),
            state("frontend", "blocked", 4, 6, (5, "backend", "add the field"),
              (5, "frontend", "go on", "backend")),
        ],
        ["ready backend add the field", "waiting frontend codegen backend",
          "waiting frontend go on backend"],
    ),
    "and can when it was done": (
        [
            state("backend", "completed", 7, 8),
            state("frontend", "blocked", 4, 6, (5, "backend", "add the field"),
              (5, "frontend", "go on", "backend")),
        ],
        ["ready frontend go on"],
    ),
    "who is blocked without a word stays so": (
        [state("orchestrator", "in_progress", 0, None, (1, "backend", "schema")),
          state("backend", "blocked", 2, 3)],
        [],
    ),
    "a person asks who failed to try again": (
        [state("orchestrator", "in_progress", 0, None, (4, "backend", "schema")),
          state("backend", "failed", 2, 3)],
        ["ready backend schema"],
    ),
    "after a failure, and after a start": (
        [
            state("orchestrator", "in_progress", 0, None, (1, "cleaner", "undo", "backend-failed"),
              (1, "watcher", "watch", "backend-in_progress")),
            state("backend", "failed", 2, 3),
        ],
        ["ready cleaner undo", "ready watcher watch"],
    ),
    "neither has happened": (
        [
            state("orchestrator", "in_progress", 0, None, (1, "cleaner", "undo", "backend-failed"),
              (1, "watcher", "watch", "backend-in_progress")),
            state("backend", "pending"),
        ],
        ["waiting cleaner undo backend-failed", "waiting watcher watch backend-in_progress"],
    ),
    "what is waited for is nobody": ([state("a", "completed", 1, 2,
      (1, "b", "x", "migrations-applied"))], ["waiting b x migrations-applied"]),
    "two wait for each other": (
        [state("orchestrator", "in_progress", 0, None, (1, "a", "x", "b"), (1, "b", "y", "a"))],
        ["waiting a x b", "waiting b y a"],
    ),
    "a file of another program, without times of steps": (
        [state("backend", "completed", 1, 3, (None, "frontend", "codegen", "backend-completed")),
          state("frontend", "in_progress", 4)],
        [],
    ),
    "and before": (
        [state("backend", "completed", 1, 3, (None, "frontend", "codegen", "backend-completed")),
          state("frontend", "pending")],
        ["ready frontend codegen"],
    ),
    "a file without any time": ([state("backend", "completed", None, None,
      (None, "frontend", "x", "backend")), state("frontend", "completed")], []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_who_can_run(name):
    states, expected = CASES[name]
    assert told(*states) == expected


def test_a_priority_of_somebody_else_comes_last():
    lead = state(
        "orchestrator",
        "in_progress",
        0,
        None,
        (1, "a", "optional x"),
        (1, "b", "urgent y"),
        (1, "c", "z"),
    )
    lead.fields["nextSteps"][1]["priority"] = "P0"
    assert told(lead) == ["ready c z", "ready a optional x", "ready b urgent y"]


agents = st.sampled_from(["a", "b", "c"])
moments = st.one_of(st.none(), st.integers(0, 6))
asks = st.tuples(
    moments,
    agents,
    st.sampled_from(["x", "optional x"]),
    st.sampled_from(["a", "b-completed", "c-failed", "a-in_progress", "d"]),
)
teams = st.dictionaries(
    agents,
    st.tuples(st.sampled_from(session.STATUSES), moments, moments, st.lists(asks, max_size=3)),
    min_size=1,
).map(
    lambda found: [
        state(agent, status, start, end, *asked)
        for agent, (status, start, end, asked) in found.items()
    ]
)


@given(states=teams)
def test_a_run_now_takes_up_all_that_is_ready_and_nothing_else(states):
    """Whoever starts now has nothing ready any more; what waits, waits."""
    before = steps.find_open_steps(states)
    assert len(before) <= sum(len(each.fields["nextSteps"]) for each in states)
    for agent in {each.step.agent for each in before if each.state == "ready"}:
        now = 1_770_451_234_000 + 100 * MINUTE
        old = next((s for s in states if s.agent == agent), None)
        running = session.State(
            f"work/{ID}/{agent}.json", session.start_state(old and old.fields, ID, agent, now)
        )
        after = steps.find_open_steps([s for s in states if s.agent != agent] + [running])
        left = [each for each in after if each.step.agent == agent]
        assert not [each for each in left if not each.unmet], left

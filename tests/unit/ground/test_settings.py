"""Settings: what is wrong is named with its file, line and key; option, environment, file, default,
in this order."""

import json
import re
import tomllib

import pytest
from plainmind.ground.errors import Misconfigured
from plainmind.ground.settings import KEYS, Settings, split, variable

FILE = "/home/config.toml"


def settings(toml: str = "", **env: str) -> Settings:
    return Settings(toml, FILE, lambda name: env.get(name, ""))


def test_defaults():
    for key, known in KEYS.items():
        assert settings()[key] == known.default
        assert type(known.default) is known.type
        words = split(known.default) if known.several else [known.default]
        assert not known.choices or set(words) <= set(known.choices)


def test_environment_beats_file_and_an_option_beats_both():
    toml = "[recall]\nk = 3\n"
    assert settings(toml)["recall.k"] == 3
    both = settings(toml, MIND_RECALL_K="4")
    assert both["recall.k"] == 4
    both.override("recall.k", None)
    assert both["recall.k"] == 4
    both.override("recall.k", 5)
    assert both["recall.k"] == 5


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_read_from_its_variable(key):
    setting = KEYS[key]
    wanted = {str: "text", bool: True, int: setting.most, float: setting.most}[setting.type]
    wanted = setting.choices[-1] if setting.choices else setting.type(wanted)
    wanted = ",".join(["0.5"] * setting.numbers) or wanted
    wanted, case = ("Asia/Tokyo", str) if key == "zone" else (wanted, str.lower)
    assert re.fullmatch("MIND_[A-Z][A-Z0-9_]*", variable(key))
    read = settings("", **{variable(key): case(str(wanted))})
    assert read[key] == wanted
    assert all(read[each] == KEYS[each].default for each in KEYS if each != key)


@pytest.mark.parametrize(
    ("given", "words"), [("nothing", ["nothing"]), ("pins, L1", ["pins", "L1"]), ("pins;L1", None)]
)
def test_a_setting_of_several_words(given, words):
    if words:
        assert split(settings(MIND_TURN_MAY=given)["turn.may"]) == words
    else:
        with pytest.raises(Misconfigured, match="'pins;L1' is unknown; use one of pages, L1"):
            settings(MIND_TURN_MAY=given)


def test_the_name_of_a_variable():
    assert variable("recall.sim") == "MIND_RECALL_SIM"
    assert variable("turn.max_steps") == "MIND_TURN_MAX_STEPS"


@pytest.mark.parametrize(
    "toml",
    [
        "recall.k = 3", "[recall]\nk = 3", "recall = { k = 3 }", '"recall"."k" = 3',
        '[ recall ]\n"k" = 3', "# c\n\nrecall.k=3 # c",
    ],
)  # fmt: skip
def test_the_ways_to_write_a_key(toml):
    assert settings(toml)["recall.k"] == 3


def test_a_whole_number_is_a_number():
    floor = settings("recall.floor = 1")["recall.floor"]
    assert floor == 1.0 and type(floor) is float


@pytest.mark.parametrize("toml, said", [
    ("recall.kk = 3", f"{FILE}:1: unknown setting 'recall.kk'; did you mean 'recall.k'?"),
    ("\n\n[colour]\n\nscheme = 1\n", f"{FILE}:5: unknown setting 'colour.scheme'; remove it"),
    ("[embed]\nk = 1\n[recall]\nk = 3",
      f"{FILE}:2: unknown setting 'embed.k'; did you mean 'embed.model'?"),
    ("[embed]\nmodel='auto'\n[recall]\nmodel = 'x'",
      f"{FILE}:4: unknown setting 'recall.model'; did you mean '"),
    ("\n[recall]\nk = '3'",
      f"{FILE}:3: 'recall.k' is not a whole number; give one from 1 to 1,000"),
    ("[recall]\nk = 3\n\"zone\" = 1", f"{FILE}:3: unknown setting 'recall.zone'; did you mean"),
    ("\nzone = 'London'", f"{FILE}:2: 'London' is not a time zone; did you mean 'Europe/London'?"),
    ("zone = 'new york'", f"{FILE}:1: 'new york' is not a time zone; did you mean 'America/New_Yo"),
    ("zone = '../../etc/passwd'", f"{FILE}:1: '../../etc/passwd' is not a time zone; write one"),
    ("zone = ''", f"{FILE}:1: '' is not a time zone; write one such as"),
    ("[recall]\nk = true", f"{FILE}:2: 'recall.k' is not a whole number; give one from 1 to 1,000"),
    ("[recall]\nk = 3.0", f"{FILE}:2: 'recall.k' is not a whole number; give one from 1 to 1,000"),
    ("[recall]\nfloor = false", f"{FILE}:2: 'recall.floor' is not a number; give one from -1 to 1"),
    ("[recall]\nfloor = nan", f"{FILE}:2: 'recall.floor' is not a number; give one from -1 to 1"),
    ("[recall]\nfloor = -inf", f"{FILE}:2: 'recall.floor' is not a number; give one from -1 to 1"),
    ("[recall]\nsim = 3", f"{FILE}:2: 'recall.sim' is not a text; write it in quotes"),
    ("[recall]\nweights = '0.7,0.2'",
      f"{FILE}:2: 'recall.weights' is out of range; give 3 numbers from 0 to 1"),
    ("[recall]\nweights = '0.7,0.2,-1'",
      f"{FILE}:2: 'recall.weights' is out of range; give 3 numbers from 0 to 1"),
    ("[recall]\nsim = 'Cosine'", f"{FILE}:2: 'recall.sim' is unknown; use one of hybrid, cosine"),
    ("[recall]\nk = 2026-01-30",
      f"{FILE}:2: 'recall.k' is not a whole number; give one from 1 to 1,000"),
    ("\n\nrecall = { sim = 'cosine', kk = 3 }",
      f"{FILE}:3: unknown setting 'recall.kk'; did you mean 'recall.k'?"),
    ("\n\n[[recall]]\nk = 3", f"{FILE}:3: unknown setting 'recall'; did you mean 'recall.k'?"),
    ("\nrecall = 3", f"{FILE}:2: unknown setting 'recall'; did you mean 'recall.k'?"),
    ("turn.model = '''\nkk = 1\n'''\nrecall.kk = 1",
      f"{FILE}:4: unknown setting 'recall.kk'; did you mean 'recall.k'?"),
    ("\nturn.max_steps = [\n1,\n2]",
      f"{FILE}:2: 'turn.max_steps' is not a whole number; give one from 0 to 1,000"),
    ("[recall]\nk = 3\nk = 4", f"{FILE}:3: not valid TOML"),
    ("[recall]\nk = \n", f"{FILE}:2: not valid TOML"),
    ("ok = 1\n[recall\n", f"{FILE}:2: not valid TOML"),
    ("a = '''\nnever ended\n", f"{FILE}:3: not valid TOML"),
], ids=lambda value: ascii(value)[:40])  # fmt: skip
def test_what_is_wrong_names_file_line_and_key(toml, said):
    with pytest.raises(Misconfigured) as failed:
        settings(toml)
    assert str(failed.value).startswith(said) and failed.value.code == 78


@pytest.mark.parametrize("name, value, said", [
    ("MIND_RECALL_K", "many",
      "MIND_RECALL_K='many' is not a whole number; give one from 1 to 1,000"),
    ("MIND_RECALL_K", "3.5", "MIND_RECALL_K='3.5' is not a whole number; give one from 1 to 1,000"),
    ("MIND_RECALL_FLOOR", "low", "MIND_RECALL_FLOOR='low' is not a number; give one from -1 to 1"),
    ("MIND_RECALL_FLOOR", "nan", "MIND_RECALL_FLOOR='nan' is not a number; give one from -1 to 1"),
    ("MIND_RECALL_SIM", "dot", "MIND_RECALL_SIM='dot' is unknown; use one of hybrid, cosine"),
])  # fmt: skip
def test_a_variable_that_is_wrong(name, value, said):
    with pytest.raises(Misconfigured) as failed:
        settings(**{name: value})
    assert str(failed.value) == said


def test_an_option_that_is_wrong():
    with pytest.raises(Misconfigured, match="recall.sim='dot' is unknown"):
        settings().override("recall.sim", "dot")


def test_a_key_of_any_depth_is_unknown():
    for deep in (".".join(["a"] * 3000) + " = 1", "[" + ".".join(["a"] * 3000) + "]\nb = 1"):
        with pytest.raises(Misconfigured, match=r"config.toml:\d+: unknown setting"):
            settings(f"{deep}\n")


def test_a_file_that_has_every_setting_is_parsed_once(monkeypatch):
    """Which line a setting stands on is nobody's question while nothing is wrong; then few parts of
    the file are looked at."""
    rows = [
        f"{key} = {json.dumps(known.default)}  # {known.meaning}" for key, known in KEYS.items()
    ]
    texts, load = [], tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: texts.append(text) or load(text))
    settings("\n".join(rows))
    assert len(texts) == 1
    comments = ["# a word"] * 2000
    with pytest.raises(Misconfigured, match=f":{len(rows) + 2001}: unknown setting 'b'"):
        settings("\n".join([*rows, *comments, "b = 1", *comments]))
    assert len(texts) < 40

"""The page of health: each subject as it stands, by what the commands print and write down."""

import json
import os
from shlex import quote

import board_home
import pytest
import scene
import vault
from plainmind.board import checks, disk_use
from plainmind.board.pages import health as page
from plainmind.ground import schedules, zone
from plainmind.ground.nights import Nights
from plainmind.ground.outages import Outages
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, TIME

DAY = board_home.DAY
find_machines = zone.find_machines
with open(os.path.join(scene.ROOT, "cron", "plainmind.cron")) as shipped:
    CRONTAB = [
        line.replace("@BIN@", "'/home/ann/plain mind/bin'").replace("@HOME@", "'/home/ann/mind'")
        for line in shipped.read().splitlines()
        if not line.startswith("#")
    ]


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine with all jobs in its crontab, and much room."""
    monkeypatch.setattr(schedules, "read_crontab", lambda: CRONTAB)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(disk_use.shutil, "disk_usage", lambda path: checks_use(10**11))
    monkeypatch.setattr(checks, "_known", {})
    monkeypatch.setattr(checks.zone, "find_machines", lambda variable: "GB")
    return monkeypatch


def look(home, **given) -> dict[str, tuple[str, str]]:
    """Subject -> (state, cure)."""
    found = page.read(board_home.open_memory(home, **given), "", {})
    return {one.subject: (one.state, one.cure) for one in (*found["concerns"], *found["well"])}


def put(home, path: str, text: str, mode: int = 0o600) -> None:
    board_home._put(home, path, text)
    os.chmod(home.path(path), mode)


def put_json(home, path: str, **value) -> None:
    put(home, path, json.dumps(value) + "\n")


def end_night(job: str, days: int, code: int):
    return lambda home: Nights(home).note(job, NOW - days * DAY, code)


def beat(home, pid: int) -> None:
    put(home, "relay/alive", f"{TIME} {pid}\n")
    os.utime(home.path("relay/alive"), (NOW / 1000, NOW / 1000))


REMIND = '- [ ] date=2026-01-30 time={} recur=none msg="x" id=a\n'
SEEN = {"boot": "b"}
#: what is done to an empty home, the subject, its state, and a part of what cures it
SITUATIONS = {
    "in order": (lambda home: None, "Index", "ok", ""),
    "logs never checked": (lambda home: None, "Logs", "idle", "mem-lint --logs"),
    "logs checked": (end_night("mem-lint logs", 0, 0), "Logs", "ok", ""),
    "logs altered": (end_night("mem-lint logs", 0, 1), "Logs", "failed", "mem-lint --logs"),
    "yesterday, not yet tonight": (end_night("mem-lint logs", 1, 0), "Logs", "ok", ""),
    "not for days": (end_night("mem-lint logs", 3, 0), "Logs", "warning", "mem-lint --logs"),
    "findings": (end_night("mem-lint", 0, 1), "Pages", "warning", "mem-lint"),
    "a night of an earlier version": (
        lambda home: put(home, "raw/maintenance-log/nights.json", '{"mem-lint":"2026-01-30"}'),
        "Pages", "ok", ""),
    "no scan, no reminders": (lambda home: None, "Reminders", "idle", "install-cron"),
    "no scan": (lambda home: put(home, "reminders.md", REMIND.format("20:00")),
                "Reminders", "warning", "install-cron"),
    "a scan": (lambda home: put_json(home, "remind/seen.json", **SEEN), "Reminders", "ok", ""),
    "not sent": (lambda home: put(home, "reminders.md", REMIND.format("14:00")),
                 "Reminders", "failed", "remind-scan --dry-run"),
    "due this minute": (
        lambda home: (put(home, "reminders.md", REMIND.format("14:20")),
                      put_json(home, "remind/seen.json", **SEEN)),
        "Reminders", "ok", ""),
    "the clock jumped": (lambda home: put_json(home, "remind/seen.json", boot="b", jump=7),
                         "Reminders", "warning", "remind-scan"),
    "the file is suspicious": (
        lambda home: put_json(home, "remind/seen.json", boot="b", told="it is empty"),
        "Reminders", "failed", "reminders.md"),
    "another host": (lambda home: put(home, "config.toml", '[remind]\nhost = "nobody.example"\n'),
                     "Reminders", "idle", ""),
    "no relay": (lambda home: None, "Relay", "idle", "discord-relay"),
    "a relay": (lambda home: beat(home, os.getpid()), "Relay", "ok", ""),
    "a dead relay": (lambda home: beat(home, 2**22 + 1), "Relay", "failed", "systemctl"),
    "dead letters": (
        lambda home: put(home, "relay/dead.jsonl", "torn\n[]\n" + json.dumps(
            {"at": TIME, "context": "discord-channel/7", "of": [1], "why": "no"}) + "\n"),
        "Undelivered answers", "warning", "relay/dead.jsonl"),
    "open .env": (lambda home: put(home, ".env", "A=b\n", 0o644), "Secrets", "warning", ""),
    "open home": (lambda home: os.chmod(home.root, 0o755), "Privacy", "warning", "chmod 700"),
    "a set-aside index": (lambda home: put(home, "index/mind.db.20260101T000000Z.1.bad", "x"),
                          "Damaged indexes", "warning", "rm "),
    "a foreign index": (lambda home: put(home, "index/mind.db", "not a database" * 100),
                        "Damaged indexes", "warning", "rm "),
    "a save that collided": (
        lambda home: put(home, "reminders (conflict 20260130T140000Z).md", "x"),
        "Conflicts", "warning", "compare"),
    "a save of the pins that collided": (
        lambda home: put(home, "pins/pins (conflict 20260130T140000Z).md", "x"),
        "Conflicts", "warning", "compare"),
    "a copy beside reminders that are elsewhere": (
        lambda home: (put(home, "../vault/To do.sync-conflict-20260130-140000-ABCDEFG.md", "x"),
                      put(home, "../vault/To do.md", ""),
                      put(home, ".env", "REMINDERS_FILE=../vault/To do.md\n")),
        "Conflicts", "warning", "compare"),
    "an outage": (lambda home: Outages(home).begin("mem-embed", "69 abc", NOW - DAY),
                  "mem-embed", "warning", "mem-embed"),
    "an audit is due": (
        lambda home: put_json(home, "raw/maintenance-log/last-forget.json", writes=0, total=30,
                              first="2026-01-01T00:00:00.000Z", time=""),
        "Audit", "warning", "mem-audit"),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation(home, name):
    make, subject, state, cure = SITUATIONS[name]
    os.makedirs(home.root, 0o700)
    make(home)
    found = look(home)
    assert found[subject][0] == state
    assert cure in found[subject][1] and bool(cure) == bool(found[subject][1])
    others = {one: state for one, (state, _) in found.items() if one != subject}
    assert {"failed", "warning"}.isdisjoint(others.values()), others


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        (CRONTAB, ""),
        (["# " + line for line in CRONTAB], "no schedule is installed"),
        (CRONTAB[1:], "not scheduled: remind-scan"),
        (CRONTAB[:5], "not scheduled: mem-lint --nightly"),
        (CRONTAB[:3] + CRONTAB[4:], "not scheduled: mem-lint --logs"),
        (CRONTAB[:2] + CRONTAB[3:], ""),
        (["0 9 * * * echo remind-scan-not"], "no schedule is installed"),
    ],
)
def test_schedules(home, machine, lines, missing):
    live = [line for line in lines if not line.startswith("#")]
    machine.setattr(schedules, "read_crontab", lambda: live)
    found = page.read(board_home.open_memory(home), "", {})
    told = [one.what for one in found["concerns"] if one.subject == "Schedules"]
    assert [missing in what for what in told] == [True] * bool(missing)


@pytest.mark.parametrize(
    ("lines", "state"), [(CRONTAB, "ok"), (CRONTAB[:2] + CRONTAB[3:], "warning")]
)
def test_what_is_shared_is_to_be_synchronised(home, machine, lines, state):
    machine.setattr(schedules, "read_crontab", lambda: lines)
    put(home, "sync/git/HEAD", "")
    assert look(home)["Schedules"] == (state, "")


def test_what_is_not_scheduled_is_told_once_with_a_command_that_works_anywhere(home, machine):
    machine.setattr(schedules, "read_crontab", list)
    machine.setattr(checks.sys, "platform", "linux")
    os.makedirs(home.root, 0o700)
    put(home, "reminders.md", REMIND.format("20:00"))
    found = page.read(board_home.open_memory(home), "", {})
    install = [one for one in found["concerns"] + found["well"] if "make" in one.cure]
    assert [(one.subject, one.cure) for one in install] == [
        ("Schedules", f"make -C {quote(scene.ROOT)} install-cron")
    ]
    assert os.path.isfile(os.path.join(scene.ROOT, "Makefile"))
    assert [one.subject for one in found["concerns"]] == ["Schedules"]


@pytest.mark.parametrize(
    ("there", "config", "warns"),
    [
        ("America/New_York", "", True), ("Etc/UTC", "", True), ("", "", False),
        ("Europe/Belfast", "", False),  # another name, the same clocks
        ("America/New_York", 'zone = "Europe/London"\n', False),
        ("America/New_York", 'zone = "Asia/Tokyo"\n', False),
    ],
)  # fmt: skip
def test_a_zone_that_nobody_chose_is_told_where_the_machine_has_another(
    home, machine, there, config, warns
):
    machine.setattr(checks.zone, "find_machines", lambda variable: there)
    os.makedirs(home.root, 0o700)
    put(home, "config.toml", config)
    found = page.read(board_home.open_memory(home), "", {})["concerns"]
    assert [one.subject for one in found] == ["Zone"] * warns
    assert all(there in one.what and f'zone = "{there}"' in one.cure for one in found)


def test_the_zone_of_a_machine(tmp_path):
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    for variable, expected in (("", "Europe/Berlin"), (":Asia/Tokyo", "Asia/Tokyo"), ("../x", "")):
        assert find_machines(variable, str(link)) == expected
    assert find_machines("", str(tmp_path / "none")) == ""


@pytest.mark.parametrize(("days", "state"), [(0, "ok"), (1, "ok"), (2, "warning")])
def test_who_has_a_scheduler_of_their_own_is_left_alone(home, machine, days, state):
    machine.setattr(schedules, "read_crontab", list)
    end_night("mem-lint logs", days, 0)(home)
    assert look(home)["Schedules"][0] == state


def test_the_crontab_is_read_once(machine):
    looks = []
    machine.setattr(schedules, "read_crontab", lambda: looks.append(1) or CRONTAB)
    assert len(schedules.find_jobs()) == 6
    assert looks == [1]


def test_launch_agents_and_units_are_schedules_too(home, machine, tmp_path):
    machine.setattr(schedules, "read_crontab", list)
    shipped = {name for name in os.listdir(f"{scene.ROOT}/launchd") if name.endswith(".plist")}
    assert {*schedules.JOBS.values()} == shipped
    for name in [*schedules.JOBS.values()][:6]:
        path = tmp_path / "Library" / "LaunchAgents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert look(home)["Schedules"][0] == "ok"
    unit = tmp_path / "config" / schedules.UNIT
    unit.parent.mkdir(parents=True)
    unit.write_text("")
    assert schedules.find_jobs(str(tmp_path / "config"))[-1].command == "discord-relay"


@pytest.mark.parametrize(("free", "state"), [(5e10, "ok"), (5e8, "warning"), (5e7, "failed")])
def test_the_disk(home, machine, free, state):
    machine.setattr(disk_use.shutil, "disk_usage", lambda path: checks_use(int(free)))
    assert look(home)["Disk"][0] == state


def checks_use(free: int):
    from collections import namedtuple

    return namedtuple("usage", "total used free")(10**12, 10**12 - free, free)


def test_it_says_what_the_commands_print(home, command):
    memory = board_home.fill(home)
    found = page.read(memory, "", {})
    (printed,) = board_home.read_records(command("mem-index", "--status", "--json", home=home))
    assert found["index"] == printed
    (status,) = board_home.read_records(command("mem-embed", "--status", "--json", home=home))
    assert {**status, "model": ""} == found["vectors"]
    sizes = {one.name: (one.files, one.bytes) for one in found["disk"].folders}
    files = vault.contents(home.path("knowledge"))
    assert sizes["knowledge"] == (5, sum(len(data) for data, _ in files.values()))
    assert found["used"] == sum(size for _, size in sizes.values())


def test_what_is_counted_is_counted_again_when_a_file_changed(home, machine):
    memory, states = board_home.fill(home), ["a"]
    digest = checks.changes.digest
    # of an index that was just made, the next look may change the file once more
    machine.setattr(checks.changes, "digest", lambda *asked: states[-1])
    read = lambda: page.read(memory, "", {})["index"]["turns"]
    before = read()
    Log(home).append("cli/x", [EventDraft(NOW, "user", "One more.", {})], NOW)
    assert read() == before
    states.append("b")
    assert read() == before + 1
    machine.setattr(checks.changes, "digest", digest)
    Log(home).append("cli/x", [EventDraft(NOW, "user", "And another.", {})], NOW)
    assert read() == before + 2


def test_an_empty_home_is_not_made(home):
    html = board_home.show_page(board_home.open_memory(home), "health")
    assert "agent-turn" in html and not os.path.exists(home.root)


def test_nothing_is_written_and_nothing_hostile_is_obeyed(home):
    memory = board_home.fill(home, hostile=True)
    put(home, "relay/dead.jsonl", json.dumps(
        {"at": TIME, "context": "a/b", "why": board_home.HOSTILE}))  # fmt: skip
    page.read(memory, "", {})
    before = {
        path: file for path, file in vault.contents(home.root).items() if "index/" not in path
    }
    html = board_home.show_page(memory, "health")
    assert board_home.find_harm(html) == [] and "window.planted" in html
    after = {path: file for path, file in vault.contents(home.root).items() if "index/" not in path}
    assert after == before

"""What runs by itself on this machine: our jobs in the crontab, and among the agents and units of
the person.

Looks, and changes nothing: `cron/` and `launchd/` of the checkout put them there.
"""

import os
import subprocess
from typing import NamedTuple

#: a job is known by its command: what it is in the crontab, and the name of its launch agent
JOBS = {
    "remind-scan": "com.plainmind.remind-scan.plist",
    "mem-embed": "com.plainmind.mem-embed.plist",
    "mem-sync": "com.plainmind.mem-sync.plist",
    "mem-lint --logs": "com.plainmind.mem-lint.plist",
    "mem-lint --prune --apply": "com.plainmind.mem-prune.plist",
    "mem-lint --nightly": "com.plainmind.mem-lint-pages.plist",
    "discord-relay": "com.plainmind.discord-relay.plist",
}
AGENTS = "~/Library/LaunchAgents"
UNIT = "systemd/user/discord-relay.service"  # below XDG_CONFIG_HOME
PATIENCE = 2.0  # seconds for crontab


class InstalledJob(NamedTuple):
    command: str  # of JOBS
    where: str  # crontab, or a file


def find_jobs(config: str = "") -> list[InstalledJob]:
    """Our jobs, of whichever checkout. `config`: XDG_CONFIG_HOME, if it is set."""
    lines = read_crontab()
    found = [InstalledJob(job, "crontab") for job in JOBS if _is_in(job, lines)]
    folder = os.path.expanduser(AGENTS)
    agents = ((job, os.path.join(folder, name)) for job, name in JOBS.items())
    found += [InstalledJob(job, path) for job, path in agents if os.path.exists(path)]
    unit = os.path.join(config or os.path.expanduser("~/.config"), UNIT)
    return found + [InstalledJob("discord-relay", unit)] * os.path.exists(unit)


def read_crontab() -> list[str]:
    """The lines of the person's crontab that do something."""
    try:
        ended = subprocess.run(
            ["crontab", "-l"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):  # there is no cron here, or it hangs
        return []
    lines = ended.stdout.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _is_in(job: str, lines: list[str]) -> bool:
    """Whether a line runs a job: its command at the end of a path, and its options behind it."""
    command, *options = job.split()
    for line in lines:
        words = line.replace("'", " ").split()
        named = any(os.path.basename(word) == command for word in words)
        is_other = options == ["--nightly"] and {"--logs", "--prune"} & set(words)
        if named and set(options) <= set(words) and not is_other:
            return True
    return False

"""A real browser for tests of the board: the Chromium of this machine, driven by Playwright, which
is set up below build/ by the first test that finds one; and what a page in it complains of.

CHROMIUM names the browser where it is not found by its name.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import forks
import pytest
from scene import PATIENCE, ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
LOCK = os.path.join(ROOT, "tests", "browser.lock")
#: it asks nobody but the board, and draws without a graphics card
QUIET = (
    "--disable-background-networking --disable-component-update --disable-sync --disable-quic "
    "--disable-gpu --no-first-run --disable-extensions --force-color-profile=srgb "
    "--renderer-process-limit=1"  # each takes half a second of CPU to start
).split()
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
#: what of axe's findings counts
_GRAVE = ("serious", "critical")


def find_chromium() -> str:
    """Its path; '' where there is none."""
    named = os.environ.get("CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    return found or (MACOS if not named and os.path.exists(MACOS) else "")


def set_up() -> str:
    """The folder of the driver's packages, made once for each lock file and Python."""
    with open(LOCK, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    folder = os.path.join(ROOT, "build", f"browser-{digest}-{sys.implementation.cache_tag}")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of another run may be at it
        if not os.path.isdir(folder):
            shutil.rmtree(f"{folder}.new", ignore_errors=True)
            subprocess.run(
                [forks.PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
                 "--no-deps", "--require-hashes", "--target", f"{folder}.new", "-r", LOCK],
                check=True, capture_output=True, timeout=300,
            )  # fmt: skip
            os.rename(f"{folder}.new", folder)
    return folder


@contextmanager
def browsing() -> Iterator[Any]:
    """A browser; the test is skipped where there is none."""
    path = find_chromium()
    if not path:
        pytest.skip("there is no Chromium")
    try:
        folder = set_up()
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", b"") or b""
        pytest.skip(f"Playwright could not be installed: {said.decode(errors='replace')[-200:]}")
    if folder not in sys.path:
        sys.path.append(folder)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser, size: dict[str, int] = WIDE, **options: Any):
    """A page in surroundings of its own, which remembers what went wrong: `complaints`."""
    context = browser.new_context(viewport=size, reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    found: list[str] = []
    page.on("console", lambda said: found.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("requestfailed", lambda request: _is_left(request, page) or found.append(
        f"failed: {request.url}: {request.failure}"))  # fmt: skip
    page.on("response", lambda answer: found.extend(
        [f"{answer.status}: {answer.url}"] if answer.status >= 400 else []))  # fmt: skip
    page.complaints, page.left = found, ""
    return page


def go_on(page, url: str) -> None:
    """From one address to the next."""
    page.left = page.url
    page.goto(url)


def _is_left(request, page) -> bool:
    """A stream of events ends when the page is left, and so does its question what is new."""
    is_asked = request.url == page.left and request.resource_type == "fetch"
    given_up = request.failure == "net::ERR_ABORTED"
    return given_up and (is_asked or request.url.endswith("/events"))


def check_access(page) -> list[str]:
    """What axe finds that is serious: rule, element, why."""
    if page.evaluate("typeof window.axe") == "undefined":
        import axe_playwright_python

        folder = os.path.dirname(axe_playwright_python.__file__)
        with open(os.path.join(folder, "axe.min.js"), encoding="utf-8") as file:
            page.evaluate(file.read())
    kept = "{resultTypes: ['violations'], selectors: false, preload: false, iframes: false}"
    return [
        f"{one['id']}: {node['html'][:160]}: {' '.join((node['failureSummary'] or '').split())}"
        for one in page.evaluate(f"axe.run({kept})")["violations"]
        for node in one["nodes"]
        if node["impact"] in _GRAVE
    ]


def check_width(page) -> list[str]:
    """What makes the page wider than its window: the outermost elements that stand out of it."""
    return page.evaluate("""() => {
      const room = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= room) return [];
      const wide = [...document.body.querySelectorAll("*")].filter(
        (one) => one.getBoundingClientRect().right > room + 1 && !one.closest(".skip"));
      return ["sideways"].concat(wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120)));
    }""")


def check_ids(page) -> list[str]:
    """Ids that two elements have: a live update would take one for the other."""
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    return [f"twice: #{id}" for id in sorted({id for id in ids if ids.count(id) > 1})]


def check_links(page) -> list[str]:
    """Links of a page that was opened as a file which lead to no file, or to no place in itself."""
    here, dead = urlsplit(page.url), []
    for link in page.locator("a[href]").evaluate_all("all => all.map((one) => one.href)"):
        to = urlsplit(link)
        is_there = to.scheme != "file" or os.path.exists(unquote(to.path))
        if is_there and to.fragment and (to.scheme, to.path) == (here.scheme, here.path):
            is_there = page.evaluate("id => !!document.getElementById(id)", unquote(to.fragment))
        dead += [] if is_there else [f"dead: {link}"]
    return dead


class Board:
    """work-board as a process, on a port of its own."""

    def __init__(self, home: str, now: str):
        self.env = {"PATH": os.environ["PATH"], "MIND_HOME": home, "MIND_NOW": now}
        self.start()

    def start(self, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "bin", "work-board"), "--port", str(port)],
            env=self.env, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip().rstrip("/")
        assert self.url, "work-board did not start"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

# Plainmind. 'make demo' and 'make test' do all the set-up they need.
SHELL := /bin/sh
PREFIX ?= $(if $(HOME),$(HOME)/.local)
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/ready
#: turns of the homes that 'make bench' measures growth with; a million take 20 minutes to make
SIZES ?= 10000,100000

.PHONY: all setup demo test check bench faults test-pythons install installable uninstall install-cron uninstall-cron install-launchd uninstall-launchd install-relay uninstall-relay man wheel lock lock-check clean
.SUFFIXES:

all: setup

setup: $(READY)

# the environment: exact versions, hashes checked, nothing resolved
$(READY): requirements.lock developers.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: Python 3.11 or later is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@rm -rf "$(VENV)"
	@echo "setting up $(VENV) (once; about half a minute)"
	@$(PYTHON) -m venv "$(VENV)" || { \
	  echo "make: this Python makes no venv; install it (apt install python3-venv), or name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.lock -r developers.lock || { \
	  echo "make: packages could not be installed; check the network, and run make again" >&2; exit 1; }
	@$(PY) -c 'import sysconfig; open(sysconfig.get_path("purelib") + "/plainmind.pth", "w").write("../../../../lib\n")'
	@PYTHONDONTWRITEBYTECODE= $(PY) -m compileall -q lib "$(VENV)/lib" >/dev/null 2>&1 || true
	@touch "$(READY)"

demo: setup
	@sh bench/demo/run.sh

test: setup
	@sh tests/run.sh tests/unit tests/bats tests/faults

# at every system call, with more examples, and what takes minutes
faults: setup
	@THOROUGH=1 sh tests/run.sh tests/faults
	@THOROUGH=1 sh tests/run.sh tests/unit -m 'hypothesis or slow'

# before a release: the units on every Python of this machine
test-pythons:
	@sh tests/pythons.sh

check: setup
	@$(PY) -m ruff check -q bin skills serving lib tests bench
	@$(PY) -m ruff format -q --check bin serving lib tests bench
	@$(PY) -m mypy --no-error-summary lib
	@$(PY) -m pytest tests/unit/test_house.py tests/unit/test_style.py

bench: setup
	@$(PY) bench/speed.py
	@$(PY) bench/speed.py --homes build/homes --sizes $(SIZES)
	@$(PY) bench/crowds.py
	@$(PY) bench/windows.py
	@$(PY) bench/hooks.py build/homes
	@$(PY) bench/reminders.py
	@$(PY) bench/relay.py --messages 2000
	@$(PY) bench/retrieval.py
	@$(PY) bench/pages.py
	@$(PY) bench/residency.py
	@$(PY) bench/work.py
	@$(PY) bench/board.py
	@$(PY) bench/route.py
	@$(PY) bench/engines.py build/homes
	@[ -z "$(PEERS)" ] || $(PY) bench/peers.py --folder "$(PEERS)"

man: setup
	@$(PY) -m plainmind.cli.manual build/man

install: installable setup
	@sh lib/install.sh link "$(PREFIX)"
	@$(PY) -m plainmind.cli.manual --install "$(PREFIX)/share"

installable:
	@sh lib/install.sh check "$(PREFIX)"

uninstall:
	@sh lib/install.sh remove "$(PREFIX)"

# what runs by itself: once in the crontab or among the launch agents, however often this is done
install-cron: setup
	@sh cron/install.sh

uninstall-cron:
	@sh cron/install.sh remove

install-launchd: setup
	@sh launchd/install.sh

uninstall-launchd:
	@sh launchd/install.sh remove

install-relay: setup
	@sh launchd/install-systemd.sh

uninstall-relay:
	@sh launchd/install-systemd.sh remove

# what 'uv tool install' and 'pipx install' take
wheel: setup
	@$(PY) -m hatchling build -t wheel -d dist

# a person with uv runs this when a dependency changes, and reads the difference
lock:
	@sh bench/lock.sh

# whether the lock installs from wheels alone on every system and Python; asks the index
lock-check:
	@sh bench/lock-check.sh

clean:
	@rm -rf build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache

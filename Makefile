# SPDX-License-Identifier: Apache-2.0
#
# From a fresh Debian or Ubuntu to a run: `make run`. Everything it needs is installed
# or built first, and only when it is missing or out of date.

PYTHON ?= /usr/bin/python3
VENV := .venv
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/bin/pip -q
INSTALLED := $(VENV)/installed

# Hundreds of starts are to come, each of which would compile all modules anew: 0.5 s for a run.
unexport PYTHONDONTWRITEBYTECODE

# The names of packages are those of this system, or of the first known one that it says it is like.
SYSTEM := $(shell . /etc/os-release; for id in $$ID $$ID_LIKE; do grep -q "^$$id " packages.txt && echo $$id && break; done)
packages_for = $(shell awk '$$1 ~ /^(any|$(SYSTEM))$$/ && $$2 ~ /^($(1))$$/ { $$1 = $$2 = ""; print }' packages.txt)
PACKAGES := $(call packages_for,run|kernel)
# Of the packages for the tests only the programs are wanted: what is new here as a service stays off.
SERVICES := ssh.service ssh.socket qemu-guest-agent.service postgresql.service

# QEMU that root starts becomes this user, whom libvirt looks up too, and Ubuntu's the group as well.
QEMU_USER := libvirt-qemu
QEMU_GROUP := $(if $(filter ubuntu,$(SYSTEM)),kvm)
ADD_QEMU_USER := useradd --system --user-group --no-create-home --shell /usr/sbin/nologin $(QEMU_USER)

help:
	@echo 'make run        run the conformance suite against the reference guest'
	@echo 'make test       check and test the harness itself'
	@echo 'make selfcheck  show that the suites notice every fault of the reference guest'
	@echo 'make prepare    only install and build what those two need'
	@echo 'make docs       write the reference of Scenario, Timeline and the peers to build/docs'
	@echo 'make clean      delete what was built here'

run: prepare
	@$(VENV)/bin/wsk-conformance run

test: PACKAGES := $(call packages_for,run|kernel|test)
test: prepare
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/python tests/support/patient_pytest.py \
		--timeout 900 --strict-client --results build/tests tests/guest/cases -- \
		--timeout 900 --durations 15 -n 3 --dist loadfile --ignore tests/guest/cases tests

selfcheck: prepare
	@$(VENV)/bin/wsk-conformance selfcheck $(AGAIN)

prepare: packages $(INSTALLED) driver image

packages:
	@[ -n '$(SYSTEM)' ] || { echo 'what has to be installed is known for Debian and Ubuntu only (packages.txt);' \
		'the Containerfile has a Debian for everybody else' >&2; exit 2; }
	@installed=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(PACKAGES) 2>/dev/null \
		| sed -n 's/ installed$$//p'); \
	missing=$$(printf '%s\n' $(PACKAGES) | grep -vxF "$$installed"); \
	root=; [ $$(id -u) = 0 ] || root=sudo; \
	if [ -n "$$missing" ]; then \
		mkdir -p build; \
		echo "installing packages:" $$missing; \
		install="apt-get install -y --no-install-recommends $$(echo $$missing)"; \
		if [ -n "$$root" ] && ! sudo -v 2>/dev/null; then \
			echo "this needs root; run as root: $$install" >&2; exit 2; \
		fi; \
		for service in $$([ ! -d /run/systemd/system ] || echo $(SERVICES)); do \
			systemctl -q cat $$service > /dev/null 2>&1 || $$root systemctl -q mask $$service || exit 2; \
		done; \
		{ $$root apt-get -q update && $$root env DEBIAN_FRONTEND=noninteractive $$install; } > build/apt.log 2>&1 \
			|| { tail -n 20 build/apt.log >&2; echo "that failed; run as root: $$install" >&2; exit 2; }; \
	fi; \
	if [ -z "$$root" ] && ! getent passwd $(QEMU_USER) > /dev/null; then \
		echo "adding the system user $(QEMU_USER)"; $(ADD_QEMU_USER); \
	fi; \
	if [ -z "$$root" ] && [ -n '$(QEMU_GROUP)' ] && ! getent group $(QEMU_GROUP) > /dev/null; then \
		echo "adding the system group $(QEMU_GROUP)"; groupadd --system $(QEMU_GROUP); \
	fi

# setuptools comes first: it builds the packages that have no wheel, without fetching more.
$(INSTALLED): requirements.lock pyproject.toml | packages
	@echo 'installing Python packages into $(VENV)'
	@mkdir -p build
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^setuptools==/,/# via/p' requirements.lock > build/setuptools.lock
	@$(PIP) install --require-hashes -r build/setuptools.lock
	@$(PIP) install --require-hashes --no-build-isolation -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

driver: packages
	@$(MAKE) -q -C guest_driver > /dev/null 2>&1 || echo 'building the driver'
	@$(MAKE) -s --no-print-directory -C guest_driver

image: driver $(INSTALLED)
	@$(VENV)/bin/python images/reference/build.py > /dev/null

DOCS := build/docs
# What a plan inherits has pages of its own.
REFERENCE := harness.scenario harness.scenario.calls harness.scenario.controls harness.scenario.steps \
	harness.evidence harness.peer harness.verdict

docs: $(INSTALLED)
	@$(VENV)/bin/pdoc $(REFERENCE) -o $(DOCS)
	@echo '$(DOCS)/index.html'

clean:
	rm -rf build results $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache

.PHONY: help run test selfcheck prepare packages driver image docs clean

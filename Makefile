# `make run` traces something real; `make test` checks everything here, `make test-vm` the same tracer in virtual machines
# with other kernels. They need nothing but what README.md names.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME := pybpftrace
ROOMS := api cli core passes plugins
# mypy takes the repository's root for the package through a link here. It walks into every directory below that does
# not begin with a dot, so the link must not be reachable.
TYPING := $(VENV)/typing
# Live tests follow each other in one process, and so do those of each kernel (tests/conftest.py).
SIDE_BY_SIDE := --numprocesses auto --dist loadgroup

.PHONY: run test test-vm clean

# The files that a command started by it opens: nothing else on the machine is looked at.
run: $(VENV)/.installed
	@$(BIN)/python -m pybpftrace -q -c 'ls /etc/hostname' -e \
	    'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { printf("%s opens %s\n", comm, str(args.filename)); }' \
	  || { echo 'As root, on a kernel that permits BPF, this does it: sudo make run' >&2; exit 1; }

test: $(VENV)/.installed-for-tests $(TYPING)/$(NAME)
	$(BIN)/ruff check .
	cd $(TYPING) && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../mypy $(ROOMS:%=-p $(NAME).%)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-vm: $(VENV)/.installed-for-tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/vm

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(TYPING)/$(NAME):
	mkdir -p $(TYPING)
	ln -sfn ../.. $@

clean:
	rm -rf $(VENV) build dist $(NAME).egg-info

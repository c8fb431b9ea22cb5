# Python 3.11 and make are all that is needed; everything else goes into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A stamp: written last, so its presence means that the installation was completed.
READY := .venv/ready
# Scripts that write pages, or compare them.
WRITERS := write_cli_docs write_reproduction write_llms_txt

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: setup demo test check docs clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" -c constraints.txt
# setuptools says of every editable installation that it is one.
	PYTHONWARNINGS="ignore:Editable installation" \
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable . --group dev
	touch $@

demo: $(READY)
	$(BIN)/vsdkit demo

# A file of tests stays with one process: its tests share what is slow to make. Two processes on two
# cores have one thread each: with two they wait for each other, and tests take half as long again.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/vulture
	for script in $(WRITERS); do $(BIN)/python scripts/$$script.py --check || exit; done

docs: $(READY)
	for script in $(WRITERS); do $(BIN)/python scripts/$$script.py || exit; done
	$(BIN)/python scripts/build_docs.py

clean:
	rm -rf .venv .cache build dist site

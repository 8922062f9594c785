# `make demo` shows Heliograph at work; `make test` proves it. Both install what they need into .venv.

PORT ?= 8000
SANDBOX_PORT ?= 9400
# Two processes: as many as the smallest machine we care for has cores.
PYTEST ?= .venv/bin/pytest --quiet --numprocesses 2 --dist loadfile

.PHONY: setup setup-production demo test test-all check audit lock

setup:
	@sh config/install.sh

# What runs in production and nothing else: neither test tools nor embedded servers nor the emulators' libraries.
setup-production:
	@sh config/install.sh requirements-production.lock

demo: setup
	@exec .venv/bin/python manage.py up --demo --port $(PORT) --sandbox-port $(SANDBOX_PORT)

test: check
	@$(PYTEST) -m "not long"

test-all: check
	@$(PYTEST)

# What needs neither database nor browser: style, types, who may import whom, migrations, production settings.
check: setup
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo > .venv/lint-imports.log || (cat .venv/lint-imports.log; false)
	@.venv/bin/python manage.py makemigrations --check --dry-run > .venv/migrations.log 2>&1 || (cat .venv/migrations.log; false)
	@env HELIOGRAPH_ENV=production DATABASE_URL=postgres://nobody@127.0.0.1:9/none PUBLIC_URL=https://push.example.org \
		SECRET_KEY=$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
		FIELD_ENCRYPTION_KEYS=k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= \
		.venv/bin/python manage.py check --deploy --fail-level WARNING > .venv/check.log 2>&1 || (cat .venv/check.log; false)

# After a change of pyproject.toml's dependencies: pins both locks anew, keeping what still fits. Needs uv and the network.
LOCK = uv pip compile --quiet --no-config --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock:
	@$(LOCK) --all-extras pyproject.toml --output-file requirements.lock > /dev/null
	@$(LOCK) --constraint requirements.lock pyproject.toml --output-file requirements-production.lock > /dev/null

# Known vulnerabilities of what is pinned. It asks the advisory database of the Python packages, so it needs the network, and its
# answer changes from day to day: for a schedule of CI's, not for `make test`. Fails (--strict) where it could not ask.
audit: setup
	@test -x .venv/audit/bin/pip-audit || { .venv/bin/python -m venv .venv/audit && .venv/audit/bin/python -m pip install --quiet pip-audit; }
	@.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

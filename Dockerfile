# One image for web, workers and beat: `python manage.py run PROGRAM`. See compose.yaml.
FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/heliograph
COPY requirements-production.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements-production.lock
COPY . .
# Static files are collected with throw-away secrets; the real ones come with the container's environment.
RUN HELIOGRAPH_ENV=production DATABASE_URL=postgres://none SECRET_KEY=none FIELD_ENCRYPTION_KEYS=k1:none \
    python manage.py collectstatic --noinput --verbosity 0
USER 10001
CMD ["python", "manage.py", "run", "web", "--host", "0.0.0.0"]

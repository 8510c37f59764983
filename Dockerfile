FROM python:3.11-slim AS build
ARG UV_VERSION=0.13.8
RUN pip install --no-cache-dir uv==${UV_VERSION}
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --python /usr/local/bin/python3
COPY . .
# Settings are read, nothing connects; none of these values reaches the final image.
RUN DATABASE_URL=postgresql://build@127.0.0.1:1/build SECRET_KEY=build FERNET_KEYS=build \
    .venv/bin/python manage.py collectstatic --no-input

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home mlc
COPY --from=build /app /app
WORKDIR /app
USER mlc
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "config.wsgi:application"]

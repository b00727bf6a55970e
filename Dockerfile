# Stages: `deckwatch` is the program; those after it are applications of examples that it monitors. The classic builder,
# Debian 12's default, builds every stage before the target.
FROM python:3.13.9-slim-trixie AS build
WORKDIR /src
RUN python -m venv /opt/deckwatch
ENV PATH=/opt/deckwatch/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# Without a network: `make wheels`, then --build-arg PIP_NO_INDEX=1. The lock file is copied too, since a pattern may match nothing.
ARG PIP_NO_INDEX=
COPY requirements.lock dist/wheel[s] wheels/
RUN pip install --require-hashes --find-links wheels --requirement wheels/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY deckwatch deckwatch
COPY exporter exporter
COPY dashboards dashboards
COPY alerting alerting
COPY provisioning provisioning
COPY examples examples
RUN pip install --no-deps --no-build-isolation . && pip uninstall --yes pip

FROM python:3.13.9-slim-trixie AS runtime
# The folder is for positions in logs and watermarks of queries: a volume that is mounted there gets its owner.
RUN useradd --uid 9877 --no-create-home --shell /usr/sbin/nologin deckwatch \
  && install --directory --owner=9877 --group=9877 /var/lib/deckwatch
ENV PATH=/opt/deckwatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 9877:9877

FROM runtime AS deckwatch
COPY --from=build /opt/deckwatch /opt/deckwatch
WORKDIR /
EXPOSE 9877
ENTRYPOINT ["deckwatch"]
CMD ["serve", "--listen=:9877"]

FROM build AS build-shop
RUN python -m ensurepip
COPY requirements-dev.lock ./
RUN python -m pip install --require-hashes --requirement requirements-dev.lock

FROM runtime AS shop
COPY --from=build-shop /opt/deckwatch /opt/deckwatch
COPY examples/shop /shop
WORKDIR /shop
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]

FROM node:20.20.2-trixie-slim AS web-shop
WORKDIR /web-shop
COPY examples/web-shop/package.json examples/web-shop/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY examples/web-shop/*.js ./
EXPOSE 8000

FROM runtime AS api
COPY --from=build-shop /opt/deckwatch /opt/deckwatch
COPY examples/api /api
WORKDIR /api
EXPOSE 8001

FROM runtime AS workflow
COPY --from=build-shop /opt/deckwatch /opt/deckwatch
COPY examples/workflow /workflow
WORKDIR /workflow
EXPOSE 8010

FROM runtime AS migration
COPY --from=build-shop /opt/deckwatch /opt/deckwatch
COPY examples/migration /migration
WORKDIR /migration
EXPOSE 8020

FROM runtime AS traces
COPY --from=build-shop /opt/deckwatch /opt/deckwatch
COPY examples/traces /traces
WORKDIR /traces
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]

# The target where none is named.
FROM deckwatch

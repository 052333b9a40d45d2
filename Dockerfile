# The bridge as an image: exactly the locked packages, no compiler, not root.
#   docker build -t teams-bridge .
#   docker run -v ./teams-bridge:/data -p 29318:29318 teams-bridge
# /data holds config.yaml and, with `database.uri: embedded`, the database.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/bridge
COPY deploy/requirements-run.txt deploy/
RUN /opt/bridge/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps \
        -r deploy/requirements-run.txt
COPY pyproject.toml README.md LICENSE config.example.yaml ./
COPY migrations migrations
COPY bridge bridge
RUN /opt/bridge/bin/pip install --no-cache-dir --no-index --no-build-isolation --no-deps .

FROM python:3.13-slim-bookworm
# Postgres, which may run inside, wants a user that has a name.
# /spool is for files on their way, which must not lie in memory.
RUN useradd --system --uid 10001 --create-home --home-dir /data bridge && chmod 0700 /data \
    && install --directory --owner bridge --mode 0700 /spool
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/spool \
    TEAMS_BRIDGE_APPSERVICE_LISTEN=0.0.0.0:29318
USER bridge
WORKDIR /data
VOLUME /data /spool
EXPOSE 29318
# Alive, not ready: a container must not be restarted because Microsoft or the homeserver is away.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:29318/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["teams-bridge"]
CMD ["run"]

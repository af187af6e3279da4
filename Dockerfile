# The daemon as an image: docs/set-ups.md. A test runs these steps in a bare Debian (tests/set_ups/test_image.py).
FROM debian:trixie-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/run.lock requirements/run.lock
RUN python3 -m venv /opt/jobrunner \
 && /opt/jobrunner/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY jobrunner jobrunner
COPY alembic alembic
RUN /opt/jobrunner/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/jobrunner/bin/pip check

FROM debian:trixie-slim
# ca-certificates: TLS to mail servers and webhooks. tini: reaps what a job leaves behind, passes signals on.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --create-home --home-dir /var/lib/jobrunner jobrunner
COPY --from=build /opt/jobrunner /opt/jobrunner
COPY scripts/set-ups/entrypoint /usr/local/bin/jobrunner-entrypoint
COPY scripts/set-ups/healthy /usr/local/bin/jobrunner-healthy
ENV PATH=/opt/jobrunner/bin:/usr/local/bin:/usr/bin:/bin
ENV PYTHONUNBUFFERED=1
ENV JOBRUNNER_HTTP__HOST=0.0.0.0
WORKDIR /var/lib/jobrunner
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8150
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 CMD ["jobrunner-healthy"]
ENTRYPOINT ["tini", "--", "jobrunner-entrypoint"]
CMD ["daemon"]

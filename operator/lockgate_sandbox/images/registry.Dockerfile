# The sandbox's W&B-compatible registry server.
#
#   docker build --tag lockgate-registry --file operator/lockgate_sandbox/images/registry.Dockerfile .
ARG BASE=python:3.12-slim

FROM ${BASE} AS dependencies
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/registry
COPY requirements/registry.txt /tmp/requirements.txt
RUN ["/opt/pip/bin/pip", "--python", "/opt/registry/bin/python", "install", "--no-cache-dir", \
     "--require-hashes", "--requirement", "/tmp/requirements.txt"]

FROM dependencies AS source
COPY operator/lockgate_sandbox/__init__.py /opt/source/lockgate_sandbox/__init__.py
COPY operator/lockgate_sandbox/errors.py /opt/source/lockgate_sandbox/errors.py
COPY operator/lockgate_sandbox/registry /opt/source/lockgate_sandbox/registry
RUN ["/opt/registry/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/opt/source"]

FROM ${BASE}
# The user has no entry in /etc/passwd, and need not be this one: its name and home are said here.
ENV PATH=/opt/registry/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp USER=lockgate PYTHONPATH=/opt/source PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/registry /opt/registry
COPY --from=source /opt/source /opt/source
USER 10001:10001
ENTRYPOINT ["python", "-m", "lockgate_sandbox.registry"]
CMD ["serve", "--host=0.0.0.0", "--port=8080", "--data-dir=/data"]

# The sandbox's model server on Ray: what KubeRay starts, with the Serve application beside it.
#
#   docker build --tag lockgate-rayserver --file operator/lockgate_sandbox/modelserver/ray.Dockerfile .
ARG BASE=python:3.12-slim

FROM ${BASE} AS dependencies
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/rayserver
COPY requirements/rayserver.txt /tmp/requirements.txt
RUN ["/opt/pip/bin/pip", "--python", "/opt/rayserver/bin/python", "install", "--no-cache-dir", \
     "--require-hashes", "--requirement", "/tmp/requirements.txt"]

FROM ${BASE}
# KubeRay asks for bash by its path, and for nothing that another shell has not.
RUN ["/bin/sh", "-c", "test -e /bin/bash || ln -s sh /bin/bash"]
ENV PATH=/opt/rayserver/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp USER=lockgate PYTHONPATH=/opt/source PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 RAY_USAGE_STATS_ENABLED=0
COPY --from=dependencies /opt/rayserver /opt/rayserver
COPY operator/lockgate_sandbox/modelserver /opt/source/modelserver
USER 10001:10001

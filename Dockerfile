# The operator's image, and the image that fetches models into pods.
#
#   docker build --tag lockgate .
#
# Two layers carry it: the locked dependencies, and on them the source, so that a change of the
# source costs a layer of less than a megabyte.
#
# For a release name the base by digest: --build-arg BASE=python:3.12-slim@sha256:...
ARG BASE=python:3.12-slim

# Environments hold no pip of their own; the one that fills them stays behind in this stage.
FROM ${BASE} AS dependencies
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/lockgate
COPY requirements/operator.txt /tmp/requirements.txt
RUN ["/opt/pip/bin/pip", "--python", "/opt/lockgate/bin/python", "install", "--no-cache-dir", \
     "--require-hashes", "--requirement", "/tmp/requirements.txt"]
RUN /opt/lockgate/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > /tmp/purelib \
    && echo /opt/source > "$(cat /tmp/purelib)/lockgate.pth" \
    && printf '%s\n' '#!/opt/lockgate/bin/python' 'import sys' 'from lockgate.__main__ import main' \
       'sys.exit(main())' > /opt/lockgate/bin/lockgate \
    && chmod 0755 /opt/lockgate/bin/lockgate

FROM dependencies AS source
COPY operator/lockgate /opt/source/lockgate
# A pod's root file system is read-only: what is not compiled now is compiled at every start.
RUN ["/opt/lockgate/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/opt/source"]

FROM ${BASE}
# The user has no entry in /etc/passwd, and need not be this one: its name and home are said here.
ENV PATH=/opt/lockgate/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp USER=lockgate PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/lockgate /opt/lockgate
COPY --from=source /opt/source /opt/source
USER 10001:10001
ENTRYPOINT ["lockgate"]

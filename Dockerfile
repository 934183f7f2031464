# mmkd_ray with all that it needs: for `mmkd`, and for the pods of configs/deploy.
#   docker build -t mmkd-ray:cpu .
#   docker build -t mmkd-ray:gpu --build-arg EXTRA=gpu .    # NVIDIA GPUs; the wheels bring CUDA's libraries
#   docker run --rm -p 8000:8000 -v "$PWD/runs:/runs" mmkd-ray:cpu serve /runs/NAME/study/makd-seed0-... serve.host=0.0.0.0
FROM python:3.11-slim-bookworm AS build
# cpu or gpu: which vLLM; docs/deployment.md says what a machine that only serves needs.
ARG EXTRA=cpu
RUN pip install --no-cache-dir "uv>=0.9"
ENV UV_LINK_MODE=copy UV_PYTHON=/usr/local/bin/python3.11
WORKDIR /app
# First what seldom changes: this layer stays while only the code does.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-cache --extra "$EXTRA" --no-install-project --compile-bytecode
COPY README.md LICENSE ./
COPY mmkd_ray mmkd_ray
RUN uv sync --frozen --no-dev --no-cache --extra "$EXTRA" --no-editable --compile-bytecode

FROM python:3.11-slim-bookworm
# wget: KubeRay's probes ask by it. A compiler: PyTorch and vLLM compile some of their code when they run.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libgomp1 wget \
    && rm -rf /var/lib/apt/lists/*
# KubeRay starts pods by a login shell, which sets PATH anew.
RUN echo 'export PATH="/app/.venv/bin:$PATH"' > /etc/profile.d/mmkd.sh \
    && useradd --create-home --uid 1000 mmkd
COPY --from=build /app/.venv /app/.venv
COPY configs /app/configs
COPY jobs /app/jobs
ENV PATH="/app/.venv/bin:$PATH" RAY_USAGE_STATS_ENABLED=0 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
WORKDIR /app
USER mmkd
EXPOSE 8000
ENTRYPOINT ["mmkd"]
CMD ["--help"]

# hw4 with its networks, and gsplat compiled for several generations of cards:
#   docker build -t hw4 .
#   docker run --gpus all -v /data:/data -v hw4:/cache hw4 task=pose model=dust3r data=pairs data.root=/data/pairs
# CUDA's major version must be that of the torch which pip chooses; `hw4 doctor` in the container says whether it is.
ARG CUDA=13.0.1
FROM nvidia/cuda:${CUDA}-devel-ubuntu24.04

RUN apt-get update && apt-get install -y --no-install-recommends \
        python3 python3-dev python3-venv git g++ libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
ENV VIRTUAL_ENV=/opt/hw4 PATH=/opt/hw4/bin:$PATH MPLBACKEND=Agg
RUN python3 -m venv $VIRTUAL_ENV

WORKDIR /src
COPY . .
RUN pip install --no-cache-dir ".[all,gpu,cluster]"

# Compiled without a GPU: Turing, Ampere, Ada, Hopper, Blackwell, and whatever comes after.
ARG TORCH_CUDA_ARCH_LIST="7.5 8.0 8.6 8.9 9.0 10.0 12.0+PTX"
ENV TORCH_CUDA_ARCH_LIST=${TORCH_CUDA_ARCH_LIST} TORCH_EXTENSIONS_DIR=/opt/torch_extensions
RUN python -c "from gsplat.cuda._backend import _C; assert _C is not None" && chmod -R a+rX $TORCH_EXTENSIONS_DIR

# Upstream's sources, generated data, weights: a volume keeps them from one container to the next.
ENV XDG_CACHE_HOME=/cache HF_HOME=/cache/huggingface TORCH_HOME=/cache/torch
RUN mkdir -p /cache /work && chmod 1777 /cache /work
WORKDIR /work
ENTRYPOINT ["hw4"]

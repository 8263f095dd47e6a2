# SPDX-License-Identifier: Apache-2.0
#
# TensorFlow 2.21 on Python 3.13, with CUDA:
#
#   docker build --tag bioalbert .
#   docker run --rm --gpus all --volume "$PWD/data:/bioalbert/data" \
#     --volume "$PWD/output:/bioalbert/output" bioalbert python run_ner.py ...
#
# GPUs need NVIDIA's container toolkit on the machine; without --gpus it runs on
# CPUs. tensorflow/tensorflow:2.21.0-gpu is not the base: its cuDNN 8.9 is too
# old for its TensorFlow, which then finds no GPU, and its Python is 3.11, for
# which requirements.txt has TensorFlow 2.15. No Docker was available to build
# this: its RUN line was tried in a minimal Debian with Python 3.13.
FROM python:3.13-slim
WORKDIR /bioalbert
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt "tensorflow[and-cuda]"
COPY . .
CMD ["bash"]

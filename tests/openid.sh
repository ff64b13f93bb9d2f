#!/usr/bin/env bash
# Puts an OpenID provider (npm, locked by its hashes) beside the tests, so that signing in by one is tried against somebody else's software.
# Where that cannot be had the tests of it are skipped and say so.
set -uo pipefail
cd "$(dirname "$0")/openid"
without() { echo "tests: $1; signing in by a provider will not be tried against a real one" >&2; exit 0; }
if [ -d node_modules/oidc-provider ]; then exit 0; fi
if ! command -v npm >/dev/null; then
  command -v apt-get >/dev/null || without "expected Node.js on this machine, and found no apt-get to install it"
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  echo "Installing Node.js …"
  export DEBIAN_FRONTEND=noninteractive
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq nodejs npm >/dev/null; } || without "Node.js could not be installed"
fi
npm ci --ignore-scripts --no-audit --no-fund --silent || without "the provider could not be installed"

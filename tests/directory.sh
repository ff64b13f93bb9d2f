#!/usr/bin/env bash
# Puts Debian's OpenLDAP server on a machine that lacks it, so that signing in by a directory is tried against somebody else's software.
# Where that cannot be had the tests of it are skipped and say so.
set -uo pipefail
without() { echo "tests: $1; signing in by a directory will not be tried against a real one" >&2; exit 0; }
if [ -x /usr/sbin/slapd ] || command -v slapd >/dev/null; then exit 0; fi
command -v apt-get >/dev/null || without "expected slapd on this machine, and found no apt-get to install it"
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
echo "Installing slapd …"
export DEBIAN_FRONTEND=noninteractive
{ $sudo apt-get update -qq && $sudo apt-get install -y -qq slapd >/dev/null; } || without "slapd could not be installed"

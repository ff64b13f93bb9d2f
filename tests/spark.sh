#!/usr/bin/env bash
# Puts pyspark into the environment and Java 17 on the machine, so that the tests compare Spark with the other engines.
# Where that cannot be had the tests of Spark are skipped and say so; `make test SPARK=no` leaves it out (half a gigabyte).
set -uo pipefail
bin="$1"
lock="$(dirname "$0")/../requirements-spark.lock"
if [ "${SPARK:-yes}" = "no" ]; then exit 0; fi
without() { echo "tests: $1; Spark will not be compared with the other engines" >&2; exit 0; }
if ! command -v java >/dev/null; then
  command -v apt-get >/dev/null || without "expected Java 17 on this machine, and found no apt-get to install it"
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  echo "Installing Java 17 …"
  export DEBIAN_FRONTEND=noninteractive
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq openjdk-17-jre-headless >/dev/null; } || without "Java 17 could not be installed"
fi
if ! "$bin/python" -c "import pyspark" 2>/dev/null; then
  echo "Installing Spark …"
  "$bin/uv" pip install --quiet --python "$bin/python" --require-hashes -r "$lock" || without "pyspark could not be installed"
fi

#!/bin/sh
# release.sh KEY [RESULTS]: what is released, in dist/: wheel, source archive, bill of materials, validation pack, checksums, and a signature over the checksums.
# KEY is a private key of OpenSSH (ssh-keygen -t ed25519); RESULTS are the results of the tests (pytest --junitxml). Verified as docs/operating.md says.
set -eu
key=${1:?expected a private key of OpenSSH: tools/release.sh KEY [RESULTS]}
results=${2:-}
python=${PYTHON:-.venv/bin/python}
out=${OUT:-dist}
[ -e "$out" ] && { echo "release: expected no folder $out yet; move the old one away first" >&2; exit 1; }
[ -z "$(git status --porcelain)" ] || { echo "release: expected a checkout without changes, so that the commit says what is in it" >&2; exit 1; }
mkdir -p "$out"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH  # the same commit gives the same bytes
"$python" -m hatchling build -t wheel -d "$out" >/dev/null
"$python" -m hatchling build -t sdist -d "$out" >/dev/null
"$python" -m baybridge parts --cyclonedx > "$out/baybridge.cdx.json"
if [ -n "$results" ]; then
  "$python" -m baybridge validation --results "$results" --out "$out/validation" || { echo "release: a control of a hazard is not shown by these results" >&2; exit 1; }
fi
( cd "$out" && find . -type f ! -name 'SHA256SUMS*' | sort | sed 's|^\./||' | while read -r file; do sha256sum "$file"; done > SHA256SUMS )
ssh-keygen -q -Y sign -f "$key" -n baybridge-release "$out/SHA256SUMS"
echo "$out: $(wc -l < "$out/SHA256SUMS") files, signed"

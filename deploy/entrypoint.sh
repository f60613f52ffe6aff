#!/bin/sh
# Runs `wherefrom` with the secrets that stand in files: the content of wherefrom_elasticsearch_password, say, becomes the
# variable WHEREFROM_ELASTICSEARCH_PASSWORD. Files are looked for in $SECRETS, /run/secrets where that is not set.
#
# Before it serves, it asks a tiny index of its own code: kernels are compiled for the processor at hand when they are first
# called, half a minute of work that would else be the first question's.
set -eu
for file in "${SECRETS:-/run/secrets}"/wherefrom_*; do
  [ -f "$file" ] || continue
  name=$(basename "$file" | tr '[:lower:]' '[:upper:]')
  value=$(cat "$file")
  export "$name=$value"
done
if [ "${1:-}" = serve ]; then
  code=$(python -c 'import indexer.query; print(indexer.query.__path__[0])')
  wherefrom index "dir:$code" --output /tmp/warm.index --force >/dev/null || true # a server without it is slow at first, no more
  wherefrom trace "$code/parse.py" --index /tmp/warm.index >/dev/null || true
  rm -rf /tmp/warm.index
fi
exec wherefrom "$@"

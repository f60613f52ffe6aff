#!/bin/sh
# Makes the passwords of compose.yaml, 32 random hex digits each, in SECRETS, an absolute path, or deploy/secrets; those that stand
# there stay.
#
# The folder is the caller's alone; the files in it may be read by whoever a container runs as.
set -eu
case ${SECRETS:-/} in
  /*) ;;
  *) echo "SECRETS=$SECRETS: wanted an absolute path, as compose.yaml reads another one from deploy/" >&2; exit 2 ;;
esac
folder=${SECRETS:-$(dirname "$0")/secrets}
mkdir -p -m 700 "$folder"
for name in elastic reader writer; do
  [ -s "$folder/${name}_password" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/${name}_password"
  chmod 644 "$folder/${name}_password"
done

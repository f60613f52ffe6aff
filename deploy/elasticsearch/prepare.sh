#!/bin/bash
# Makes what nodes need before they start: prepare.sh FOLDER PUBLIC_FOLDER SNAPSHOTS PASSWORD_FILE NODE...
#
# FOLDER is the nodes' own: a certificate authority with its key, a certificate for each node, and the first password, as their
# image wants it, readable by them alone. PUBLIC_FOLDER gets the one file that clients need; SNAPSHOTS may be written by nodes.
# Certificates that stand there stay.
set -euo pipefail
folder=$1 public=$2 snapshots=$3 password=$4
shift 4
user=${NODE_USER:-1000} bin=${ES_HOME:-/usr/share/elasticsearch}/bin
if [ ! -f "$folder/ca/ca.crt" ]; then
  "$bin/elasticsearch-certutil" ca --silent --pem --out "$folder/ca.zip"
  unzip -q "$folder/ca.zip" -d "$folder" && rm "$folder/ca.zip"
fi
for node in "$@"; do
  [ ! -f "$folder/$node/$node.crt" ] || continue
  "$bin/elasticsearch-certutil" cert --silent --pem --out "$folder/$node.zip" --name "$node" --dns "$node,localhost" --ip 127.0.0.1 \
    --ca-cert "$folder/ca/ca.crt" --ca-key "$folder/ca/ca.key"
  unzip -q "$folder/$node.zip" -d "$folder" && rm "$folder/$node.zip"
done
install -m 600 "$password" "$folder/elastic_password"
chmod -R u=rwX,go= "$folder"
chown -R "$user" "$folder" "$snapshots"
install -m 644 "$folder/ca/ca.crt" "$public/ca.crt"

#!/bin/bash
# Gives Wherefrom's users their passwords and roles: users.sh URL CA_FILE SECRETS. Running it again sets the passwords that stand there now.
#
# SECRETS holds elastic_password and the passwords of both users. They go to curl by a file: a command line can be read by others.
set -euo pipefail
url=$1 ca=$2 secrets=$3
request() { # PATH BODY
  curl --silent --show-error --fail-with-body --cacert "$ca" --config <(printf 'user = "elastic:%s"\n' "$(cat "$secrets/elastic_password")") \
    --header 'content-type: application/json' --request PUT "$url/$1" --data-binary @- <<<"$2"
}
for role in reader writer; do
  request "_security/user/wherefrom-$role" "{\"password\": \"$(cat "$secrets/${role}_password")\", \"roles\": [\"wherefrom_$role\"]}"
done
